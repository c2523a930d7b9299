# SPDX-License-Identifier: Apache-2.0
"""Through a tunnel to the real server: the whole of what the client sent, in an outer packet as IPVS writes it."""

from __future__ import annotations

import itertools

import pytest
from scapy.layers.inet import GRE, ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from lbd.fastpath import api
from tests.packets.bench import NETS, REAL_MACS, mac, ones, request, sums_made_anew

KINDS = {
    "ipip": api.Tunnel(),
    "gre": api.Tunnel(kind=api.TunnelKind.GRE),
    "gre-csum": api.Tunnel(kind=api.TunnelKind.GRE, checksum=True),
    "gue": api.Tunnel(kind=api.TunnelKind.GUE, port=6080),
    "gue-csum": api.Tunnel(kind=api.TunnelKind.GUE, port=6080, checksum=True),
}
OURS = {4: "10.74.0.1", 6: "fd74::1"}
"""The address of port 1, where tunnels begin."""


@pytest.fixture
def bench(bench):
    macs = [mac("02:00:00:00:01:01")]
    bench.dp.set_port(1, macs, 1500, bytes([10, 74, 0, 1]), bytes.fromhex("fd74" + "0" * 27 + "1"))
    return bench


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return str(request.param)


@pytest.fixture(params=[4, 6], ids=["to-IPv4", "to-IPv6"])
def real_family(request) -> int:
    return int(request.param)


def service(bench, family: int, real_family: int, kind: str = "ipip", protocol: str = "TCP") -> None:
    real = api.Real(NETS[real_family].real1, 80, 1, api.Method.TUN, KINDS[kind])
    bench.service("dr", family, protocol, reals=(real,))


def sent_by(bench, frame: Packet) -> Packet:
    """One frame in, one out."""
    fed = bench.feed(frame)
    assert fed.verdicts == ["tx"]
    ((_, out),) = fed.sent
    return out


def inner_of(out: Packet, kind: str) -> bytes:
    """The inner packet, once everything around it is found to be right."""
    outer = out.getlayer(1)
    if kind != "gue":
        assert out == sums_made_anew(out)
    data = bytes(outer.payload)
    proto = outer.proto if IP in out and outer.name == "IP" else outer.nh
    if kind == "ipip":
        assert proto == (4 if data[0] >> 4 == 4 else 41)
        return data
    if kind.startswith("gre"):
        assert proto == 47
        assert data[2:4] == (b"\x08\x00" if data[-1:] and out[GRE].proto == 0x0800 else b"\x86\xdd")
        assert data[:2] == (b"\x80\x00" if "csum" in kind else b"\0\0")
        if "csum" in kind:
            assert ones(data) == 0xFFFF
            assert data[6:8] == b"\0\0"
        return data[8 if "csum" in kind else 4 :]
    assert proto == 17
    udp = outer.payload
    assert udp.dport == 6080
    assert udp.sport >= 49152
    assert udp.len == len(data)
    assert (udp.chksum != 0) == ("csum" in kind)
    assert data[8:12] == bytes([0, 4 if data[12] >> 4 == 4 else 41, 0, 0])
    return data[12:]


def lowered(frame: Packet) -> bytes:
    """The IP packet of a frame with its TTL lowered by one, as a router sends it on."""
    copy = Ether(bytes(frame))
    ip = copy.getlayer(1)
    if isinstance(ip, IP):
        ip.ttl -= 1
        del ip.chksum
    else:
        ip.hlim -= 1
    return bytes(Ether(bytes(copy)).getlayer(1))


def test_the_whole_packet_is_inside(bench, family, real_family, kind, protocol):
    service(bench, family, real_family, kind, protocol)
    frame = request(NETS[family], protocol, payload=b"hello")
    out = sent_by(bench, frame)
    outer = out.getlayer(1)
    assert (outer.src, outer.dst) == (OURS[real_family], NETS[real_family].real1)
    assert (out.src, out.dst) == ("02:00:00:00:01:01", REAL_MACS["51"])
    assert inner_of(out, kind) == lowered(frame)


def test_padding_of_the_wire_stays_outside(bench, family, real_family):
    """A short frame is padded to 60 bytes; the inner packet ends where it says."""
    service(bench, family, real_family, "ipip", "UDP")
    frame = request(NETS[family], "UDP")
    ((_, out),) = bench.feed(bytes(frame) + bytes(18)).sent
    assert len(out.getlayer(1)) - (20 if real_family == 4 else 40) == len(frame) - 14


def test_outer_fields_are_the_inner_ones(bench, family, real_family):
    """ip_vs_tunnel_xmit: traffic class, TTL, and DF of an IPv4 packet; IPv6 inside IPv4 goes without DF."""
    service(bench, family, real_family)
    frame = request(NETS[family])
    ip = frame.getlayer(1)
    if family == 4:
        ip.tos, ip.ttl, ip.flags = 0xB9, 33, "DF"
    else:
        ip.tc, ip.hlim = 0xB9, 33
    outer = bench.one(frame).getlayer(1)
    assert (outer.tos if real_family == 4 else outer.tc) == 0xB9
    assert (outer.ttl if real_family == 4 else outer.hlim) == 32
    if real_family == 4:
        assert bool(outer.flags.DF) == (family == 4)


def test_identifications_differ(bench):
    service(bench, 4, 4)
    seen = {bench.one(request(NETS[4], sport=1000 + i))[IP].id for i in range(20)}
    assert len(seen) == 20


def test_too_long_with_df_is_told_with_the_room_inside(bench, family, real_family, kind):
    """RFC 1191 and RFC 4443: the MTU that is told is the one of the way out, less what goes around."""
    service(bench, family, real_family, kind)
    frame = request(NETS[family], payload=bytes(1450))
    if family == 4:
        frame[IP].flags = "DF"
    fed = bench.feed(frame)
    assert fed.verdicts == ["drop.too_big"]
    ((_, told),) = fed.sent
    inside = {"ipip": 0, "gre": 4, "gre-csum": 8, "gue": 12, "gue-csum": 12}[kind]
    room = 1500 - (20 if real_family == 4 else 40) - inside
    assert (told[ICMP].nexthopmtu if family == 4 else told[ICMPv6PacketTooBig].mtu) == room
    fits = request(NETS[family], payload=bytes(room - (40 if family == 4 else 60)))
    assert len(sent_by(bench, fits)) == 1514


def test_too_long_without_df_leaves_in_outer_fragments(bench, real_family):
    """RFC 2003 section 5.1, RFC 2473 section 7.2: the outer packet is fragmented where the inner one could be."""
    service(bench, 4, real_family, "ipip", "UDP")
    frame = request(NETS[4], "UDP", payload=bytes(range(256)) * 5 + bytes(192))
    fed = bench.feed(frame)
    assert fed.verdicts == ["tx"]
    assert len(fed.sent) == 2
    assert joined([out for _, out in fed.sent]) == lowered(frame)


def joined(pieces: list[Packet]) -> bytes:
    """The payload of a datagram in fragments, in order."""
    parts: dict[int, bytes] = {}
    for out in pieces:
        assert len(out) <= 1514
        if out.getlayer(1).name == "IP":
            parts[out[IP].frag * 8] = bytes(out[IP].payload)
        else:
            data = bytes(out[IPv6].payload)
            parts[int.from_bytes(data[2:4], "big") & 0xFFF8] = data[8:]
    whole = b""
    for at in sorted(parts):
        assert at == len(whole)
        whole += parts[at]
    return whole


def test_super_frame_leaves_as_segments(bench, family, real_family):
    """No interface segments what is inside a tunnel of ours: each segment with its sums, numbers and flags."""
    service(bench, family, real_family)
    bench.one(request(NETS[family]))
    payload = bytes(range(256)) * 40
    frame = request(NETS[family], flags="PA", payload=payload)
    at = 14 + (20 if family == 4 else 40)
    header = (
        bytes([1, 1 if family == 4 else 4, at + 20, 0])
        + (1400).to_bytes(2, "little")
        + at.to_bytes(2, "little")
        + bytes([16, 0])
    )
    fed = bench.feed(frame, header=header)
    assert fed.verdicts == ["tx"]
    inner = [type(frame.getlayer(1))(bytes(out.getlayer(1).payload)) for _, out in fed.sent]
    assert b"".join(bytes(x[Raw]) for x in inner) == payload
    for a, b in itertools.pairwise(inner):
        assert b[TCP].seq == a[TCP].seq + 1400
        assert a[TCP].flags == "A"
    assert inner[-1][TCP].flags == "PA"
    for packet in inner:
        whole = Ether() / packet
        assert bytes(whole) == bytes(sums_made_anew(whole))


def test_partial_checksum_is_made_before(bench, family, real_family):
    service(bench, family, real_family)
    frame = Ether(bytes(request(NETS[family], payload=b"data")))
    wanted = lowered(frame)
    at = 14 + (20 if family == 4 else 40)
    raw = bytearray(bytes(frame))
    raw[at + 16 : at + 18] = b"\0\0"
    ip = bytes(frame.getlayer(1))
    ends = ip[12:20] if family == 4 else ip[8:40]
    pseudo = ones(ends + (len(raw) - at).to_bytes(4, "big") + (6).to_bytes(4, "big"))
    raw[at + 16 : at + 18] = pseudo.to_bytes(2, "big")
    header = bytes([1, 0]) + bytes(4) + at.to_bytes(2, "little") + (16).to_bytes(2, "little")
    ((_, out),) = bench.feed(bytes(raw), header=header).sent
    assert inner_of(out, "ipip") == wanted


def test_way_out_without_an_address(bench, family, real_family):
    """Nothing can be the source of the outer packet: dropped by name."""
    bench.dp.set_port(1, [mac("02:00:00:00:01:01")], 1500)
    service(bench, family, real_family)
    assert bench.feed(request(NETS[family])).verdicts == ["drop.no_source"]


def test_waits_for_the_end_of_the_tunnel(bench, family, real_family):
    bench.neighbour(2, NETS[real_family].real1, None)
    service(bench, family, real_family)
    frame = request(NETS[family])
    assert bench.feed(frame).verdicts == ["waiting"]
    bench.neighbour(2, NETS[real_family].real1, REAL_MACS["51"])
    ((_, out),) = bench.feed().sent
    assert inner_of(out, "ipip") == lowered(frame)


def test_refused_in_words(bench, real_family):
    gue = api.Real(NETS[real_family].real1, 80, 1, api.Method.TUN, api.Tunnel(kind=api.TunnelKind.GUE))
    with pytest.raises(Exception, match="GUE needs a port"):
        bench.service("dr", 4, reals=(gue,))
    other = api.Real(NETS[real_family].real1, 81, 1, api.Method.TUN)
    with pytest.raises(Exception, match="TUN cannot change the port"):
        bench.service("dr", 4, reals=(other,))


def test_udp_by_a_tunnel(bench, family):
    service(bench, family, family, "ipip", "UDP")
    assert UDP in bench.one(request(NETS[family], "UDP", payload=b"x"))
