# SPDX-License-Identifier: Apache-2.0
"""Request and reply through every forwarding method, family and protocol."""

from __future__ import annotations

import socket

from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from tests.packets.bench import NETS, addresses, ones, reply_to, request, sums_made_anew


def test_request(bench, net, family, method, protocol):
    """FullNAT changes both ends, NAT the server's, DR none; DR changes the MAC address, as all do."""
    bench.service(method, family, protocol)
    out = bench.one(request(net, protocol, payload=b"hello"))
    expected = {
        "fnat": (net.local, 1025, net.real1, 8080),
        "nat": (net.client, 1000, net.real1, 8080),
        "dr": (net.client, 1000, net.vip, 80),
    }[method]
    assert addresses(out) == expected
    assert (out.src, out.dst) == ("02:00:00:00:01:01", "02:00:00:00:00:51")
    assert (out.getlayer(1).ttl if family == 4 else out.getlayer(1).hlim) == 63
    assert bytes(out[Raw]) == b"hello"


def test_reply_undoes_the_request(bench, net, family, protocol):
    for method in ("fnat", "nat"):
        bench.service(method, family, protocol)
        sport = 1000 if method == "fnat" else 1001
        out = bench.one(request(net, protocol, sport))
        back = bench.one(reply_to(out, protocol, payload=b"answer"), port=1)
        assert addresses(back) == (net.vip, 80, net.client, sport)
        assert (back.src, back.dst) == ("02:00:00:00:01:00", "02:00:00:00:00:09")
        assert bytes(back[Raw]) == b"answer"


def test_second_packet_takes_the_same_way(bench, net, family, method, protocol):
    bench.service(method, family, protocol)
    first = bench.one(request(net, protocol))
    second = bench.one(request(net, protocol, flags="A", payload=b"x"))
    assert addresses(first) == addresses(second)
    assert first.dst == second.dst
    assert bench.counters().connections == 1
    assert bench.counters().in_packets == 2


def test_two_packets_of_a_new_flow_in_one_burst_make_one_connection(bench, net, family):
    bench.service("fnat", family, "UDP")
    fed = bench.feed(request(net, "UDP"), request(net, "UDP"))
    assert fed.verdicts == ["tx", "tx"]
    assert addresses(fed.sent[0][1]) == addresses(fed.sent[1][1])
    assert bench.counters().connections == 1


def test_wrong_checksum_leaves_wrong(bench, net, family, protocol):
    """lbd never repairs: the error is the sender's or the wire's, and the receiver must see it."""
    bench.service("fnat", family, protocol)
    for bit in range(16):
        frame = Ether(bytes(request(net, protocol, payload=b"data")))
        frame.getlayer(2).chksum ^= 1 << bit
        ((_, out),) = bench.feed(frame).sent
        assert out != sums_made_anew(out)


def test_udp_without_checksum_stays_so(bench):
    """RFC 768: 0 means that the sender made none (IPv4 only)."""
    bench.service("fnat", 4, "UDP")
    frame = request(NETS[4], "UDP", payload=b"data")
    frame[UDP].chksum = 0
    ((_, out),) = bench.feed(frame).sent
    assert out[UDP].chksum == 0


def test_partial_checksum_stays_partial(bench, net, family, protocol):
    """With NEEDS_CSUM the field holds the pseudo-header sum alone: what the interface completes later is right."""
    bench.service("fnat", family, protocol)
    frame = Ether(bytes(request(net, protocol, payload=b"data")))
    at = 14 + (20 if family == 4 else 40)
    header = (
        bytes([1, 0])
        + bytes(4)
        + at.to_bytes(2, "little")
        + (16 if protocol == "TCP" else 6).to_bytes(2, "little")
    )
    field = at + (16 if protocol == "TCP" else 6)
    raw = bytearray(bytes(frame))
    raw[field : field + 2] = pseudo_sum(frame, len(raw) - at).to_bytes(2, "big")
    ((_, out),) = bench.feed(bytes(raw), header=header).sent
    # what the interface does: sum everything from csum_start on, the field included, and complement it
    data = bytearray(bytes(out)[at:])
    total = ~ones(bytes(data)) & 0xFFFF
    data[field - at : field - at + 2] = total.to_bytes(2, "big")
    completed = Ether(bytes(out)[:at] + bytes(data))
    assert completed == sums_made_anew(completed)


def pseudo_sum(frame: Packet, length: int) -> int:
    ip = frame.getlayer(1)
    version = socket.AF_INET6 if ":" in ip.src else socket.AF_INET
    proto = 6 if TCP in frame else 17
    words = socket.inet_pton(version, ip.src) + socket.inet_pton(version, ip.dst)
    return ones(words + length.to_bytes(4, "big") + proto.to_bytes(4, "big"))


def test_super_frame_passes_whole(bench, net, family):
    """64 KiB in two mbufs in, the same bytes and the same segmentation out."""
    bench.service("fnat", family, "TCP")
    bench.one(request(net, "TCP"))
    payload = bytes(range(256)) * 230
    frame = request(net, "TCP", flags="A", payload=payload)
    header = bytes([1, 1 if family == 4 else 4, 66, 0]) + (1400).to_bytes(2, "little") + bytes([34, 0, 16, 0])
    fed = bench.feed(frame, header=header)
    assert fed.verdicts == ["tx"]
    assert bytes(fed.sent[0][1])[-len(payload) :] == payload
    assert fed.headers == [header]
