# SPDX-License-Identifier: Apache-2.0
"""What others see: tcpdump on the director, and a host that goes through a NAT director past the VIP."""

import asyncio

import pytest

from tests.smoke import traffic
from tests.smoke.pair import Pair
from tests.smoke.program import Program
from tests.smoke.topology import REAL_SERVERS, VIP, Topology

pytestmark = pytest.mark.root


async def test_tcpdump_on_the_director_shows_the_frames_of_both_legs() -> None:
    with Topology("fnat") as net:
        await net.serve()
        pair = Pair(net)
        await pair.start_examples()
        wanted = "port 80 and (host 10.73.0.9 or net 10.73.0.20/30 or host 10.73.0.24)"
        command = ("tcpdump", "-lnni", "eth0", wanted)
        dump = Program(net["lb1"], "tcpdump", net.directory / "tcpdump.log", *command)
        await dump.says("listening on", 10)
        await traffic.get(net["client"], VIP[4])
        await dump.says(r"IP 10\.73\.0\.9\.\d+ > 10\.73\.0\.100\.80: Flags \[S\]", 5)
        await dump.says(r"IP 10\.73\.0\.2[1-4]\.\d+ > 10\.73\.0\.5[1-3]\.80: Flags \[S\]", 5)
        await dump.says(r"IP 10\.73\.0\.100\.80 > 10\.73\.0\.9\.\d+: Flags \[S\.\]", 5)
        await dump.end()


@pytest.mark.parametrize("family", [4, 6])
async def test_a_host_routed_through_a_nat_director_reaches_the_service_port(family: int) -> None:
    """Its answers come from a NAT server's service port, so they are claimed, wanted by nobody, and given back."""
    with Topology("nat") as net:
        await net.serve()
        pair = Pair(net)
        await pair.start_examples()
        behind = "10.74.0.0/24" if family == 4 else "fd74::/64"
        net["client"].ip(f"route add {behind} via {net.address('lb1', family)}")
        for name in REAL_SERVERS:
            assert await traffic.get(net["client"], net.address(name, family)) == name
        status = await pair.lb1.dp_status()
        assert sum(status.punts.values()) >= 3 * len(REAL_SERVERS)
        await asyncio.sleep(1.5)  # a round of the health checks, which go the same way
        assert await pair.lb1.serving(VIP[family], 80) == pair.reals(family)
