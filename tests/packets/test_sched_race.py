# SPDX-License-Identifier: Apache-2.0
"""Two workers that open connections at the same time, each on a thread of its own: what they share stays exact."""

from __future__ import annotations

from array import array
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from benchmarks.frames import NETS, SYN, frame, plus
from benchmarks.plane import PORT, Plane
from lbd.fastpath import api
from tests.packets.choices import SYN as TCP_SYN

WORKERS = 2
BURSTS = 600
FLOWS = WORKERS * BURSTS * 32
SERVERS = 3


def owner(key: tuple[int, int, int], flow: int) -> int:
    """Whose an IPv4 client of ``frame`` is (stage/steer.pxd)."""
    h = key[0]
    for word in ((10 << 24 | 64 << 16) + flow, 4000):
        h = (h ^ word) * key[1] & 0xFFFFFFFF
    return ((h ^ h >> 15) * key[2] & 0xFFFFFFFF) >> 16 & 1


class Race:
    def __init__(self, scheduler: str, **more: Any) -> None:
        self.plane = Plane(capacity=3 * FLOWS, mbufs=2047, workers=WORKERS)
        self.plane.sink()
        uppers = more.pop("uppers", (0,) * SERVERS)
        reals = tuple(
            api.Real(plus(NETS[4].real, n), PORT, 1, api.Method.NAT, upper=upper)
            for n, upper in enumerate(uppers)
        )
        key = api.ServiceKey(NETS[4].vip, PORT, api.Protocol.TCP)
        service = api.Service(key=key, scheduler=scheduler, reals=reals, **more)
        self.plane.serve([api.SetService(service)])
        self.dealt = self._deal()

    def _deal(self) -> list[array[int]]:
        """Flows of each worker, alike in number."""
        key = self.plane.dp.owner_key()
        hands: list[array[int]] = [array("I") for _ in range(WORKERS)]
        for flow in range(3 * FLOWS):
            hand = hands[owner(key, flow)]
            if len(hand) < BURSTS * 32:
                hand.append(flow)
        assert all(len(hand) == BURSTS * 32 for hand in hands)
        return hands

    def run(self) -> None:
        syn = frame(4, "tcp", SYN)

        def open_all(worker: int) -> int:
            return self.plane.dp.replay(syn, self.dealt[worker], False, worker=worker)

        with ThreadPoolExecutor(WORKERS) as pool:
            assert all(pool.map(open_all, range(WORKERS)))

    def counts(self) -> list[int]:
        reals = self.plane.conf.stats().services[0].reals
        assert all(r.counters.inactive == 0 for r in reals)
        return [r.counters.active for r in reals]

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        self.plane.close()


pytestmark = pytest.mark.usefixtures("eal")


def test_turns_are_exact():
    with Race("rr") as race:
        race.run()
        assert race.counts() == [FLOWS // SERVERS] * SERVERS
        assert all(race.plane.dp.worker(i)[5] == BURSTS * 32 for i in range(WORKERS))


@pytest.mark.parametrize("scheduler", ["rr", "wlc", "lc", "sed", "twos"])
def test_limits_are_exact(scheduler):
    """Two servers fill up, to the last connection and no further."""
    with Race(scheduler, uppers=(5001, 3000, 0)) as race:
        race.run()
        assert race.counts() == [5001, 3000, FLOWS - 8001]


def test_a_limit_for_all_is_exact():
    with Race("rr", uppers=(1000, 1000, 1000)) as race:
        race.run()
        assert race.counts() == [1000] * SERVERS
        assert race.plane.ends()["drop.no_server"] == FLOWS - 3000


def test_one_client_is_tied_once():
    """All flows are one client to the mask: both workers want to be the first to tie it."""
    for _ in range(5):
        with Race("rr", persistence=60, persistence_mask="255.0.0.0") as race:
            race.run()
            assert sorted(race.counts()) == [0, 0, FLOWS]
            assert race.plane.dp.ties() == 1


def test_each_of_many_clients_is_tied_once():
    """Sixteen flows are one client, whose workers differ."""
    with Race("rr", persistence=60, persistence_mask="255.255.255.240") as race:
        race.run()
        assert sum(race.counts()) == FLOWS
        dealt = {flow >> 4 for hand in race.dealt for flow in hand}
        assert race.plane.dp.ties() == len(dealt)


def test_the_frames_open_connections():
    assert SYN == TCP_SYN
