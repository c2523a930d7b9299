# SPDX-License-Identifier: Apache-2.0
"""200 MB each way through FullNAT, with everybody's offloads as they are and with all off; nothing is left after it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lbd.fastpath import api
from tests.smoke import traffic
from tests.smoke.pair import Pair
from tests.smoke.topology import NUMBERS, VIP, Topology

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module")]
LENGTH = 200_000_000
SHORT = api.Timeouts(fin_wait=1, time_wait=1, close=1, close_wait=1, last_ack=1)
OFF = ("rx", "tx", "sg", "tso", "gso", "gro")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair() -> AsyncIterator[Pair]:
    with Topology("fnat") as net:
        await net.serve()
        pair = Pair(net)
        await pair.start_transfers()
        yield pair


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("offloads", ["default", "off"])
async def test_200_mb_each_way_arrive_whole_and_leave_nothing(pair: Pair, offloads: str, family: int) -> None:
    if offloads == "off":
        switches = [word for name in OFF for word in (name, "off")]
        for name in NUMBERS:
            pair.net[name].run("ethtool", "-K", "eth0", *switches)
    async with pair.lb1.dp() as dp:
        await dp.apply(api.SetTimeouts(SHORT))
    client = pair.net["client"]
    await traffic.download(client, VIP[family], LENGTH)
    await traffic.upload(client, VIP[family], LENGTH)
    status = await pair.lb1.dp_becomes(lambda now: now.connections == 0, 15)
    assert status.mbufs_in_use == 0
    assert status.drops == {}
    assert status.rx + status.originated == status.tx + status.waiting + sum(status.punts.values()) + sum(
        status.passes.values()
    )
