# SPDX-License-Identifier: Apache-2.0
"""Processes of lbd are killed, and rule sets flushed, under a running transfer: not one byte is lost."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from tests.smoke import configurations, traffic
from tests.smoke.pair import Pair
from tests.smoke.topology import REAL_SERVERS, TRANSFER, VIP, Topology

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module")]
LENGTH = 30_000_000


@pytest_asyncio.fixture(loop_scope="module")
async def pair() -> AsyncIterator[Pair]:
    with Topology("fnat") as net:
        await net.serve()
        pair = Pair(net)
        await pair.start_transfers()
        yield pair


async def under_transfers(pair: Pair, act: Callable[[], Awaitable[None]]) -> None:
    """Both directions, both families, slow enough to last through the act, whole after it."""
    client = pair.net["client"]
    transfers = [
        asyncio.create_task(move(client, VIP[family], LENGTH, TRANSFER, 0.03))
        for move in (traffic.download, traffic.upload)
        for family in (4, 6)
    ]
    await asyncio.sleep(0.5)  # they are in full flow
    await act()
    early = [repr(task) for task in transfers if task.done()]
    assert not early, "a transfer was cut, or the act outlasted it, which shows nothing"
    await asyncio.gather(*transfers)


@pytest.mark.parametrize("role", ["check", "vrrp"])
async def test_a_killed_role_is_back_and_no_byte_is_lost(pair: Pair, role: str) -> None:
    before = (await pair.lb1.overview()).pids

    async def kill() -> None:
        os.kill(before[role], signal.SIGKILL)
        await pair.lb1.shows(lambda now: now.pids.get(role) not in (None, before[role]), 3)

    await under_transfers(pair, kill)
    after = (await pair.lb1.overview()).pids
    assert {name for name in after if after[name] != before[name]} == {role}
    assert await pair.lb1.serving(VIP[4], TRANSFER) == pair.reals(4)


async def test_a_killed_dataplane_is_back_and_serves(pair: Pair) -> None:
    """Its connections are lost, the guard stands meanwhile (no RST), and a new one has the whole table soon."""
    before = (await pair.lb1.overview()).pids
    client, loop = pair.net["client"], asyncio.get_running_loop()
    os.kill(before["dp"], signal.SIGKILL)
    killed = loop.time()
    assert "table netdev lbd" in pair.net["lb1"].run("nft", "list", "tables")
    for family in (4, 6):
        async with asyncio.timeout(5):
            while True:
                try:
                    await traffic.download(client, VIP[family], 100)
                    break
                except (OSError, EOFError):
                    await asyncio.sleep(0.01)
    assert loop.time() - killed < 5
    await pair.lb1.shows(lambda now: now.pids.get("dp") not in (None, before["dp"]), 5)
    await pair.holds(pair.lb1, 4, 5)


async def test_the_supervisor_dies_and_the_next_adopts_its_children(pair: Pair) -> None:
    before = (await pair.lb1.overview()).pids

    async def kill() -> None:
        pair.lb1.program.send(signal.SIGKILL)
        await pair.lb1.program.ended()
        assert (await pair.lb1.overview()).pids == before

    await under_transfers(pair, kill)
    await traffic.download(pair.net["client"], VIP[4], 1000)
    successor = pair.lb1.start(pair.net.directory / "lb1.conf")
    await successor.says("Adopted VRRP child process", 10)
    assert (await pair.lb1.overview()).pids == before
    assert await pair.lb1.stop() == 0
    assert pair.net["lb1"].pids() == []


FIREWALL = "table inet filter { chain input { type filter hook input priority 0; policy accept; }; }"
DISTURBANCES = {
    "nft flush ruleset": [("nft flush ruleset", "")],
    "a reload of nftables": [("nft -f -", f"flush ruleset\n{FIREWALL}\n")],
    "a restart of an iptables firewall": [
        ("iptables-nft-restore", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"),
        ("iptables-nft -F", ""),
    ],
    "other ports come, are renamed and go": [
        ("ip link add o0 type veth peer name o1", ""),
        ("ip link set o0 up", ""),
        ("ip link set o1 up", ""),
        ("ip link set o0 down", ""),
        ("ip link set o0 name p0", ""),
        ("ip link set p0 up", ""),
        ("ip link del p0", ""),
    ],
    "rules and routes come and go": [
        ("ip rule add pref 99 from 192.0.2.0/24 lookup 100", ""),
        ("ip route add blackhole 198.51.100.0/24", ""),
        ("ip route add default dev lo table 100", ""),
        ("ip rule del pref 99", ""),
        ("ip route del 198.51.100.0/24", ""),
        ("ip route flush table 100", ""),
    ],
}


@pytest.mark.parametrize("what", DISTURBANCES)
async def test_what_others_do_to_the_host_resets_nothing(pair: Pair, what: str) -> None:
    async def disturb() -> None:
        for _ in range(5):
            for command, stdin in DISTURBANCES[what]:
                pair.net["lb1"].run(*command.split(), stdin=stdin)
                await asyncio.sleep(0.02)

    await under_transfers(pair, disturb)
    assert (await pair.lb1.dp_status()).guard == "standing"


async def test_lb2_answers_soon_after_all_of_lb1_is_killed(pair: Pair) -> None:
    """By both families, for a client that knows the way.

    lb1's kernel lives on and has the address. Its lease lapses, so it is silent and refuses nobody: who tries again
    soon gets through as soon as lb2 answers.
    """
    loop = asyncio.get_running_loop()
    limit = configurations.takeover_limit("lb2")
    for family in (4, 6):
        await traffic.download(pair.net["client"], VIP[family], 100)
    killed = loop.time()
    pair.lb1.kill_all()
    for family in (4, 6):
        async with asyncio.timeout(limit + 5):
            while True:
                try:
                    async with asyncio.timeout(0.1):
                        await traffic.download(pair.net["client"], VIP[family], 100)
                    break
                except (OSError, EOFError):
                    await asyncio.sleep(0.01)
        assert loop.time() - killed <= limit + 0.1
    for family in (4, 6):
        for _ in REAL_SERVERS:
            await traffic.download(pair.net["client"], VIP[family], 100)
