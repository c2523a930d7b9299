# SPDX-License-Identifier: Apache-2.0
"""Real servers that stop, hang and come back under a steady load: the check takes them out and in."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from demo.expect import silence_time
from tests.smoke.pair import Pair
from tests.smoke.topology import EXAMPLES, HTTP, REAL_SERVERS, VIP, Topology
from tests.smoke.traffic import Load

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fnat", "nat", "dr"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    with Topology(request.param) as net:
        await net.serve()
        pair = Pair(net)
        await pair.start_examples()
        yield pair


async def is_out_then_in(pair: Pair, load: Load, family: int, name: str) -> None:
    """From the moment it is out no request fails, and none reaches it."""
    now = asyncio.get_running_loop().time
    address = pair.net.address(name, family)
    limit = silence_time(EXAMPLES / f"{pair.net.mode}-lb1.conf", address)
    await pair.lb1.serves(pair.reals(family) - {address}, VIP[family], HTTP, limit)
    out = now()
    await load.count(30, out)
    assert load.failures(out) == []
    assert set(load.spread(out)) == set(REAL_SERVERS) - {name}


async def takes_part(pair: Pair, load: Load, family: int, name: str) -> None:
    now = asyncio.get_running_loop().time
    await pair.lb1.serves(pair.reals(family), VIP[family], HTTP, 30)
    back = now()
    await load.answered({name}, back, 5)
    assert load.failures(back) == []


@pytest.mark.parametrize("family", [4, 6])
async def test_a_stopped_server_leaves_and_returns(pair: Pair, family: int) -> None:
    async with Load(pair.net["client"], VIP[family]) as load:
        await pair.net.programs["nginx-rs3"].end()
        try:
            await is_out_then_in(pair, load, family, "rs3")
        finally:
            pair.net.start_nginx("rs3")
        await takes_part(pair, load, family, "rs3")
    for director in (pair.lb1, pair.lb2):
        await director.serves(pair.reals(10 - family), VIP[10 - family], HTTP, 30)


async def test_a_silent_server_leaves_within_its_time_and_returns(pair: Pair) -> None:
    nginx = pair.net.programs["nginx-rs2"]
    async with Load(pair.net["client"], VIP[4]) as load:
        nginx.send(signal.SIGSTOP)
        try:
            await is_out_then_in(pair, load, 4, "rs2")
        finally:
            nginx.send(signal.SIGCONT)
        await takes_part(pair, load, 4, "rs2")
