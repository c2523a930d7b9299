# SPDX-License-Identifier: Apache-2.0
"""Limits of connections for each server (uthreshold, lthreshold), as IPVS keeps them, over all workers."""

from __future__ import annotations

import pytest

from lbd.fastpath import api
from tests.packets.bench import Bench
from tests.packets.choices import ACK, RST, SYN, choices, clients, farm, frame, shares

ALL = ["rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "twos", "sh", "mh", "dh", "conhash"]


@pytest.mark.parametrize("scheduler", ALL)
@pytest.mark.parametrize("workers", [1, 2])
def test_no_server_gets_more_than_its_limit(eal, family, scheduler, workers):
    bench = Bench(workers=workers)
    try:
        farm(bench, family, [2, 1, 1], scheduler, limits=((20, 0), (10, 0), (0, 0)))
        for i, client in enumerate(clients(family, 300)):
            choices(bench, [frame(family, client)], worker=i % workers)
        reals = bench.conf.stats().services[0].reals
        counts = [r.counters.active + r.counters.inactive for r in reals]
        assert counts[0] <= 20
        assert counts[1] <= 10
        if scheduler not in ("sh", "mh", "dh", "conhash", "fo", "ovf"):
            assert counts == [20, 10, 270]
        assert sum(counts) + bench.counts().get("drop.no_server", 0) == 300
        bench.check_sums()
    finally:
        bench.dp.close()


def full_of_ten(bench: Bench, family: int, lower: int) -> list[object]:
    """Server 0 has its 10 connections, server 1 whatever comes after. Closed ones are gone after 10 s."""
    farm(bench, family, [1, 1], "fo", limits=((10, lower), (0, 0)), protocol=api.Protocol.TCP)
    first = clients(family, 10)
    for flags in (SYN, ACK):
        assert choices(bench, [frame(family, c, flags) for c in first]) == [0] * 10
    return list(first)


def end(bench: Bench, family: int, some: list[object]) -> None:
    choices(bench, [frame(family, c, RST) for c in some])
    bench.now += 12
    bench.dp.turn(bench.now)
    bench.now += 1
    bench.dp.turn(bench.now)


@pytest.mark.parametrize(("lower", "enough"), [(0, 3), (5, 6), (10, 1)])
def test_a_full_server_takes_new_ones_only_below_the_lower_limit(bench, family, lower, enough):
    """Without one, below three quarters (ip_vs_unbind_dest)."""
    first = full_of_ten(bench, family, lower)
    later = clients(family, 40, seed=2)
    if enough > 1:
        end(bench, family, first[: enough - 1])
        assert choices(bench, [frame(family, c, SYN) for c in later[:5]]) == [1] * 5
        first = first[enough - 1 :]
    else:
        assert choices(bench, [frame(family, c, SYN) for c in later[:5]]) == [1] * 5
    end(bench, family, first[:1])
    chosen = choices(bench, [frame(family, c, SYN) for c in later[10:30]])
    assert shares(chosen, 2) == [enough, 20 - enough]


def test_a_higher_limit_opens_a_full_server(bench, family):
    full_of_ten(bench, family, 0)
    farm(bench, family, [1, 1], "fo", limits=((11, 0), (0, 0)), protocol=api.Protocol.TCP)
    later = clients(family, 3, seed=3)
    assert choices(bench, [frame(family, c, SYN) for c in later]) == [0, 1, 1]


def test_a_lower_limit_closes_a_server(bench, family):
    full_of_ten(bench, family, 0)
    farm(bench, family, [1, 1], "fo", limits=((5, 0), (0, 0)), protocol=api.Protocol.TCP)
    assert choices(bench, [frame(family, clients(family, 1, seed=3)[0], SYN)]) == [1]


def test_what_failed_is_not_counted(eal, family):
    """The table is full: the place of the refused connection at its server is free again."""
    full = Bench(capacity=1)
    try:
        reals = full.service("fnat", family, "UDP").reals
        limited = tuple(api.Real(r.address, r.port, 1, r.method, upper=1) for r in reals)
        full.service("fnat", family, "UDP", reals=limited)
        fed = [full.dp.feed([(0, frame(family, c))], full.now) for c in clients(family, 4)]
        assert [v for verdicts, *_ in fed for v in verdicts] == ["tx", *["drop.table_full"] * 3]
        counters = full.counters()
        assert counters.active + counters.inactive == 1
        full.check_sums()
    finally:
        full.dp.close()
