# SPDX-License-Identifier: Apache-2.0
"""Hashing schedulers: each client's server by plain Python, and what Maglev's table promises."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from lbd.fastpath import api
from lbd.fastpath.live import RefusedChange
from lbd.fastpath.lookup_tables import LookupTables
from tests.packets import hashes
from tests.packets.choices import CRITICAL, chi_square, choices, clients, farm, frame, server, shares

WEIGHTS = [3, 1, 2, 4]
PLAIN = api.ServiceKey("10.73.0.100", 80, api.Protocol.UDP)


def servers(family: int, weights: list[int] = WEIGHTS) -> list[hashes.Server]:
    return [(server(family, i), 80, w) for i, w in enumerate(weights)]


def chosen(bench, family, who, payload=b""):
    return choices(bench, [frame(family, c, payload=payload) for c in who])


@pytest.mark.parametrize("port", [False, True])
def test_sh(bench, family, port):
    farm(bench, family, WEIGHTS, "sh", hash_port=port)
    who, table = clients(family, 500), hashes.buckets(WEIGHTS)
    expected = [table[hashes.hash_32(hashes.fold(c.address) + c.port * port)] for c in who]
    got = chosen(bench, family, who)
    assert got == expected
    assert set(got) == {0, 1, 2, 3}


@pytest.mark.parametrize("port", [False, True])
def test_mh(bench, family, port):
    farm(bench, family, WEIGHTS, "mh", hash_port=port)
    who, table = clients(family, 1000), hashes.maglev(servers(family))
    expected = [table[hashes.sip13(hashes.KEY1, hashes.fold(c.address) + c.port * port) % 4093] for c in who]
    got = chosen(bench, family, who)
    assert got == expected
    assert chi_square(shares(got, 4), WEIGHTS) < CRITICAL[3]


def test_conhash(bench, family):
    farm(bench, family, WEIGHTS, "conhash")
    who, ring = clients(family, 500), hashes.Ring(servers(family))
    got = chosen(bench, family, who)
    assert got == [ring.of(hashes.memory_order(c.address)) for c in who]
    assert set(got) == {0, 1, 2, 3}


def test_conhash_by_the_connection_id_of_google_quic(bench, family):
    """A client that changes its address stays; without the ID's flag the address decides."""
    farm(bench, family, WEIGHTS, "conhash", hash_target=api.HashTarget.QUIC_ID)
    who, ring = clients(family, 50), hashes.Ring(servers(family))
    draw = random.Random(5)
    for number in (draw.getrandbits(64) for _ in range(20)):
        quic = b"\x08" + number.to_bytes(8, "little") + b"more"
        assert set(chosen(bench, family, clients(family, 5, seed=number), quic)) == {ring.of(number)}
    assert chosen(bench, family, who, bytes(20)) == [ring.of(hashes.memory_order(c.address)) for c in who]
    cut = clients(family, 5, seed=9)
    assert chosen(bench, family, cut, b"\x08") == [ring.of(hashes.memory_order(c.address)) for c in cut]


def test_dh_asks_the_destination_alone(bench, family):
    farm(bench, family, WEIGHTS, "dh")
    vip = "10.73.0.100" if family == 4 else "fd73::100"
    expected = hashes.buckets([1] * 4)[hashes.hash_32(hashes.fold(vip))]
    assert set(chosen(bench, family, clients(family, 50))) == {expected}


@pytest.mark.parametrize("scheduler", ["sh", "mh", "conhash"])
def test_one_server_takes_all(bench, family, scheduler):
    farm(bench, family, [7], scheduler)
    assert set(chosen(bench, family, clients(family, 20))) == {0}


@pytest.mark.parametrize("scheduler", ["sh", "mh", "dh", "conhash"])
def test_no_server_that_takes_connections(bench, family, scheduler):
    for weights in ([0, 0], []):
        farm(bench, family, weights, scheduler)
        assert set(chosen(bench, family, clients(family, 10))) == {None}


def test_weight_0_under_sh_turns_clients_away_or_falls_back(bench, family):
    """IPVS leaves the bucket its server: only sh-fallback sends its clients elsewhere, and no others move."""
    who, weights = clients(family, 400), [1, 0, 1]
    table = hashes.buckets(weights)
    at = [hashes.hash_32(hashes.fold(c.address)) for c in who]
    farm(bench, family, weights, "sh")
    assert chosen(bench, family, who) == [None if table[h] == 1 else table[h] for h in at]
    farm(bench, family, weights, "sh", fallback=True)
    expected = []
    for h in at:
        tried = (table[(h + (n + h) % 256) % 256] for n in range(256))
        expected.append(table[h] if table[h] != 1 else next(t for t in tried if t != 1))
    later = [c._replace(port=c.port - 1) for c in who]
    assert chosen(bench, family, later) == expected


def test_weight_0_under_mh_has_no_entry(bench, family):
    farm(bench, family, [1, 0, 1], "mh")
    assert set(chosen(bench, family, clients(family, 100))) == {0, 2}


def test_a_full_server_under_mh_turns_clients_away_or_falls_back(bench, family):
    who = clients(family, 600)
    limits = ((5, 0), (0, 0), (0, 0))
    table = hashes.maglev(servers(family, [1, 1, 1]))
    numbers = [hashes.fold(c.address) for c in who]
    first = [table[hashes.sip13(hashes.KEY1, n) % 4093] for n in numbers]
    farm(bench, family, [1, 1, 1], "mh", limits=limits)
    got = chosen(bench, family, who)
    assert [g for g, f in zip(got, first, strict=True) if f] == [f for f in first if f]
    assert [g for g, f in zip(got, first, strict=True) if not f] == [0] * 5 + [None] * (first.count(0) - 5)
    farm(bench, family, [1, 1, 1], "mh", limits=limits, fallback=True)
    later = [c._replace(port=c.port - 1) for c in who]
    expected = []
    for number, f in zip(numbers, first, strict=True):
        start = hashes.sip13(hashes.KEY1, number) % 4093
        tried = (table[hashes.sip13(hashes.KEY1, number + (n + start) % 4093) % 4093] for n in range(4093))
        expected.append(f or next(t for t in tried if t))
    assert chosen(bench, family, later) == expected


def reals(n: int, weight: int = 1) -> list[api.Real]:
    return [api.Real(f"10.74.{i >> 8}.{i & 255}", 8000 + i % 3, weight) for i in range(n)]


def mh(reals: list[api.Real], size: int = 0, key: api.ServiceKey = PLAIN) -> api.Service:
    return api.Service(key=key, scheduler="mh", reals=tuple(reals), table_size=size)


def owners(bench, service: api.Service) -> list[api.Real]:
    """Of each entry, whatever the order of the servers."""
    table, order = LookupTables(bench.dp).of(service)
    return [service.reals[order[i]] for i in table.entries()]


def test_maglev_is_a_function_of_servers_and_weights_alone(bench):
    some = [api.Real(r.address, r.port, 1 + i % 4) for i, r in enumerate(reals(50))]
    other = random.Random(3).sample(some, len(some))
    assert owners(bench, mh(some)) == owners(bench, mh(other))
    expected = hashes.maglev(sorted((r.address, r.port, r.weight) for r in some))
    by_text = sorted(some, key=lambda r: (r.address, r.port))
    by_number = sorted(some, key=lambda r: (tuple(map(int, r.address.split("."))), r.port))
    assert by_number != by_text
    numbered = [(r.address, r.port, r.weight) for r in by_number]
    assert owners(bench, mh(some)) == [by_number[i] for i in hashes.maglev(numbered)]
    assert len(expected) == 4093


def test_services_of_equal_servers_and_weights_share_a_table(bench):
    tables = LookupTables(bench.dp)
    other = api.ServiceKey("10.73.0.101", 53, api.Protocol.TCP)
    kept = tables.of(mh(reals(9)))
    assert tables.of(mh(reals(9)[::-1], key=other))[0] is kept[0]
    assert tables.of(mh(reals(9), size=251))[0] is not kept[0]
    assert tables.of(mh(reals(9, weight=2)))[0] is not kept[0]
    assert tables.of(mh(reals(8)))[0] is not kept[0]


def test_a_table_goes_with_its_last_service(bench):
    service = mh(reals(9))
    tables = LookupTables(bench.dp)
    first = id(tables.of(service)[0])
    assert len(tables) == 0, f"nobody refers to {first}"
    bench.conf.apply([api.SetService(service)])
    assert len(bench.conf.tables) == 1
    bench.conf.apply([api.SetService(mh(reals(8)))])
    assert len(bench.conf.tables) == 1
    bench.conf.apply([api.DeleteService(service.key)])
    assert len(bench.conf.tables) == 0


@pytest.mark.parametrize("gone", [0, 42, 99])
def test_one_of_a_hundred_removed_moves_few_others(bench, gone):
    """At 65,537 entries at most 2 % of those that the others had."""
    some = reals(100)
    before = owners(bench, mh(some, 65537))
    after = owners(bench, mh(some[:gone] + some[gone + 1 :], 65537))
    others = [(b, a) for b, a in zip(before, after, strict=True) if b != some[gone]]
    moved = sum(b != a for b, a in others)
    print(f"{moved / len(others):.2%} of {len(others)} entries of others moved")
    assert moved <= 0.02 * len(others)
    assert some[gone] not in after


def test_every_server_has_its_share_of_the_table(bench):
    some = [api.Real(r.address, r.port, 1 + i % 2) for i, r in enumerate(reals(100))]
    entries = owners(bench, mh(some, 65537))
    share = 65537 / 150
    assert all(abs(entries.count(r) - share * r.weight) <= 2 + 0.01 * share for r in some)


@pytest.mark.parametrize(
    ("scheduler", "size", "fits"),
    [("mh", 65537, True), ("mh", 65536, False), ("mh", 131101, False), ("sh", 512, True), ("sh", 500, False)],
)
def test_sizes_that_a_table_may_have(bench, scheduler, size, fits):
    service = api.Service(key=PLAIN, scheduler=scheduler, reals=tuple(reals(2)), table_size=size)
    if fits:
        bench.conf.apply([api.SetService(service)])
        return
    with pytest.raises(RefusedChange, match=f"not {size}"):
        bench.conf.apply([api.SetService(service)])


def test_conhash_moves_the_removed_servers_points_alone(bench):
    some = reals(20)
    service = api.Service(key=PLAIN, scheduler="conhash", reals=tuple(some))
    ring = owners(bench, service)
    assert len(ring) == 20 * 160
    less = owners(bench, api.Service(key=PLAIN, scheduler="conhash", reals=tuple(some[1:])))
    assert less == [r for r in ring if r != some[0]]
    assert any(a is b for a, b in pairwise(ring))


def test_weights_too_large_for_a_ring_are_rounded(bench):
    heavy = [api.Real("10.74.0.1", 80, 65535), api.Real("10.74.0.2", 80, 32768), api.Real("10.74.0.3", 80, 1)]
    ring = owners(bench, api.Service(key=PLAIN, scheduler="conhash", reals=tuple(heavy)))
    counts = [ring.count(r) for r in heavy]
    assert len(ring) <= 1 << 20
    assert counts[2] == 160
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.01)
