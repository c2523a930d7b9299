# SPDX-License-Identifier: Apache-2.0
"""Fragments of one datagram are kept together: each reaches the server that the first one reaches, as it came."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP, UDP, fragment
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Packet, Raw

from lbd.fastpath import api
from tests.packets.bench import (
    CLIENT_MAC,
    MAC0,
    NETS,
    Bench,
    Net,
    addresses,
    request,
    sums_made_anew,
)

PAYLOAD = bytes(range(256)) * 32
"""8 KB: six fragments."""
_ids = itertools.count(1)


def datagram(net: Net, sport: int = 1000, payload: bytes = PAYLOAD, dport: int = 80) -> Packet:
    ip = net.ip(src=net.client, dst=net.vip)
    return Ether(src=CLIENT_MAC, dst=MAC0) / ip / UDP(sport=sport, dport=dport) / Raw(payload)


def pieces(packet: Packet, size: int = 1480) -> list[Packet]:
    packet = Ether(bytes(packet))
    if packet.getlayer(1).name == "IP":
        packet[IP].id = next(_ids)
        return [Ether(bytes(f)) for f in fragment(packet, size)]
    packet[IPv6].payload = IPv6ExtHdrFragment(id=next(_ids)) / packet[IPv6].payload
    packet[IPv6].nh = 44
    packet[IPv6].plen = None
    return [Ether(bytes(f)) for f in fragment6(packet, size + 34)]


def whole(sent: list[Packet]) -> Packet:
    """The datagram put together, wherever its pieces stand in the list."""
    parts: dict[int, bytes] = {}
    for out in sent:
        ip = out.getlayer(1)
        if ip.name == "IP":
            parts[ip.frag * 8] = bytes(ip.payload)
        else:
            header = out[IPv6ExtHdrFragment]
            parts[header.offset * 8] = bytes(header.payload)
    body = b"".join(parts[at] for at in sorted(parts))
    first = sent[0].getlayer(1)
    if first.name == "IP":
        made = IP(src=first.src, dst=first.dst, proto=first.proto) / Raw(body)
    else:
        made = IPv6(src=first.src, dst=first.dst, nh=sent[0][IPv6ExtHdrFragment].nh) / Raw(body)
    return Ether(bytes(Ether() / made))


def through(bench: Bench, frames: list[Packet], port: int = 0) -> Packet:
    fed = bench.feed(*frames, port=port)
    assert set(fed.verdicts) <= {"tx", "waiting"}
    assert len(fed.sent) == len(frames)
    for _, out in fed.sent:
        assert len(out) <= 1514
        if IP in out:
            copy = Ether(bytes(out))
            del copy[IP].chksum
            assert bytes(copy) == bytes(out)
    made = whole([out for _, out in fed.sent])
    assert made == sums_made_anew(made)
    return made


def test_request_and_reply(bench, net, family, method):
    bench.service(method, family, "UDP")
    out = through(bench, pieces(datagram(net)))
    assert bytes(out[Raw]) == PAYLOAD
    assert (
        addresses(out)
        == {
            "fnat": (net.local, 1025, net.real1, 8080),
            "nat": (net.client, 1000, net.real1, 8080),
            "dr": (net.client, 1000, net.vip, 80),
        }[method]
    )
    assert bench.counters().connections == 1
    assert bench.counters().in_packets == len(pieces(datagram(net)))
    if method == "dr":
        return
    ip = net.ip(src=out.getlayer(1).dst, dst=out.getlayer(1).src)
    answer = Ether(dst="02:00:00:00:01:01") / ip / UDP(sport=8080, dport=out[UDP].sport) / Raw(PAYLOAD)
    back = through(bench, pieces(answer), port=1)
    assert addresses(back) == (net.vip, 80, net.client, 1000)
    assert bytes(back[Raw]) == PAYLOAD


def test_any_order(bench, net, family):
    """What comes before the first waits for it, and follows it."""
    bench.service("fnat", family, "UDP")
    draw = random.Random(7)
    for sport in range(1000, 1020):
        frames = pieces(datagram(net, sport))
        draw.shuffle(frames)
        out = through(bench, frames)
        assert bytes(out[Raw]) == PAYLOAD
    assert bench.counters().connections == 20


def test_pieces_of_many_datagrams_interleaved(bench, net, family):
    bench.service("fnat", family, "UDP", scheduler="rr")
    many = [pieces(datagram(net, sport)) for sport in range(1000, 1010)]
    for frame in (f for row in itertools.zip_longest(*map(reversed, many)) for f in row):
        bench.feed(frame)
    assert bench.counters().connections == 10
    stats = bench.conf.stats().services[0]
    assert [r.counters.in_packets for r in stats.reals] == [30, 30]


def test_64_kilobytes(bench, net, family):
    bench.service("fnat", family, "UDP")
    payload = bytes(range(251)) * 260
    frames = pieces(datagram(net, payload=payload))[::-1]
    assert bytes(through(bench, frames)[Raw]) == payload


def test_ping_in_fragments(bench, net, family):
    key = api.ServiceKey(net.vip, 0, api.Protocol.ICMP if family == 4 else api.Protocol.ICMPV6)
    bench.service("fnat", family, key=key, reals=(api.Real(net.real1, 0, 1, api.Method.FNAT),))
    asks = ICMP(id=9) / Raw(PAYLOAD) if family == 4 else ICMPv6EchoRequest(id=9, data=PAYLOAD)
    frame = Ether(src=CLIENT_MAC, dst=MAC0) / net.ip(src=net.client, dst=net.vip) / asks
    out = through(bench, pieces(frame))
    assert out.getlayer(2).id == 1025


def test_what_is_of_no_service_is_handed_back_whole(bench, net, family):
    """The guard keeps all fragments to a claimed address from the kernel: it gets those back that are its own."""
    bench.service("fnat", family, "UDP")
    frames = pieces(datagram(net, dport=53))
    draw = random.Random(3)
    draw.shuffle(frames)
    fed = bench.feed(*frames)
    assert set(fed.verdicts) <= {"punt.fragment", "waiting"}
    assert sorted(bytes(f)[14:] for f in fed.punted) == sorted(bytes(f)[14:] for f in frames)


def test_to_others_they_pass(bench, net, family):
    bench.service("fnat", family, "UDP")
    frame = datagram(net)
    frame.getlayer(1).dst = net.prefix.format(3, "77")
    assert set(bench.feed(*pieces(frame)).verdicts) == {"pass.not_claimed"}


def test_of_no_server_is_dropped(bench, net, family):
    bench.service("fnat", family, "UDP", reals=())
    fed = bench.feed(*pieces(datagram(net)))
    assert fed.verdicts[0] == "drop.no_server"
    assert set(fed.verdicts[1:]) == {"punt.no_connection"}


def test_a_duplicate_is_dropped_and_does_no_harm(bench, net, family):
    bench.service("nat", family, "UDP")
    frames = pieces(datagram(net))
    fed = bench.feed(frames[0], frames[1], frames[1], *frames[2:])
    assert fed.verdicts.count("drop.duplicate_fragment") == 1
    assert bytes(whole([out for _, out in fed.sent])[Raw]) == PAYLOAD


def moved(frame: Packet, units: int) -> Packet:
    copy = Ether(bytes(frame))
    if IP in copy:
        copy[IP].frag += units
        del copy[IP].chksum
    else:
        copy[IPv6ExtHdrFragment].offset += units
    return Ether(bytes(copy))


def test_an_overlap_ends_the_datagram(bench, net, family):
    """RFC 5722; and teardrop."""
    bench.service("nat", family, "UDP")
    frames = pieces(datagram(net))
    fed = bench.feed(frames[0], frames[1], moved(frames[2], -1), *frames[2:])
    assert fed.verdicts == ["tx", "tx", *["drop.overlapping_fragment"] * (len(frames) - 1)]


def test_beyond_64_kilobytes(bench, net, family):
    """Ping of death."""
    bench.service("nat", family, "UDP")
    frames = pieces(datagram(net))
    assert bench.feed(moved(frames[1], 8191 - 185)).verdicts == ["drop.bad_fragment"]


def test_a_piece_that_is_no_multiple_of_8(bench, net, family):
    bench.service("nat", family, "UDP")
    frame = pieces(datagram(net))[1]
    copy = Ether(bytes(frame)[:-3])
    if family == 4:
        copy[IP].len -= 3
        del copy[IP].chksum
    else:
        copy[IPv6].plen -= 3
    assert bench.feed(copy).verdicts == ["drop.bad_fragment"]


def test_a_first_fragment_too_short_for_a_header(bench, net, family):
    """RFC 1858 section 3: what decides must stand in the first."""
    bench.service("nat", family, "TCP")
    start = bytes(request(net).getlayer(2))[:16]
    if family == 4:
        ip = IP(src=net.client, dst=net.vip, proto=6, flags="MF")
    else:
        ip = IPv6(src=net.client, dst=net.vip) / IPv6ExtHdrFragment(nh=6, m=1)
    assert bench.feed(Ether(src=CLIENT_MAC, dst=MAC0) / ip / Raw(start)).verdicts == ["drop.runt"]


def test_the_first_never_comes(bench, net, family):
    bench.service("nat", family, "UDP")
    frames = pieces(datagram(net))[1:]
    assert set(bench.feed(*frames).verdicts) == {"waiting"}
    bench.feed(at=1.5)
    assert bench.counts()["drop.first_fragment_missing"] == len(frames)
    assert bench.dp.mbufs_in_use() == 0


def test_a_flood_of_pieces_is_bounded(bench, net, family):
    """At most 64 of one datagram and 1,024 of all wait; and a second later there is room again."""
    bench.service("nat", family, "UDP")
    for _ in range(60):
        bench.feed(*pieces(datagram(net, payload=bytes(30000)))[1:])
    assert bench.dp.mbufs_in_use() == 1024
    assert bench.counts()["drop.fragments_full"] > 0
    bench.feed(at=2.0)
    assert bench.dp.mbufs_in_use() == 0
    assert bytes(through(bench, pieces(datagram(net)))[Raw]) == PAYLOAD


def test_sctp_cannot_be_translated_in_parts(bench, net, family):
    bench.service("nat", family, "SCTP")
    ip = net.ip(src=net.client, dst=net.vip)
    packet = Ether(src=CLIENT_MAC, dst=MAC0) / ip / SCTP(sport=1, dport=80) / SCTPChunkInit() / Raw(PAYLOAD)
    assert bench.feed(pieces(packet)[0]).verdicts == ["drop.fragmented_sctp"]


def test_atomic_fragment_is_a_whole_packet(bench):
    """RFC 6946."""
    net = NETS[6]
    bench.service("nat", 6, "UDP")
    frame = datagram(net, payload=b"x")
    frame[IPv6].payload = IPv6ExtHdrFragment(nh=17, m=0, offset=0, id=5) / frame[IPv6].payload
    frame[IPv6].nh = 44
    assert bench.feed(frame).verdicts == ["tx"]


def test_smaller_pieces_where_the_way_out_is_narrower(bench):
    """IPv4 alone lets a router cut a fragment (RFC 791)."""
    bench.links[2] = type(bench.links[2])("eth1", bench.links[2].mac, 1000)
    bench.forwarding.set_ports(bench.links, {1: 0, 2: 1})
    bench.service("nat", 4, "UDP")
    fed = bench.feed(*pieces(datagram(NETS[4])))
    assert set(fed.verdicts) == {"tx"}
    assert all(len(out) <= 1014 for _, out in fed.sent)
    made = whole([out for _, out in fed.sent])
    assert bytes(made[Raw]) == PAYLOAD
    assert made == sums_made_anew(made)


@pytest.fixture
def team(eal: None) -> Iterator[Bench]:
    bench = Bench(workers=3)
    try:
        yield bench
        bench.check_sums()
    finally:
        bench.dp.close()


def test_the_owner_gets_them_from_where_they_come_in(team, net, family):
    """All fragments come in at one worker; whose connection it is gets each of them with its ports."""
    team.service("fnat", family, "UDP")
    draw = random.Random(5)
    for sport in range(1000, 1012):
        frames = pieces(datagram(net, sport))
        draw.shuffle(frames)
        fed = team.feed(*frames)
        assert set(fed.verdicts) <= {"tx", "handed", "waiting"}
        assert bytes(whole([out for _, out in fed.sent])[Raw]) == PAYLOAD
    assert team.counters().connections == 12
    assert team.counts()["handed"] > 0
