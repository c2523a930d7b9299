# SPDX-License-Identifier: Apache-2.0
"""Several workers: every packet is handled by its owner, wherever it comes in; the fanout program knows who.

The fanout program runs in an interpreter here; what it says is compared with what the worker finds, packet by packet.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from lbd.fastpath.port.bpf import LONGEST
from lbd.fastpath.port.steering import Steering, fanout_program
from tests.classic_bpf import run
from tests.packets.bench import CLIENT_MAC, MAC0, MAC1, Bench, Net, addresses, reply_to, request

WORKERS = 3
FLOWS = range(2000, 2060)


@pytest.fixture
def bench(eal: None) -> Iterator[Bench]:
    bench = Bench(workers=WORKERS)
    try:
        yield bench
        bench.check_sums()
    finally:
        bench.dp.close()


def steering(bench: Bench, workers: int = WORKERS) -> Steering:
    claims = bench.conf.claims()
    own = frozenset(a for a, _, _ in claims.locals)
    return Steering(workers, bench.dp.owner_key(), own, claims.addresses() - own)


def owner(bench: Bench, frame: Packet) -> int:
    return run(fanout_program(steering(bench)), bytes(frame))


def handed(bench: Bench) -> int:
    return bench.counts().get("handed", 0)


def at_home(bench: Bench, frame: Packet, port: int) -> Packet:
    """In at its owner's: it goes straight through."""
    before = handed(bench)
    fed = bench.feed(frame, port=port, worker=owner(bench, frame))
    assert fed.verdicts == ["tx"]
    assert handed(bench) == before
    return fed.sent[0][1]


def abroad(bench: Bench, frame: Packet, port: int) -> Packet:
    """In at another worker: handed over once, and the owner sends it."""
    before = handed(bench)
    fed = bench.feed(frame, port=port, worker=(owner(bench, frame) + 1) % WORKERS)
    assert fed.verdicts == ["handed"]
    assert handed(bench) == before + 1
    return fed.sent[0][1]


def error_about(net: Net, sent: Packet, to: str) -> Packet:
    """From a router on the way, to whom ``sent`` came from."""
    quoted = bytes(sent.getlayer(1))[:60]
    ether = Ether(src=CLIENT_MAC, dst=to)
    if net.ip is IP:
        return ether / IP(src="10.75.0.1", dst=sent[IP].src) / ICMP(type=3, code=1) / quoted
    return ether / IPv6(src="fd75::1", dst=sent[IPv6].src) / ICMPv6DestUnreach(code=3) / quoted


def test_both_directions_are_at_home_where_the_fanout_program_sends_them(
    bench, net, family, method, protocol
):
    bench.service(method, family, protocol)
    homes = set()
    for sport in FLOWS:
        frame = request(net, protocol, sport=sport)
        homes.add(owner(bench, frame))
        out = at_home(bench, frame, 0)
        if method == "dr":
            continue
        reply = reply_to(out, protocol)
        assert owner(bench, reply) == owner(bench, frame) or method == "fnat"
        back = at_home(bench, reply, 1)
        assert addresses(back) == (net.vip, 80, net.client, sport)
        at_home(bench, error_about(net, out, MAC1), 1)
        at_home(bench, error_about(net, back, MAC0), 0)
    assert homes == set(range(WORKERS))
    assert bench.counters().connections == len(FLOWS)


def test_what_comes_in_elsewhere_is_handed_over_and_meets_its_connection(
    bench, net, family, method, protocol
):
    bench.service(method, family, protocol)
    for sport in FLOWS:
        out = abroad(bench, request(net, protocol, sport=sport), 0)
        again = abroad(bench, request(net, protocol, sport=sport, flags="S"), 0)
        assert addresses(again) == addresses(out)
        if method == "dr":
            continue
        back = abroad(bench, reply_to(out, protocol), 1)
        assert addresses(back) == (net.vip, 80, net.client, sport)
        abroad(bench, error_about(net, out, MAC1), 1)
    assert bench.counters().connections == len(FLOWS)
    per_worker = [bench.dp.worker(i) for i in range(WORKERS)]
    assert sum(w[3] for w in per_worker) == sum(w[4] for w in per_worker) == handed(bench)
    assert all(w[5] for w in per_worker), "each has connections"


def test_local_ports_are_of_the_worker_that_takes_them(bench, net, family):
    bench.service("fnat", family)
    seen = set()
    for sport in range(3000, 3300):
        out = at_home(bench, request(net, sport=sport), 0)
        _, local, _, _ = addresses(out)
        assert 1025 <= local <= 65535
        seen.add(local)
        assert (
            owner(bench, reply_to(out)) == (local >> 6) % WORKERS == owner(bench, request(net, sport=sport))
        )
    assert len(seen) == 300


def test_weights_and_cursors_are_exact_over_workers(bench, net, family):
    bench.service("nat", family)
    chosen = [addresses(at_home(bench, request(net, sport=s), 0))[2] for s in range(4000, 4100)]
    assert {net.real1: 50, net.real2: 50} == {real: chosen.count(real) for real in set(chosen)}


def test_a_full_inbox_is_a_named_drop(eal, net, family):
    """More than an inbox holds between two turns of its worker."""
    bench = Bench(workers=2, mbufs=8191)
    try:
        bench.service("nat", family)
        frame = request(net, "TCP", sport=5000)
        other = 1 - run(fanout_program(steering(bench, 2)), bytes(frame))
        fed = bench.feed(*[frame] * 5000, worker=other)
        counts = bench.counts()
        assert 4000 < counts["handed"] == len(fed.sent) < 5000
        assert counts["drop.inbox_full"] == 5000 - counts["handed"]
        bench.check_sums()
    finally:
        bench.dp.close()


def test_more_addresses_than_a_program_tells_apart_are_spread_all_the_same():
    many = frozenset(f"10.{n >> 8}.{n & 255}.1" for n in range(3000))
    program = fanout_program(Steering(4, (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35), frozenset(), many))
    assert len(program) <= LONGEST
    frames = [bytes(Ether() / IP(src=f"192.0.2.{n}", dst="10.0.1.1")) for n in range(200)]
    assert {run(program, f) for f in frames} == {0, 1, 2, 3}
