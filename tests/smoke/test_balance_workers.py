# SPDX-License-Identifier: Apache-2.0
"""Two workers: the fanout of the shared ports brings every packet to its owner, both ways."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.smoke import traffic
from tests.smoke.pair import Pair
from tests.smoke.topology import VIP, Topology

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module")]
REQUESTS = 100


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fnat", "nat"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    with Topology(request.param) as net:
        await net.serve()
        pair = Pair(net)
        await pair.start_examples("--workers", "2")
        yield pair


async def test_each_packet_comes_in_at_its_owner(pair: Pair) -> None:
    for family in (4, 6):
        answered = await traffic.spread(REQUESTS, pair.net["client"], VIP[family])
        assert answered.total() == REQUESTS
    status = await pair.lb1.dp_status()
    assert len(status.workers) == 2
    assert all(worker.rx > REQUESTS for worker in status.workers), status.workers
    assert [worker.handed for worker in status.workers] == [0, 0]
    assert [worker.taken for worker in status.workers] == [0, 0]
    assert all(worker.busy > 0 for worker in status.workers)
