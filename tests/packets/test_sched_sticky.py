# SPDX-License-Identifier: Apache-2.0
"""Persistence: a client stays with its server, for the timeout after its last new connection and while one lives."""

from __future__ import annotations

from typing import Any

import pytest

from lbd.fastpath import api
from lbd.fastpath.live import RefusedChange
from tests.packets.bench import Bench
from tests.packets.choices import ACK, RST, SYN, Client, choices, clients, farm, frame

WEIGHTS = [1, 1, 1]


def sticky(bench: Bench, family: int, weights: list[int] = WEIGHTS, **more: Any) -> api.Service:
    """UDP whose connections idle out after 10 s, persistence of 60 s."""
    bench.conf.apply([api.SetTimeouts(api.Timeouts(udp=10))])
    return farm(bench, family, weights, "rr", **({"persistence": 60} | more))


def to(bench: Bench, family: int, *who: Client) -> list[int | None]:
    return choices(bench, [frame(family, c) for c in who])


def ports(client: Client, *numbers: int) -> list[Client]:
    return [client._replace(port=n) for n in numbers]


def wait(bench: Bench, seconds: int) -> None:
    for _ in range(seconds * 4):
        bench.now += 0.25
        bench.dp.turn(bench.now)


def test_a_client_stays_and_others_take_turns(bench, family):
    sticky(bench, family)
    a, b, c = clients(family, 3)
    assert to(bench, family, a, b, c) == [0, 1, 2]
    assert to(bench, family, *ports(b, 1, 2, 3), *ports(a, 4), *ports(c, 5)) == [1, 1, 1, 0, 2]
    assert to(bench, family, clients(family, 4)[3]) == [0]
    assert bench.dp.ties() == 4


def test_the_timeout_begins_with_the_last_new_connection(bench, family):
    sticky(bench, family)
    a, b = clients(family, 2)
    assert to(bench, family, a) == [0]
    wait(bench, 50)
    assert to(bench, family, *ports(a, 1)) == [0]
    wait(bench, 59)
    assert to(bench, family, *ports(a, 2)) == [0]
    wait(bench, 61)
    assert to(bench, family, b, *ports(a, 3)) == [1, 2]


def test_a_live_connection_keeps_its_client(bench, family):
    sticky(bench, family, protocol=api.Protocol.TCP)
    a, b = clients(family, 2)
    assert choices(bench, [frame(family, a, flags) for flags in (SYN, ACK)]) == [0, 0]
    wait(bench, 200)
    assert choices(bench, [frame(family, b, SYN), frame(family, *ports(a, 1), SYN)]) == [1, 0]
    choices(bench, [frame(family, c, RST) for c in (a, *ports(a, 1))])
    wait(bench, 75)
    assert choices(bench, [frame(family, *ports(a, 2), SYN)]) == [2]


@pytest.mark.parametrize(
    ("family", "mask", "same", "other"),
    [
        (4, "255.255.0.0", ["10.73.1.1", "10.73.200.9"], "10.77.1.1"),
        (4, "255.0.255.255", ["10.73.1.1", "10.77.1.1"], "10.73.1.2"),
        (6, "ffff:ffff:ffff:ffff::", ["fd73::1:1", "fd73::ffff:9"], "fd73:0:0:1::1:1"),
    ],
    indirect=["family"],
    ids=["prefix", "holes", "IPv6"],
)
def test_granularity(bench, family, mask, same, other):
    sticky(bench, family, persistence_mask=mask)
    first, second = (Client(a, 999) for a in same)
    assert to(bench, family, first, Client(other, 999), second) == [0, 1, 0]
    assert bench.dp.ties() == 2


def test_weight_0_keeps_its_clients_and_a_removed_server_does_not(bench, family):
    """IPVS without expire_quiescent_template."""
    service = sticky(bench, family)
    a, b = clients(family, 2)
    assert to(bench, family, a, b) == [0, 1]
    sticky(bench, family, [0, 1, 1])
    assert to(bench, family, *ports(a, 1), *clients(family, 6)[2:]) == [0, 1, 2, 1, 2]
    less = api.Service(key=service.key, scheduler="rr", reals=service.reals[1:], persistence=60)
    bench.conf.apply([api.SetService(less)])
    (moved,) = to(bench, family, *ports(a, 2))
    assert moved in (1, 2)
    assert to(bench, family, *ports(a, 3, 4, 5)) == [moved] * 3


def test_a_full_server_keeps_its_clients(bench, family):
    sticky(bench, family, limits=((2, 0), (0, 0), (0, 0)))
    a, *others = clients(family, 7)
    assert to(bench, family, *ports(a, *range(1, 9))) == [0] * 8
    assert 0 not in to(bench, family, *others)


def test_one_server_for_a_client_over_workers(eal, family):
    bench = Bench(workers=2)
    try:
        sticky(bench, family)
        who = clients(family, 30)
        first = [choices(bench, [frame(family, c)], worker=i % 2)[0] for i, c in enumerate(who)]
        assert [first.count(i) for i in range(3)] == [10, 10, 10]
        for turn in range(1, 5):
            later = [c._replace(port=turn) for c in who]
            again = [
                choices(bench, [frame(family, c)], worker=(i + turn) % 2)[0] for i, c in enumerate(later)
            ]
            assert again == first
        assert bench.dp.ties() == 30
        assert all(bench.dp.worker(i)[5] > 30 for i in range(2))
        bench.check_sums()
    finally:
        bench.dp.close()


def test_another_mask_begins_anew(bench, family):
    sticky(bench, family)
    a, b = clients(family, 2)
    assert to(bench, family, a, b) == [0, 1]
    wide = "255.255.0.0" if family == 4 else "ffff:ffff::"
    sticky(bench, family, persistence_mask=wide)
    (at,) = to(bench, family, *ports(a, 1))
    assert to(bench, family, *ports(b, 1, 2)) == [at, at]
    wait(bench, 100)
    sticky(bench, family)
    assert to(bench, family, *ports(a, 3), *ports(b, 3)) != [at, at]


def test_ties_that_are_over_are_forgotten(eal, family):
    """By the makers of new ones: the table does not fill up."""
    bench = Bench(capacity=255)
    try:
        sticky(bench, family)
        for turn in range(8):
            who = clients(family, 200, seed=turn)
            assert None not in to(bench, family, *who)
            assert bench.dp.ties() <= 255
            wait(bench, 80)
        sticky(bench, family, persistence=0)
        bench.check_sums()
    finally:
        bench.dp.close()


def test_a_client_without_room_for_a_tie_is_served_all_the_same(eal, family):
    bench = Bench(capacity=100)
    try:
        sticky(bench, family)
        who = clients(family, 150)
        assert None not in to(bench, family, *who[:100])
        wait(bench, 12)
        assert to(bench, family, *who[100:103]) == [1, 2, 0]
        assert bench.dp.ties() == 100
        assert to(bench, family, *[c._replace(port=1) for c in who[:3]]) == [0, 1, 2]
    finally:
        bench.dp.close()


def test_a_connection_that_could_not_be_made_is_in_no_tie(eal, family):
    bench = Bench(capacity=1)
    try:
        sticky(bench, family, persistence=20)
        a = clients(family, 1)[0]
        assert to(bench, family, *ports(a, 1, 2, 3)) == [0, None, None]
        counters = bench.counters()
        assert counters.active + counters.inactive == 1
        wait(bench, 35)
        assert to(bench, family, *ports(a, 4)) == [1], "nothing was counted as alive"
    finally:
        bench.dp.close()


@pytest.mark.parametrize("scheduler", ["wlc", "mh", "lblc", "lblcr"])
def test_persistence_beside_any_scheduler(bench, family, scheduler):
    farm(bench, family, WEIGHTS, scheduler, persistence=60)
    who = clients(family, 20)
    first = to(bench, family, *who)
    assert to(bench, family, *[c._replace(port=1) for c in who]) == first


def test_a_mask_of_the_other_family_is_refused(bench):
    with pytest.raises(RefusedChange, match="other address family"):
        sticky(bench, 4, persistence_mask="ffff::")
