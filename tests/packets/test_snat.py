# SPDX-License-Identifier: Apache-2.0
"""SNAT: what comes from inside and is routed out leaves from an address of this machine, and is answered there."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6TimeExceeded, IPv6
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Packet, Raw

from lbd.fastpath import api
from tests.packets.bench import CLIENT_MAC, MAC0, NETS, Bench, Net, addresses, l4, reply_to
from tests.packets.test_fragments import pieces, through

"""Inside is port 0 with the client, outside is port 1: real1 is a host out there."""
ANY = {4: "0.0.0.0", 6: "::"}
INSIDE = {4: ("10.73.0.1", "10.73.0.99"), 6: ("fd73::1", "fd73::99")}


def key(family: int, protocol: str, **more: Any) -> api.ServiceKey:
    if protocol == "ICMP" and family == 6:
        protocol = "ICMPV6"
    match = api.Match(**({"source": api.Span(*INSIDE[family])} | more))
    return api.ServiceKey(ANY[family], 0, api.Protocol[protocol], match)


def service(bench: Bench, family: int, protocol: str = "TCP", outer: int = 1, **more: Any) -> None:
    net = NETS[family]
    hosts = (net.local, net.prefix.format(4, 22))[:outer]
    bench.conf.set_host({h: frozenset({"eth1"}) for h in hosts} | {net.vip: frozenset({"eth0"})})
    reals = tuple(api.Real(a, 0, 1, api.Method.SNAT) for a in hosts)
    bench.conf.set_ports({"eth0": 0, "eth1": 1})
    made = api.Service(key=key(family, protocol, **more), scheduler="rr", reals=reals)
    bench.conf.apply([api.SetService(made)])


def goes_out(net: Net, layer: Packet) -> Packet:
    return Ether(src=CLIENT_MAC, dst=MAC0) / net.ip(src=net.client, dst=net.real1) / layer


def test_out_and_back(bench, net, family, protocol):
    service(bench, family, protocol)
    out = bench.one(goes_out(net, l4(protocol, 1000, 443)))
    assert addresses(out) == (net.local, 1025, net.real1, 443)
    back = bench.one(reply_to(out, protocol), port=1)
    assert addresses(back) == (net.real1, 443, net.client, 1000)
    assert (back.src, back.dst) == ("02:00:00:00:01:00", CLIENT_MAC)
    counters = bench.counters()
    assert (counters.connections, counters.in_packets, counters.out_packets) == (1, 1, 1)


def test_ping_has_an_identifier_of_its_own(bench, net, family):
    """Two hosts inside may use the same."""
    service(bench, family, "ICMP")
    asks = ICMP(id=7) if family == 4 else ICMPv6EchoRequest(id=7)
    out = bench.one(goes_out(net, asks))
    assert out.getlayer(2).id == 1025
    answer = ICMP(type=0, id=1025) if family == 4 else ICMPv6EchoReply(id=1025)
    frame = Ether(src=out.dst, dst=out.src) / net.ip(src=net.real1, dst=net.local) / answer
    back = bench.one(frame, port=1)
    assert (back.getlayer(1).dst, back.getlayer(2).id) == (net.client, 7)


def test_sctp(bench, net, family):
    service(bench, family, "SCTP")
    fed = bench.feed(goes_out(net, SCTP(sport=5, dport=7) / SCTPChunkInit()))
    assert fed.verdicts == ["tx"]
    assert addresses(fed.sent[0][1]) == (net.local, 1025, net.real1, 7)


def test_fragments(bench, net, family):
    service(bench, family, "UDP")
    out = through(bench, pieces(goes_out(net, l4("UDP", 1000, 53) / Raw(bytes(4000)))))
    assert addresses(out) == (net.local, 1025, net.real1, 53)


def test_a_router_on_the_way_is_seen_inside(bench, net, family):
    """traceroute: its address stays, what it quotes is what the host inside sent."""
    service(bench, family, "UDP")
    out = bench.one(goes_out(net, l4("UDP", 1000, 33434)))
    router = net.prefix.format(4, 7)
    told = ICMP(type=11) if family == 4 else ICMPv6TimeExceeded()
    frame = Ether(dst=out.src) / net.ip(src=router, dst=net.local) / told / Raw(bytes(out.getlayer(1)))
    seen = bench.one(frame, port=1)
    assert (seen.getlayer(1).src, seen.getlayer(1).dst) == (router, net.client)
    quoted = Ether() / net.ip(bytes(seen.getlayer(2).payload))
    assert addresses(quoted) == (net.client, 1000, net.real1, 33434)


def test_what_a_host_inside_tells_leaves_from_outside(bench, net, family):
    service(bench, family, "UDP")
    out = bench.one(goes_out(net, l4("UDP", 1000, 53)))
    back = bench.one(reply_to(out, "UDP"), port=1)
    told = ICMP(type=3, code=3) if family == 4 else ICMPv6TimeExceeded(code=1)
    frame = Ether(dst=MAC0) / net.ip(src=net.client, dst=net.real1) / told / Raw(bytes(back.getlayer(1)))
    seen = bench.one(frame)
    assert (seen.getlayer(1).src, seen.getlayer(1).dst) == (net.local, net.real1)


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, True),
        ({"iif": "eth0"}, True),
        ({"iif": "eth1"}, False),
        ({"iif": "eth9"}, False),
        ({"oif": "eth1"}, True),
        ({"oif": "eth0"}, False),
        ({"destination": api.Span(first_port=443, last_port=443)}, True),
        ({"destination": api.Span(first_port=444)}, False),
        ({"source": api.Span(first_port=1001), "iif": "eth0"}, False),
    ],
)
def test_what_is_taken(bench, net, family, more, taken):
    service(bench, family, **more)
    fed = bench.feed(goes_out(net, l4("TCP", 1000, 443)))
    assert fed.verdicts == ["tx" if taken else "pass.not_claimed"]


def test_only_from_and_to_the_addresses(bench, net, family):
    there = api.Span(net.real1, net.real1)
    service(bench, family, destination=there)
    assert bench.feed(goes_out(net, l4("TCP", 1, 2))).verdicts == ["tx"]
    other = goes_out(net, l4("TCP", 1, 2))
    other.getlayer(1).dst = net.real2
    assert bench.feed(other).verdicts == ["pass.not_claimed"]
    stranger = goes_out(net, l4("TCP", 1, 2))
    stranger.getlayer(1).src = net.prefix.format(3, 200)
    assert bench.feed(stranger).verdicts == ["pass.not_claimed"]


def test_not_what_is_for_this_machine(bench, net, family):
    service(bench, family)
    frame = goes_out(net, l4("TCP", 1000, 22))
    frame.getlayer(1).dst = net.vip
    assert bench.feed(frame).verdicts == ["pass.not_claimed"]


@pytest.mark.parametrize("to", ["224.0.0.18", "255.255.255.255"])
def test_not_multicast(bench, to):
    service(bench, 4, "UDP")
    frame = Ether(dst=MAC0) / IP(src=NETS[4].client, dst=to) / l4("UDP", 1, 2)
    assert bench.feed(frame).verdicts == ["pass.not_claimed"]


def test_not_link_local(bench):
    service(bench, 6, "UDP", source=api.Span(), iif="eth0")
    frame = Ether(dst=MAC0) / IPv6(src="fe80::9", dst="fe80::1") / l4("UDP", 1, 2)
    assert bench.feed(frame).verdicts == ["pass.not_claimed"]


def test_a_service_is_asked_first(bench, net, family):
    service(bench, family, destination=api.Span())
    bench.service("nat", family)
    bench.conf.set_host({net.vip: frozenset({"eth0"}), net.local: frozenset({"eth1"})})
    frame = goes_out(net, l4("TCP", 1000, 80))
    frame.getlayer(1).dst = net.vip
    assert bench.one(frame).getlayer(1).dst == net.real1


def test_the_kernel_keeps_its_ephemeral_ports(bench):
    """The address is the machine's own: SNAT leaves ip_local_port_range alone."""
    service(bench, 4, "UDP")
    assert bench.conf.claims().locals == {("10.74.0.21", 1025, 32767)}
    frame = Ether(dst="02:00:00:00:01:01") / IP(src=NETS[4].real1, dst=NETS[4].local) / l4("UDP", 53, 40000)
    assert bench.feed(frame, port=1).verdicts == ["pass.not_claimed"]
    frame = Ether(dst="02:00:00:00:01:01") / IP(src=NETS[4].real1, dst=NETS[4].local) / l4("UDP", 53, 8080)
    assert bench.feed(frame, port=1).verdicts == ["punt.no_connection"]


def test_the_next_address_when_one_is_used_up(eal):
    bench = Bench(capacity=70000)
    try:
        service(bench, 4, "UDP", outer=2)
        counts: dict[str, int] = {}
        frame = bytearray(bytes(goes_out(NETS[4], l4("UDP", 0, 53))))
        del frame[40:42]
        frame[40:40] = b"\0\0"
        frames = []
        for n in range(2 * 31743 + 3):
            frame[26 + 3] = 1 + n % 90
            frame[34:36] = (1 + n // 90).to_bytes(2, "big")
            frame[24:26] = b"\0\0"
            header = bytes(frame[14:34])
            total = sum(int.from_bytes(header[i : i + 2], "big") for i in range(0, 20, 2))
            total = (total & 0xFFFF) + (total >> 16)
            frame[24:26] = (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
            frames.append((0, bytes(frame)))
        for at in range(0, len(frames), 512):
            verdicts, _, _ = bench.dp.feed(frames[at : at + 512], bench.now)
            for verdict in verdicts:
                counts[verdict] = counts.get(verdict, 0) + 1
        assert counts == {"tx": 2 * 31743, "drop.no_local_port": 3}
    finally:
        bench.dp.close()


def test_an_address_goes_when_its_last_connection_has(bench, net, family):
    service(bench, family, "UDP")
    bench.one(goes_out(net, l4("UDP", 1000, 53)))
    bench.conf.apply([api.DeleteService(key(family, "UDP"))])
    assert bench.feed(goes_out(net, l4("UDP", 1001, 53))).verdicts == ["punt.no_connection"]
    bench.one(goes_out(net, l4("UDP", 1000, 53)))
    bench.feed(at=400)
    bench.feed(at=401.1)
    bench.conf.tidy()
    assert bench.conf.claims().locals == frozenset()
    assert bench.feed(goes_out(net, l4("UDP", 1000, 53))).verdicts == ["pass.not_claimed"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"match": api.Match()}, "at least one of source"),
        ({"port": 5}, "has its ports in the match"),
        ({"match": api.Match(source=api.Span("fd00::1", "fd00::2"))}, "other address family"),
    ],
)
def test_refused_in_words(bench, change, why):
    import msgspec

    wrong = msgspec.structs.replace(key(4, "TCP"), **change)
    with pytest.raises(Exception, match=why):
        bench.conf.apply([api.SetService(api.Service(key=wrong))])


def test_methods_are_not_mixed(bench):
    nat = api.Real("10.74.0.51", 0, 1, api.Method.NAT)
    with pytest.raises(Exception, match="SNAT and services by match go together"):
        bench.conf.apply([api.SetService(api.Service(key=key(4, "TCP"), reals=(nat,)))])


def test_text_of_the_key():
    there = api.Span(first_port=1, last_port=1024)
    text = "MATCH tcp,from=10.73.0.1-10.73.0.99,to=:1-1024,oif=eth1"
    assert str(key(4, "TCP", destination=there, oif="eth1")) == text


def test_tcp_state(bench, net, family):
    service(bench, family)
    out = bench.one(goes_out(net, TCP(sport=1000, dport=443, flags="S")))
    bench.one(reply_to(out), port=1)
    bench.one(goes_out(net, TCP(sport=1000, dport=443, flags="A")))
    assert (bench.counters().active, bench.counters().inactive) == (1, 0)
