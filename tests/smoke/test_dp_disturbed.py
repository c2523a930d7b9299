# SPDX-License-Identifier: Apache-2.0
"""What befalls the interfaces of a dp process, and what others do to its guard: no restart, and a sentence for each."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from functools import partial

import pytest

from lbd.fastpath import api
from tests.smoke.dp_stage import Dp, attached, becomes, dp_alone

pytestmark = pytest.mark.root

STORM = 1000
SERVICE = api.Service(
    key=api.ServiceKey("10.9.0.100", 80, api.Protocol.TCP),
    reals=(api.Real("10.9.0.51", 80, 1, api.Method.NAT),),
)


@pytest.fixture
async def dp() -> AsyncIterator[Dp]:
    """With every interface that there is as a port."""
    async with dp_alone() as dp:
        dp.end()
        dp.start("--workers", "1")
        yield dp


def guarded(dp: Dp) -> list[str]:
    """The devices of the guard's chains."""
    return sorted(re.findall(r'hook ingress device "?([\w@.]+)"? ', dp.host.run("nft", "list", "ruleset")))


async def test_a_port_is_renamed_up_and_down(dp):
    client = await dp.client()
    await becomes(client, attached, 5)
    dp.host.ip("link set a0 down", "link set a0 name c0", "link set c0 up")
    status = await becomes(client, lambda s: attached(s, "c0"), 2)
    assert not attached(status)
    await becomes(client, lambda _: guarded(dp) == ["b0", "c0"], 2)
    dp.host.ip("link set c0 down", "link set c0 name a0", "link set a0 up")
    status = await becomes(client, lambda s: attached(s) and not attached(s, "c0"), 2)
    await becomes(client, lambda _: guarded(dp) == ["a0", "b0"], 2)
    assert status.guard == "standing"
    await client.close()


async def test_members_of_a_bridge_are_no_ports_and_the_bridge_is(dp):
    client = await dp.client()
    await becomes(client, attached, 5)
    dp.host.ip("link add br0 type bridge", "link set b0 master br0", "link set br0 up")
    await becomes(client, lambda s: attached(s, "br0") and not attached(s, "b0"), 2)
    await becomes(client, lambda _: guarded(dp) == ["a0", "br0"], 2)
    dp.host.ip("link set b0 nomaster", "link del br0")
    await becomes(client, lambda s: attached(s, "b0") and not attached(s, "br0"), 2)
    await client.close()


async def test_more_names_than_ports_over_time(dp):
    """Containers come and go, each by a new interface; it was the end of all changes after the 64th."""
    client = await dp.client()
    await becomes(client, attached, 5)
    for n in range(70):
        dp.host.ip(f"link add n{n} type veth peer name m{n}", f"link set n{n} up", f"link set m{n} up")
        await becomes(client, partial(attached, name=f"n{n}"), 5)
        dp.host.ip(f"link del n{n}")
    status = await becomes(client, lambda s: not attached(s, "n69"), 5)
    assert attached(status)
    assert status.warnings == ()
    await client.close()


async def test_a_storm_of_interfaces(dp):
    """Twice a thousand come and go: the ports that balance stay, what is left out is named, and all is as before."""
    dp.host.ip("addr add 10.9.7.1/24 dev b0")
    client = await dp.client()
    await client.apply(api.SetService(SERVICE))
    await becomes(client, attached, 5)
    dp.host.ip(*(f"link add s{n} group 7 type veth peer name t{n} group 7" for n in range(STORM)))
    dp.host.ip(*(f"link set {end}{n} up" for n in range(STORM) for end in "st"))
    status = await becomes(client, lambda s: any("are left out" in text for text in s.warnings), 60)
    assert attached(status)
    assert attached(status, "b0")
    dp.host.run("ip", "link", "del", "group", "7", timeout=60)
    status = await becomes(client, lambda s: sum(p.attached for p in s.ports if p.kind == "shared") == 2, 60)
    await becomes(client, lambda s: s.warnings == () and guarded(dp) == ["a0", "b0"], 10)
    assert (await client.stats()).services[0].claimed
    await client.close()


async def test_somebody_keeps_deleting_the_guard(dp):
    """A table with an owner is none of others' to delete; its holder can be killed, and then it stands again."""
    client = await dp.client()
    await client.apply(api.SetService(SERVICE))
    await becomes(
        client, lambda s: s.guard == "standing" and "lbd" in dp.host.run("nft", "list", "tables"), 5
    )
    ended = time.monotonic() + 2
    while time.monotonic() < ended:
        dp.host.run("nft", "flush", "ruleset")
        dp.host.run("sh", "-c", "nft delete table netdev lbd 2>/dev/null || true")
        assert "10.9.0.100 . 6 . 80" in dp.host.run("nft", "-n", "list", "ruleset")
        await asyncio.sleep(0)
    assert dp.process is not None
    for pid in dp.host.pids():
        with open(f"/proc/{pid}/comm") as comm:
            if comm.read() == "nft\n":
                os.kill(pid, signal.SIGKILL)
    await becomes(client, lambda _: "10.9.0.100 . 6 . 80" in dp.host.run("nft", "-n", "list", "ruleset"), 5)
    assert (await client.status()).guard == "standing"
    await client.close()
