# SPDX-License-Identifier: Apache-2.0
"""The life of connections: states, timeouts, schedulers, neighbours, and what survives a change of configuration."""

from __future__ import annotations

from collections import Counter

import pytest
from scapy.layers.l2 import Ether

from lbd.fastpath import api
from lbd.fastpath.forwarding import Link, Path, Route
from lbd.fastpath.live import RefusedChange
from tests.packets.bench import NETS, Bench, addresses, mac, reply_to, request


def open_tcp(bench, net, sport=1000):
    """SYN, SYN+ACK, ACK; the packet as the real server got it first."""
    out = bench.one(request(net, sport=sport))
    bench.one(reply_to(out), port=1)
    bench.one(request(net, sport=sport, flags="A"))
    return out


def live(bench) -> tuple[int, int]:
    c = bench.counters()
    return c.active, c.inactive


def test_what_opens_or_is_established_counts_as_active(bench, net, family):
    """As ip_vs_proto_tcp.c has it."""
    bench.service("fnat", family)
    bench.one(request(net))
    assert live(bench) == (1, 0)
    out = open_tcp(bench, net)
    assert live(bench) == (1, 0)
    bench.one(reply_to(out, flags="FA"), port=1)
    assert live(bench) == (0, 1)


def test_dr_is_followed_one_way(bench, net, family):
    bench.service("dr", family)
    bench.one(request(net))
    assert live(bench) == (1, 0)
    bench.one(request(net, flags="A"))
    assert live(bench) == (1, 0)
    bench.one(request(net, flags="FA"))
    assert live(bench) == (0, 1)


TIMEOUT_CASES = {
    "SYN alone": ("S", 60),
    "established": ("S SA A", 900),
    "client closes": ("S SA A FA", 60),
    "both close": ("S SA A FA sFA A", 120),
    "client resets": ("S SA A R", 10),
}


@pytest.mark.parametrize("case", TIMEOUT_CASES)
def test_idle_timeout(bench, net, family, case):
    """IPVS's timeouts by state: alive just before, gone just after."""
    flags, seconds = TIMEOUT_CASES[case]
    bench.service("fnat", family)
    out = bench.one(request(net))
    for step in flags.split()[1:]:
        if step in ("SA", "sFA"):
            bench.one(reply_to(out, flags=step.lstrip("s")), port=1)
        else:
            bench.one(request(net, flags=step))
    start = bench.now - 1.0
    bench.feed(at=start + seconds - 1)
    assert sum(live(bench)) == 1
    bench.feed(at=start + seconds + 2)
    assert sum(live(bench)) == 0
    assert bench.dp.laddr_used(0) == 0


def test_udp_and_service_timeout(bench, net, family):
    bench.service("fnat", family, "UDP", establish_timeout=30)
    bench.one(request(net, "UDP"))
    bench.feed(at=29)
    assert live(bench) == (0, 1)
    bench.feed(at=32)
    assert live(bench) == (0, 0)


def test_a_packet_renews_the_life(bench, net, family):
    bench.service("fnat", family, "UDP", establish_timeout=30)
    bench.one(request(net, "UDP"))
    bench.feed(request(net, "UDP"), at=20)
    bench.feed(at=45)
    assert live(bench) == (0, 1)


def test_syn_on_a_connection_that_is_over_begins_anew(bench, net, family):
    """A client that uses its port again gets a new local port; the server's TIME_WAIT is not in the way."""
    bench.service("fnat", family)
    first = open_tcp(bench, net)
    bench.one(request(net, flags="R"))
    second = bench.one(request(net))
    assert addresses(second) != addresses(first)
    assert bench.counters().connections == 2
    assert sum(live(bench)) == 1


@pytest.mark.parametrize("leaving", ["removed", "weight 0"])
def test_syn_does_not_follow_a_server_that_is_gone(bench, net, family, method, leaving):
    """The connection stays with it, a SYN on the same ports is a new one; and not while the server is there."""
    service = bench.service(method, family)
    first = bench.one(request(net))
    bench.one(request(net, flags="A"))
    assert bench.one(request(net)).dst == first.dst
    weight0 = api.Real(service.reals[0].address, service.reals[0].port, 0, service.reals[0].method)
    reals = service.reals[1:] if leaving == "removed" else (weight0, service.reals[1])
    bench.service(method, family, reals=reals)
    assert bench.one(request(net, flags="A")).dst == first.dst
    assert bench.one(request(net)).dst != first.dst


def test_one_way_connection_is_over_at_fin(bench, net, family):
    """DR sees no more of it: a client that uses its port again begins anew."""
    bench.service("dr", family)
    first = bench.one(request(net))
    for flags in ("A", "FA", "A"):
        bench.one(request(net, flags=flags))
    assert bench.one(request(net)).dst != first.dst


def test_freed_port_is_used_last(bench, net, family):
    bench.service("fnat", family, "UDP", establish_timeout=1)
    assert addresses(bench.one(request(net, "UDP", 1)))[1] == 1025
    bench.feed(at=10)
    assert addresses(bench.one(request(net, "UDP", 2)))[1] == 1026


def test_exhausted_local_ports(eal):
    """64,511 ports of one address, and then a refusal by name; a freed one serves again."""
    bench = Bench(capacity=131071)
    net = NETS[4]
    try:
        bench.service("fnat", 4, "UDP", establish_timeout=100)
        raw = bytearray(bytes(request(net, "UDP")))
        ends = Counter()
        for at in range(65_000 // 32):
            burst = []
            for n in range(at * 32, at * 32 + 32):
                raw[34:36] = n.to_bytes(2, "big")
                burst.append(bytes(raw))
            ends.update(bench.feed(*burst, at=1.0).verdicts)
        assert ends == {"tx": 64_511, "drop.no_local_port": 65_000 // 32 * 32 - 64_511}
        bench.feed(at=200)
        assert bench.dp.laddr_used(0) == 0
        assert bench.feed(bytes(raw)).verdicts == ["tx"]
        bench.check_sums()
    finally:
        bench.dp.close()


def test_full_table(eal):
    bench = Bench(capacity=63)
    net = NETS[4]
    try:
        bench.service("nat", 4, "UDP")
        ends = Counter(v for n in range(100) for v in bench.feed(request(net, "UDP", sport=n + 1)).verdicts)
        assert ends == {"tx": 63, "drop.table_full": 37}
        assert bench.feed(request(net, "UDP", sport=1)).verdicts == ["tx"]
    finally:
        bench.dp.close()


@pytest.mark.parametrize(
    ("scheduler", "weights", "turns"),
    [
        ("rr", (1, 1, 1), "012012"),
        ("rr", (5, 0, 1), "020202"),
        ("wrr", (3, 2, 1), "001012001012"),
        ("wrr", (4, 2, 0), "001001"),
        ("wlc", (1, 1, 1), "012012"),
        ("wlc", (2, 1, 0), "010010"),
    ],
)
def test_scheduler(bench, net, family, scheduler, weights, turns):
    last = ("51", "52", "53")
    reals = tuple(
        api.Real(net.prefix.format(4, x), 8080, w, api.Method.NAT) for x, w in zip(last, weights, strict=True)
    )
    bench.service("nat", family, "UDP", scheduler=scheduler, reals=reals)
    macs = {f"02:00:00:00:00:{x}": str(i) for i, x in enumerate(last)}
    got = "".join(macs[bench.one(request(net, "UDP", sport=n + 1)).dst] for n in range(len(turns)))
    assert got == turns


def test_neighbour_is_asked_for_and_awaited(bench, net, family):
    """The packet waits, the kernel is asked once, and it leaves when the neighbour is known."""
    bench.service(
        "fnat", family, "UDP", reals=(api.Real(net.prefix.format(4, "77"), 8080, 1, api.Method.FNAT),)
    )
    fed = bench.feed(request(net, "UDP"), request(net, "UDP"))
    assert fed.verdicts == ["waiting", "waiting"]
    ((address, version, port),) = bench.dp.events()
    assert (version, port) == (family, 1)
    bench.forwarding.asked(port, net.prefix.format(4, "77"))
    assert bench.asked == [(2, net.prefix.format(4, "77"), False)]
    assert bench.feed().sent == []
    bench.neighbour(2, net.prefix.format(4, "77"), "02:00:00:00:00:77")
    sent = bench.feed().sent
    assert [p.dst for _, p in sent] == ["02:00:00:00:00:77"] * 2
    assert len(address) == (4 if family == 4 else 16)


def test_neighbour_that_does_not_answer(bench, net, family):
    bench.service(
        "fnat", family, "UDP", reals=(api.Real(net.prefix.format(4, "77"), 8080, 1, api.Method.FNAT),)
    )
    bench.feed(*[request(net, "UDP", sport=n + 1) for n in range(300)])
    assert bench.counts() == {"drop.neighbour_queue_full": 300 - 256}
    bench.feed(at=10)
    assert bench.counts() == {"drop.neighbour_queue_full": 44, "drop.neighbour_unresolved": 256}


def test_new_mac_address_takes_effect_at_once(bench, net, family):
    bench.service("fnat", family, "UDP")
    bench.one(request(net, "UDP"))
    bench.neighbour(2, net.real1, "02:00:00:00:aa:aa")
    assert bench.one(request(net, "UDP")).dst == "02:00:00:00:aa:aa"


def test_routes_are_followed(bench, net, family):
    """A live connection goes by the new gateway as soon as the routes say so; no route and blackhole have names."""
    bench.service("fnat", family, "UDP")
    bench.one(request(net, "UDP"))
    gateway = net.prefix.format(4, "1")
    bench.neighbour(2, gateway, "02:00:00:00:00:01")
    prefix, length = net.prefix.format(4, "0" if family == 4 else ""), 24 if family == 4 else 64
    bench.forwarding.set_routes([Route(prefix, length, (Path(2, gateway),))])
    assert bench.one(request(net, "UDP")).dst == "02:00:00:00:00:01"
    assert (2, gateway, True) in bench.asked
    bench.forwarding.set_routes([Route(prefix, length, ())])
    assert bench.feed(request(net, "UDP")).verdicts == ["drop.blackhole"]
    bench.forwarding.set_routes([])
    assert bench.feed(request(net, "UDP")).verdicts == ["drop.no_route"]


def test_port_that_goes_and_comes_back(bench, net, family):
    """A deleted and re-created interface has a new ifindex and the old name: connections go on."""
    bench.service("fnat", family, "UDP")
    bench.one(request(net, "UDP"))
    bench.dp.detach_port(1)
    assert bench.feed(request(net, "UDP")).verdicts == ["tx"]
    assert bench.counts()["drop.port_detached"] == 1
    bench.dp.add_memory_port(1, mac("02:00:00:00:01:01"), 1500)
    bench.forwarding.set_ports(
        {1: bench.links[1], 9: Link("eth1", mac("02:00:00:00:01:01"), 1500)}, {1: 0, 9: 1}
    )
    routes = [
        Route(net.prefix.format(4, "0" if family == 4 else ""), 24 if family == 4 else 64, (Path(9, None),))
    ]
    bench.forwarding.set_routes(routes)
    bench.neighbour(9, net.real1, "02:00:00:00:00:51")
    assert bench.one(request(net, "UDP")).dst == "02:00:00:00:00:51"


# --- configuration is swapped, state is not


def test_change_keeps_counters_and_connections(bench, net, family):
    service = bench.service("fnat", family, "UDP")
    out = bench.one(request(net, "UDP"))
    more = (*service.reals, api.Real(net.prefix.format(4, "53"), 8080, 7, api.Method.FNAT))
    bench.service("fnat", family, "UDP", scheduler="wlc", reals=more)
    assert addresses(bench.one(request(net, "UDP"))) == addresses(out)
    assert bench.counters().connections == 1
    assert bench.conf.table().services[0].reals == more


def test_removed_server_serves_its_connections_and_gets_its_slot_back(bench, net, family):
    service = bench.service("nat", family, "UDP")
    out = bench.one(request(net, "UDP"))
    bench.service("nat", family, "UDP", reals=service.reals[1:])
    assert bench.one(request(net, "UDP")).dst == out.dst
    back = bench.one(reply_to(out, "UDP"), port=1)
    assert addresses(back)[:2] == (net.vip, 80)
    bench.service("nat", family, "UDP", reals=service.reals)
    assert bench.conf.stats().services[0].reals[0].counters.in_packets == 2


def test_deleted_service_drains(bench, net, family):
    """Live connections go on, new ones are the kernel's; with the last one it is gone, and its claim with it."""
    service = bench.service("fnat", family, "UDP", establish_timeout=30)
    bench.one(request(net, "UDP"))
    bench.conf.apply([api.DeleteService(service.key)])
    assert bench.conf.table().services == ()
    assert bench.one(request(net, "UDP"))
    assert bench.feed(request(net, "UDP", sport=2)).verdicts == ["punt.no_connection"]
    bench.feed(at=100)
    bench.conf.tidy()
    assert bench.feed(request(net, "UDP", sport=2)).verdicts == ["pass.not_claimed"]
    assert not bench.conf.claims().services


def test_refused_change_changes_nothing(bench, net, family):
    service = bench.service("fnat", family, "UDP")
    before = bench.conf.table()
    other = api.Service(key=api.ServiceKey(net.vip, 81, api.Protocol.UDP), scheduler="magic")
    with pytest.raises(RefusedChange, match="no scheduler 'magic'"):
        bench.conf.apply([api.DeleteService(service.key), api.SetService(other)])
    with pytest.raises(RefusedChange, match="still named"):
        bench.conf.apply([api.DeletePool("p")])
    assert bench.conf.table() == before
    assert bench.one(request(net, "UDP"))


def test_pool_goes_when_its_last_port_is_free(bench, net, family):
    service = bench.service("fnat", family, "UDP", establish_timeout=30)
    out = bench.one(request(net, "UDP"))
    bench.conf.apply([api.DeleteService(service.key), api.DeletePool("p")])
    assert Ether(bytes(bench.one(reply_to(out, "UDP"), port=1))).dst == "02:00:00:00:00:09"
    bench.feed(at=100)
    bench.conf.tidy()
    assert not bench.conf.claims().locals


def test_waiting_packet_that_turns_out_too_big(bench):
    """Its MTU is known only when the neighbour is: IPv6 routers do not fragment (RFC 8200 section 5)."""
    net = NETS[6]
    bench.service("fnat", 6, "UDP", reals=(api.Real("fd74::77", 8080, 1, api.Method.FNAT),))
    assert bench.feed(request(net, "UDP", payload=bytes(1600))).verdicts == ["waiting"]
    bench.neighbour(2, "fd74::77", "02:00:00:00:00:77")
    assert bench.feed().sent == []
    assert bench.counts() == {"drop.too_big": 1}


def test_reuse_in_one_burst_with_packets_of_the_old_connection(bench, net, family):
    """What came before the SYN still goes the old way, what came after it the new one; the table stays whole."""
    bench.service("fnat", family)
    old = open_tcp(bench, net)
    bench.one(request(net, flags="R"))
    fed = bench.feed(request(net), request(net, flags="A", payload=b"after"))
    assert fed.verdicts == ["tx", "tx"]
    assert addresses(fed.sent[0][1]) == addresses(fed.sent[1][1]) != addresses(old)
    bench.one(request(net, flags="R"))
    fed = bench.feed(request(net, flags="A", payload=b"before"), request(net))
    assert fed.verdicts == ["tx", "tx"]
    assert sum(live(bench)) == 1


def test_reuse_that_is_refused_leaves_the_table_whole(bench, net, family):
    """The old connection is over, the new one has no server: nothing of either is left, and all indexes are free."""
    service = bench.service("fnat", family)
    open_tcp(bench, net)
    bench.one(request(net, flags="R"))
    bench.service("fnat", family, reals=())
    late = request(net, flags="A", payload=b"late")
    fed = bench.feed(late, request(net), late, request(net), late)
    assert fed.verdicts[0] == "tx"
    assert bench.feed(request(net), late).verdicts == ["drop.no_server", "punt.no_connection"]
    assert bench.dp.totals()[3] == 0
    bench.service("fnat", family, reals=service.reals)
    for n in range(20):
        assert bench.feed(request(net, sport=n + 1)).verdicts == ["tx"]
    assert bench.dp.totals()[3] == 20


def test_forgotten_neighbour_is_asked_for_again(bench, net, family):
    """The kernel drops idle neighbours; the next packet has it resolve them, the connection's hop included."""
    bench.service("fnat", family, "UDP")
    out = bench.one(request(net, "UDP"))
    bench.one(reply_to(out, "UDP"), port=1)
    bench.neighbour(1, net.client, None)
    assert bench.feed(reply_to(out, "UDP"), port=1).verdicts == ["waiting"]
    assert [(version, port) for _, version, port in bench.dp.events()] == [(family, 0)]
    bench.neighbour(1, net.client, "02:00:00:00:00:0a")
    assert [p.dst for _, p in bench.feed().sent] == ["02:00:00:00:00:0a"]
