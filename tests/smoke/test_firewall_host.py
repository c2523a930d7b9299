# SPDX-License-Identifier: Apache-2.0
"""A dp process beside the firewall of its host: what would be filtered is in its status, and follows the rules."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from lbd.cli import tables
from lbd.cli.status import ask_all
from lbd.fastpath import api
from lbd.fastpath.client import Client
from lbd.kernel.firewall.watching import Watching
from tests.smoke.dp_stage import Dp, becomes, dp_alone
from tests.smoke.kernel_stage import wired_host

pytestmark = pytest.mark.root

SERVICE = api.Service(
    key=api.ServiceKey("10.9.0.100", 80, api.Protocol.TCP),
    reals=(api.Real("10.9.0.51", 80, 1, api.Method.NAT),),
)
BAN = "iptables-nft -A INPUT -s 192.0.2.7 -p tcp -m comment --comment 'a ban' -j REJECT"
MARK = (
    "iptables-legacy -t mangle -A PREROUTING -d 10.9.0.100 -p tcp -m multiport --dports 21,1024:65535 "
    "-j MARK --set-mark 1"
)
ODD = "iptables-nft -t mangle -A PREROUTING -p tcp -m statistic --mode random --probability 0.5 -j MARK --set-mark 2"


@pytest.fixture
async def dp() -> AsyncIterator[Dp]:
    async with dp_alone(BAN, MARK, ODD) as dp:
        yield dp


async def serving(dp: Dp) -> Client:
    client = await dp.client()
    await client.apply(api.SetService(SERVICE))
    return client


def names(status: api.Status, *words: str) -> bool:
    return any(all(word in text for word in words) for text in status.warnings)


async def test_rules_of_three_kinds_are_named_and_followed(dp):
    client = await serving(dp)
    status = await becomes(client, lambda s: names(s, "TCP 10.9.0.100:80", "a ban"), 5)
    assert names(status, "--mode random", "is not followed for marks")
    assert [(step.mark, step.dport) for step in status.marks] == [(1, ((21, 21), (1024, 65535)))]
    shown = tables.console()
    with shown.capture() as text:
        shown.print(tables.overview(await ask_all(dp.run_dir)))
    assert "which lbd takes before it" in " ".join(text.get().split())

    dp.host.run("iptables-nft", "-F", "INPUT")
    await becomes(client, lambda s: not names(s, "a ban"), 10)
    dp.host.run(
        "nft",
        "table inet fw { chain in { type filter hook input priority 0; policy drop; ct state established accept; }; }",
    )
    await becomes(client, lambda s: names(s, "the policy of nft: inet fw in", "TCP 10.9.0.100:80"), 10)
    dp.host.ip("rule add pref 77 from 192.0.2.0/24 lookup 100")
    await becomes(
        client, lambda s: names(s, "ip rule 77: from 192.0.2.0/24 lookup 100", "does not follow"), 5
    )
    dp.host.ip("rule del pref 77")
    await becomes(client, lambda s: not names(s, "ip rule 77"), 5)
    await client.apply(api.DeleteService(SERVICE.key))
    await becomes(client, lambda s: not names(s, "TCP 10.9.0.100:80"), 5)
    await client.close()


async def test_the_guard_is_no_news_and_a_foreign_rule_is():
    """Otherwise each change of a service would have the firewall read again."""
    with wired_host("lbdw") as host:
        told = asyncio.Event()
        watching = Watching(told.set, ours="lbd")
        host.run("nft", "table netdev lbd { set s { type ipv4_addr; }; }")
        host.run("nft", "add element netdev lbd s { 10.0.0.1 }")
        host.run("nft", "delete table netdev lbd")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(told.wait(), 1)
        host.run("nft", "add table ip other")
        await asyncio.wait_for(told.wait(), 5)
        watching.close()


async def test_without_iptables_its_rules_are_named_as_unread(tmp_path):
    from lbd.kernel.firewall.reading import read

    (tmp_path / "nft").symlink_to("/usr/sbin/nft")
    with wired_host("lbdw") as host:
        host.run("sh", "-ec", BAN)
        path = os.environ["PATH"]
        os.environ["PATH"] = str(tmp_path)
        try:
            (problem,) = (await read(ours="lbd")).problems
            os.environ["PATH"] = "/nonexistent"
            (none,) = (await read(ours="lbd")).problems
        finally:
            os.environ["PATH"] = path
    assert problem.startswith("iptables-nft-save cannot be run, and nft does not say")
    assert none == "nft cannot list the ruleset: what the host's firewall filters is not known"
