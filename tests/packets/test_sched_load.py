# SPDX-License-Identifier: Apache-2.0
"""Schedulers by turns and by load, against what ip_vs_*.c say, written down here once more as plain arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lbd.fastpath import api
from tests.packets.bench import Bench
from tests.packets.choices import ACK, CRITICAL, RST, SYN, chi_square, choices, clients, farm, frame, shares


@dataclass
class Server:
    """What the model knows of one."""

    weight: int
    active: int = 0
    inactive: int = 0

    def load(self) -> int:
        return self.active * 256 + self.inactive


def first_least(servers: list[Server], key: Callable[[Server], float]) -> int | None:
    able = [i for i, s in enumerate(servers) if s.weight]
    return min(able, key=lambda i: (key(servers[i]), i), default=None)


def nq(servers: list[Server]) -> int | None:
    idle = [i for i, s in enumerate(servers) if s.weight and not s.active]
    return idle[0] if idle else MODELS["sed"](servers)


def ovf(servers: list[Server]) -> int | None:
    able = [i for i, s in enumerate(servers) if s.weight and s.active <= s.weight]
    return max(able, key=lambda i: (servers[i].weight, -i), default=None)


MODELS: dict[str, Callable[[list[Server]], int | None]] = {
    "lc": lambda servers: first_least(servers, Server.load),
    "wlc": lambda servers: first_least(servers, lambda s: s.load() / s.weight),
    "sed": lambda servers: first_least(servers, lambda s: (s.active + 1) / s.weight),
    "nq": nq,
    "fo": lambda servers: first_least(servers, lambda s: -s.weight),
    "ovf": ovf,
}


@pytest.mark.parametrize("scheduler", MODELS)
def test_each_choice_is_the_models(bench, family, scheduler):
    """Connections that open, are established and end, in a repeatable disorder; weight 0 and ties among them."""
    draw = random.Random(scheduler)
    weights = [3, 1, 0, 1, 5, 3]
    farm(bench, family, weights, scheduler, protocol=api.Protocol.TCP)
    servers = [Server(w) for w in weights]
    established: list[tuple[object, int]] = []
    for client in clients(family, 400):
        expected = MODELS[scheduler](servers)
        assert choices(bench, [frame(family, client, SYN)]) == [expected]
        if expected is None:
            continue
        servers[expected].active += 1
        if draw.random() < 0.6:
            choices(bench, [frame(family, client, ACK)])
            established.append((client, expected))
        if established and draw.random() < 0.4:
            other, at = established.pop(draw.randrange(len(established)))
            choices(bench, [frame(family, other, RST)])
            servers[at].active -= 1
            servers[at].inactive += 1
    stats = bench.conf.stats().services[0].reals
    assert [(r.counters.active, r.counters.inactive) for r in stats] == [
        (s.active, s.inactive) for s in servers
    ]


def test_rr_takes_turns_whatever_the_weights_but_0(bench, family):
    farm(bench, family, [9, 0, 1, 4], "rr")
    chosen = choices(bench, [frame(family, c) for c in clients(family, 90)])
    assert chosen == [0, 2, 3] * 30


def test_wrr_interleaves_as_ipvs_does(bench, family):
    """The example of ip_vs_wrr.c's manual: 4, 3, 2 give AABABCABC."""
    farm(bench, family, [4, 3, 0, 2], "wrr")
    chosen = choices(bench, [frame(family, c) for c in clients(family, 90)])
    assert chosen == [0, 0, 1, 0, 1, 3, 0, 1, 3] * 10


@pytest.mark.parametrize("scheduler", ["rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "twos"])
def test_no_server_that_takes_connections(bench, family, scheduler):
    farm(bench, family, [0, 0], scheduler)
    assert choices(bench, [frame(family, c) for c in clients(family, 3)]) == [None] * 3
    assert bench.counts()["drop.no_server"] == 3


@pytest.mark.parametrize("scheduler", ["rr", "wrr", "lc", "wlc"])
def test_shares_are_exact_over_workers(eal, family, scheduler):
    """Whoever of the workers a packet comes to: counts and cursors are one."""
    bench = Bench(workers=2)
    try:
        weights = [4, 3, 2, 1] if scheduler[0] == "w" else [1, 1, 1, 1]
        farm(bench, family, weights, scheduler)
        for i, client in enumerate(clients(family, 1000)):
            choices(bench, [frame(family, client)], worker=i % 2)
        reals = bench.conf.stats().services[0].reals
        assert [r.counters.connections for r in reals] == [1000 * w // sum(weights) for w in weights]
        assert all(bench.dp.worker(i)[5] > 300 for i in range(2))
        bench.check_sums()
    finally:
        bench.dp.close()


def test_twos_draws_by_weight_and_takes_the_better(bench, family):
    """With connections that stay, loads even out by weight: far closer than draws alone would be."""
    weights = [5, 3, 0, 2]
    farm(bench, family, weights, "twos")
    counts = shares(choices(bench, [frame(family, c) for c in clients(family, 3000)]), 4)
    assert counts[2] == 0
    assert chi_square(counts, weights) < 0.5


def test_twos_draws_both_by_weight(bench, family):
    """One server so loaded that the other wins whenever it is drawn: 1 - (3/4)**2 of the time."""
    service = farm(bench, family, [3, 1], "fo")
    first = clients(family, 3000)
    choices(bench, [frame(family, c) for c in first[:1000]])
    farm(bench, family, [3, 1], "twos")
    assert service.reals[0].weight == 3
    before = [r.counters.connections for r in bench.conf.stats().services[0].reals]
    choices(bench, [frame(family, c) for c in first[1000:1250]])
    after = [r.counters.connections for r in bench.conf.stats().services[0].reals]
    counts = [b - a for a, b in zip(before, after, strict=True)]
    assert chi_square(counts, [9, 7]) < CRITICAL[1]
