# SPDX-License-Identifier: Apache-2.0
"""The examples, run as they are: every forwarding method balances HTTP and UDP over IPv4 and IPv6."""

import json
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lbd.cli.status import Service
from tests.smoke import traffic
from tests.smoke.pair import Pair
from tests.smoke.topology import ECHO, HTTP, REAL_SERVERS, VIP, Topology

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module")]
REQUESTS = 200


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fnat", "nat", "dr"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    with Topology(request.param) as net:
        await net.serve()
        pair = Pair(net)
        await pair.start_examples()
        yield pair


async def service(pair: Pair, family: int, protocol: str, port: int) -> Service:
    address = f"{protocol} {VIP[family]}:{port}" if family == 4 else f"{protocol} [{VIP[family]}]:{port}"
    return next(s for s in (await pair.lb1.overview()).services if s.address == address)


def as_the_scheduler_says(asked: Service, pair: Pair, family: int, answered: Counter[str]) -> bool:
    """rr and wrr: by weight, exactly but for where the round stood. wlc: nobody is left out or preferred twice over."""
    weights = {real.address: real.weight for real in asked.real_servers}
    for name in REAL_SERVERS:
        weight = 1 if asked.lb_algo == "rr" else weights[pair.net.address(name, family)]
        total = len(weights) if asked.lb_algo == "rr" else sum(weights.values())
        share = REQUESTS * weight / total
        leeway = share / 2 if asked.lb_algo == "wlc" else max(weights.values())
        if abs(answered[name] - share) > leeway:
            return False
    return True


@pytest.mark.parametrize("family", [4, 6])
async def test_http_requests_all_succeed_and_are_spread(pair: Pair, family: int) -> None:
    answered = await traffic.spread(REQUESTS, pair.net["client"], VIP[family])
    asked = await service(pair, family, "TCP", HTTP)
    assert answered.total() == REQUESTS
    assert as_the_scheduler_says(asked, pair, family, answered), f"{asked.lb_algo}: {answered}"
    assert asked.claimed
    assert asked.counters is not None
    assert asked.counters.connections == REQUESTS
    assert asked.counters.in_packets >= 4 * REQUESTS


@pytest.mark.parametrize("family", [4, 6])
async def test_udp_questions_are_answered_by_all(pair: Pair, family: int) -> None:
    answered = Counter([await traffic.ask(pair.net["client"], VIP[family], ECHO) for _ in range(30)])
    assert set(answered) == set(REAL_SERVERS)


@pytest.mark.parametrize("family", [4, 6])
async def test_everything_else_to_the_vip_still_reaches_the_kernel(pair: Pair, family: int) -> None:
    pair.net["client"].run("ping", f"-{family}", "-c", "1", "-W", "2", VIP[family])
    with pytest.raises(ConnectionRefusedError):
        await traffic.get(pair.net["client"], VIP[family], 81)


async def test_status_tells_who_is_master_and_what_is_healthy(pair: Pair) -> None:
    lb1, lb2 = await pair.lb1.status(), await pair.lb2.status()
    assert {instance["state"] for instance in lb1["vrrp"]} == {"MASTER"}
    assert {instance["state"] for instance in lb2["vrrp"]} == {"BACKUP"}
    assert lb1["processes"] == {"vrrp": "running", "check": "running", "dp": "running"}
    assert all(real["healthy"] for entry in lb1["services"] for real in entry["real_servers"])
    assert not any(entry["claimed"] for entry in lb2["services"])
    assert json.dumps(lb1["dataplane"]["drops"]) == "{}"
