# SPDX-License-Identifier: Apache-2.0
"""ICMP errors that belong to a connection reach the one who sent the packet they are about, and quote it as sent."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPerror6, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.packets.bench import NETS, reply_to, request, sums_made_anew

ROUTER = {4: "10.74.0.1", 6: "fd74::1"}


def errors(family):
    if family == 4:
        return [ICMP(type=3, code=1), ICMP(type=3, code=4, nexthopmtu=1400), ICMP(type=11), ICMP(type=12)]
    return [ICMPv6DestUnreach(code=1), ICMPv6PacketTooBig(mtu=1400), ICMPv6TimeExceeded()]


def about(packet, family, error, mac, source):
    """The error that a router on the way sends back about a packet of ours."""
    quoted = bytes(packet)[14 : 14 + 200]
    ip = (IP if family == 4 else IPv6)(src=source, dst=packet.getlayer(1).src)
    return Ether(src=mac, dst=packet.src) / ip / error / Raw(quoted)


def quoted_tuple(packet, protocol):
    inner = packet[IPerror] if IPerror in packet else packet[IPerror6]
    t = packet[TCPerror] if protocol == "TCP" else packet[UDPerror]
    return inner.src, t.sport, inner.dst, t.dport


@pytest.mark.parametrize("kind", range(3))
def test_about_a_request(bench, net, family, protocol, kind):
    """A router behind lbd cannot deliver: the client hears it from the VIP."""
    for method, sport in (("fnat", 1000), ("nat", 1001)):
        bench.service(method, family, protocol)
        frame = request(net, protocol, sport, payload=b"x" * 40)
        out = bench.one(frame)
        back = bench.one(
            about(out, family, errors(family)[kind], "02:00:00:00:00:51", ROUTER[family]), port=1
        )
        assert back.dst == "02:00:00:00:00:09"
        assert (back.getlayer(1).src, back.getlayer(1).dst) == (net.vip, net.client)
        assert quoted_tuple(back, protocol) == (net.client, sport, net.vip, 80)


@pytest.mark.parametrize("kind", range(3))
def test_about_a_reply(bench, net, family, protocol, kind):
    """A router before lbd cannot deliver: the real server hears it, about what it sent to the local address."""
    bench.service("fnat", family, protocol)
    out = bench.one(request(net, protocol))
    back = bench.one(reply_to(out, protocol, payload=b"y" * 40), port=1)
    error = bench.one(about(back, family, errors(family)[kind], "02:00:00:00:00:09", net.client))
    assert error.dst == out.dst
    assert (error.getlayer(1).src, error.getlayer(1).dst) == (net.local, net.real1)
    assert quoted_tuple(error, protocol) == (net.real1, 8080, net.local, 1025)


def test_the_mtu_that_is_told_stays(bench, net, family):
    bench.service("fnat", family, "UDP")
    out = bench.one(request(net, "UDP"))
    back = bench.one(about(out, family, errors(family)[1], "02:00:00:00:00:51", ROUTER[family]), port=1)
    assert (back[ICMP].nexthopmtu if family == 4 else back[ICMPv6PacketTooBig].mtu) == 1400


def test_quoted_checksums_fit_the_quoted_packet(bench):
    """Whoever receives the error compares it with what it sent: the quoted headers are right to the byte."""
    bench.service("fnat", 4, "UDP")
    frame = Ether(bytes(request(NETS[4], "UDP", payload=b"z" * 20)))
    out = bench.one(frame)
    back = bench.one(about(out, 4, ICMP(type=3, code=1), "02:00:00:00:00:51", ROUTER[4]), port=1)
    quoted = bytes(back)[14 + 28 :]
    frame[IP].ttl = 63
    assert quoted == bytes(sums_made_anew(frame))[14 : 14 + len(quoted)]


def test_wrong_checksum_is_dropped(bench, net, family):
    bench.service("fnat", family, "UDP")
    out = bench.one(request(net, "UDP"))
    frame = bytearray(bytes(about(out, family, errors(family)[0], "02:00:00:00:00:51", ROUTER[family])))
    frame[-1] ^= 1
    assert bench.feed(bytes(frame), port=1).verdicts == ["drop.bad_icmp_checksum"]


def test_of_no_connection_is_handed_back(bench, net, family):
    bench.service("fnat", family, "UDP")
    out = bench.one(request(net, "UDP"))
    out.getlayer(2).sport = 4000
    frame = about(out, family, errors(family)[0], "02:00:00:00:00:51", ROUTER[family])
    assert bench.feed(frame, port=1).verdicts == ["punt.no_connection"]


def test_dr_passes_it_to_the_server(bench, net, family):
    """The real server answered by itself, from the VIP: errors about that reach the director."""
    bench.service("dr", family, "UDP")
    out = bench.one(request(net, "UDP"))
    answer = Ether(dst="02:00:00:00:00:09", src="02:00:00:00:01:00") / net.ip(src=net.vip, dst=net.client)
    answer = answer / type(out.getlayer(2))(sport=80, dport=1000) / Raw(b"answer")
    frame = about(answer, family, errors(family)[0], "02:00:00:00:00:09", net.client)
    error = bench.one(frame)
    assert error.dst == out.dst
    assert bytes(error)[54 if family == 6 else 34 :] == bytes(frame)[54 if family == 6 else 34 :]


def test_no_error_about_an_error(bench, net, family):
    """RFC 1122 section 3.2.2: an ICMP error with TTL 1 ends without an answer."""
    bench.service("fnat", family, "UDP")
    out = bench.one(request(net, "UDP"))
    frame = about(out, family, errors(family)[0], "02:00:00:00:00:51", ROUTER[family])
    frame.getlayer(1).setfieldval("ttl" if family == 4 else "hlim", 1)
    fed = bench.feed(frame, port=1)
    assert fed.verdicts == ["drop.ttl_exceeded"]
    assert fed.sent == []
