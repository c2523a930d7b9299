# SPDX-License-Identifier: Apache-2.0
"""What is not forwarded, and by which name it ends."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, defragment
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from lbd.fastpath import api
from tests.packets.bench import CLIENT_MAC, MAC0, NETS, ones, reply_to, request, sums_made_anew

TO_LBD = Ether(src=CLIENT_MAC, dst=MAC0)


def test_every_prefix_of_a_frame_has_a_verdict(bench, net, family, protocol):
    """Cut at every byte, a frame is a named drop, never a crash; whole, it passes."""
    bench.service("fnat", family, protocol)
    frame = bytes(request(net, protocol, payload=b"0123456789"))
    verdicts = [bench.feed(frame[:n]).verdicts[0] for n in range(1, len(frame) + 1)]
    assert set(verdicts[:-1]) <= {"drop.runt", "drop.truncated"}
    assert verdicts[-1] == "tx"


def test_padding_is_cut_off_the_length(bench):
    """A short frame is padded to 60 bytes on the wire; the IP length counts."""
    bench.service("fnat", 4, "UDP")
    frame = bytes(request(NETS[4], "UDP")) + bytes(18)
    assert bench.feed(frame).verdicts == ["tx"]
    assert bench.counters().in_bytes == 28


IPV4_CASES = {
    "version 5": (lambda p: p.setfieldval("version", 5), "drop.bad_header"),
    "header of 16 bytes": (lambda p: p.setfieldval("ihl", 4), "drop.bad_header"),
    "length below the header": (lambda p: p.setfieldval("len", 19), "drop.bad_header"),
    "length beyond the frame": (lambda p: p.setfieldval("len", 60), "drop.truncated"),
    "wrong header checksum": (lambda p: p.setfieldval("chksum", 1), "drop.bad_header_checksum"),
    "from 0.1.2.3": (lambda p: p.setfieldval("src", "0.1.2.3"), "drop.martian"),
    "from 127.0.0.1": (lambda p: p.setfieldval("src", "127.0.0.1"), "drop.martian"),
    "from multicast": (lambda p: p.setfieldval("src", "224.0.0.18"), "drop.martian"),
    "from broadcast": (lambda p: p.setfieldval("src", "255.255.255.255"), "drop.martian"),
    "from the VIP (LAND)": (lambda p: p.setfieldval("src", "10.73.0.100"), "drop.martian"),
}


@pytest.mark.parametrize("case", IPV4_CASES)
def test_ipv4(bench, case):
    change, verdict = IPV4_CASES[case]
    bench.service("fnat", 4, "TCP")
    frame = request(NETS[4], "TCP")
    change(frame[IP])
    assert bench.feed(frame).verdicts == [verdict]


TCP_CASES = {
    "data offset 4": (lambda t: t.setfieldval("dataofs", 4), "drop.bad_tcp_header"),
    "data offset beyond the packet": (lambda t: t.setfieldval("dataofs", 8), "drop.bad_tcp_header"),
    "no flags": (lambda t: t.setfieldval("flags", 0), "punt.no_connection"),
    "SYN and FIN": (lambda t: t.setfieldval("flags", "SF"), "punt.no_connection"),
    "a stray ACK": (lambda t: t.setfieldval("flags", "A"), "punt.no_connection"),
    "a stray RST": (lambda t: t.setfieldval("flags", "R"), "punt.no_connection"),
}


@pytest.mark.parametrize("case", TCP_CASES)
def test_tcp(bench, net, family, case):
    """What opens no connection is the kernel's to answer: an RST from the VIP, as without a load balancer."""
    change, verdict = TCP_CASES[case]
    bench.service("fnat", family, "TCP")
    frame = request(net, "TCP")
    change(frame[TCP])
    fed = bench.feed(frame)
    assert fed.verdicts == [verdict]
    assert len(fed.punted) == verdict.startswith("punt")


@pytest.mark.parametrize("length", [1, 7, 9, 65535])
def test_udp_length(bench, net, family, length):
    bench.service("fnat", family, "UDP")
    frame = request(net, "UDP")
    frame[UDP].len = length
    assert bench.feed(frame).verdicts == ["drop.bad_udp_length"]


def test_extension_headers_are_walked_eight_deep(bench):
    bench.service("fnat", 6, "UDP")
    net = NETS[6]

    def with_headers(n):
        frame = TO_LBD / IPv6(src=net.client, dst=net.vip)
        for _ in range(n):
            frame = frame / IPv6ExtHdrHopByHop()
        return bench.feed(frame / UDP(sport=1, dport=80)).verdicts

    assert with_headers(1) == ["tx"]
    assert with_headers(8) == ["tx"]
    assert with_headers(9) == ["drop.extension_headers"]


def test_what_is_not_claimed_passes(bench, net, family):
    """ARP, ping, ssh to the VIP, VRRP and other hosts' traffic: the kernel has it all the time."""
    bench.service("fnat", family, "TCP")
    echo = ICMP() if family == 4 else ICMPv6EchoRequest()
    ours = TO_LBD / net.ip(src=net.client, dst=net.vip)
    assert bench.feed(TO_LBD / ARP()).verdicts == ["pass.not_ip"]
    assert bench.feed(Ether(dst="ff:ff:ff:ff:ff:ff") / net.ip(dst=net.vip)).verdicts == ["pass.not_for_us"]
    assert bench.feed(Ether(dst="02:00:00:00:77:77") / bytes(ours)[14:]).verdicts == ["pass.not_for_us"]
    assert bench.feed(ours / echo / Raw(b"ping")).verdicts == ["pass.not_claimed"]
    assert bench.feed(ours / TCP(dport=22)).verdicts == ["pass.not_claimed"]
    assert bench.feed(ours / UDP(dport=80)).verdicts == ["pass.not_claimed"]


def test_service_is_claimed_where_the_kernel_has_the_address(bench, net, family):
    """A BACKUP does not have it; a DR real server has it on lo: neither may balance."""
    bench.service("fnat", family, "TCP", interface="eth0")
    assert bench.feed(request(net)).verdicts == ["tx"]
    bench.conf.set_host({net.vip: frozenset({"lo"})})
    assert bench.feed(request(net, sport=2)).verdicts == ["pass.not_claimed"]
    bench.conf.set_host({})
    assert bench.feed(request(net, sport=2)).verdicts == ["pass.not_claimed"]
    bench.conf.set_host({net.vip: frozenset({"eth0", "lo"})})
    assert bench.feed(request(net, sport=2)).verdicts == ["tx"]


def test_local_address_is_claimed_above_port_1024(bench, net, family):
    bench.service("fnat", family, "TCP")

    def to_local(port):
        frame = Ether(src="02:00:00:00:00:51", dst="02:00:00:00:01:01") / net.ip(src=net.real1, dst=net.local)
        return bench.feed(frame / TCP(sport=8080, dport=port, flags="A"), port=1).verdicts

    assert to_local(1024) == ["pass.not_claimed"]
    assert to_local(1025) == ["punt.no_connection"]
    assert to_local(65535) == ["punt.no_connection"]


def test_nat_server_answers_a_host_that_did_not_come_by_the_vip(bench, net, family):
    """Routed through the director straight to the server: claimed by its source, of no connection, handed back."""
    bench.service("nat", family, "TCP")
    frame = Ether(src="02:00:00:00:00:51", dst="02:00:00:00:01:01")
    answer = frame / net.ip(src=net.real1, dst=net.client) / TCP(sport=8080, dport=999, flags="SA")
    fed = bench.feed(answer, port=1)
    assert fed.verdicts == ["punt.no_connection"]
    assert bytes(fed.punted[0])[14:] == bytes(answer)[14:]
    assert fed.punted[0].dst == "02:00:00:00:ff:ff"
    check = frame / net.ip(src=net.real1, dst=net.vip) / TCP(sport=8080, dport=999, flags="SA")
    assert bench.feed(check, port=1).verdicts == ["pass.not_claimed"]


def test_no_server(bench, net, family):
    """Port unreachable, as IPVS answers, quoting what was refused; at most 1,000 a second."""
    service = bench.service("fnat", family, "TCP", reals=())
    fed = bench.feed(request(net))
    assert fed.verdicts == ["drop.no_server"]
    ((port, error),) = fed.sent
    assert port == 0
    assert error.dst == CLIENT_MAC
    assert error.getlayer(1).dst == net.client
    icmp = error.getlayer(2)
    assert (icmp.type, icmp.code) == ((3, 3) if family == 4 else (1, 4))
    assert bytes(request(net))[14:] in bytes(error)
    assert service.reals == ()
    for _ in range(40):
        bench.feed(*[request(net, sport=n) for n in range(1, 33)], at=10)
    assert bench.dp.totals()[1] == 1 + 125


def test_weight_0_takes_no_new_connection_and_keeps_the_old_ones(bench, net, family):
    service = bench.service("fnat", family, "UDP")
    out = bench.one(request(net, "UDP"))
    reals = tuple(api.Real(r.address, r.port, 0, r.method) for r in service.reals)
    bench.service("fnat", family, "UDP", reals=reals)
    assert bench.one(request(net, "UDP")).dst == out.dst
    assert bench.feed(request(net, "UDP", sport=2)).verdicts == ["drop.no_server"]


def test_ttl(bench, net, family, method):
    """RFC 1812 section 5.3.1: it ends here, and the sender learns so."""
    bench.service(method, family, "UDP")
    frame = request(net, "UDP")
    ip = frame.getlayer(1)
    ip.setfieldval("ttl" if family == 4 else "hlim", 1)
    fed = bench.feed(frame)
    assert fed.verdicts == ["drop.ttl_exceeded"]
    icmp = fed.sent[0][1].getlayer(2)
    assert icmp.type == (11 if family == 4 else 3)


def test_too_big(bench, net, family, method):
    """RFC 1191 and RFC 4443: the error tells the MTU of the way out."""
    bench.service(method, family, "UDP")
    frame = request(net, "UDP", payload=bytes(1600))
    if family == 4:
        frame[IP].flags = "DF"
    fed = bench.feed(frame)
    assert fed.verdicts == ["drop.too_big"]
    icmp = fed.sent[0][1].getlayer(2)
    assert (icmp.nexthopmtu if family == 4 else icmp.mtu) == 1500


def test_reply_of_a_server_that_answers_from_elsewhere_is_no_connection(bench, net, family):
    bench.service("fnat", family, "UDP")
    out = bench.one(request(net, "UDP"))
    stray = reply_to(out, "UDP")
    stray.getlayer(1).src = net.real2
    assert bench.feed(stray, port=1).verdicts == ["punt.no_connection"]


@pytest.mark.parametrize("size", [1473, 1600, 9000, 40_000])
def test_too_big_without_df_is_fragmented(bench, size):
    """RFC 791: in pieces of the MTU that make the whole again, its checksum right; a partial one is completed."""
    bench.service("fnat", 4, "UDP")
    payload = bytes(n % 251 for n in range(size))
    for header in (b"", bytes([1, 0, 0, 0, 0, 0, 34, 0, 6, 0])):
        frame = bytearray(bytes(request(NETS[4], "UDP", payload=payload)))
        if header:
            words = bytes(frame[26:34]) + (17).to_bytes(2, "big") + (size + 8).to_bytes(2, "big")
            frame[40:42] = ones(words).to_bytes(2, "big")
        fed = bench.feed(bytes(frame), header=header)
        pieces = [p for _, p in fed.sent]
        assert len(pieces) == -(-(size + 8) // 1480)
        assert all(len(p) <= 1514 for p in pieces)
        whole = IP(bytes(defragment([p[IP] for p in pieces])[0]))
        assert bytes(whole[Raw]) == payload
        assert whole[UDP].chksum == IP(bytes(sums_made_anew(Ether() / whole))[14:])[UDP].chksum
