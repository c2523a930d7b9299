# SPDX-License-Identifier: Apache-2.0
"""ICMP echo as a service: the identifier is what a port is elsewhere."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6TimeExceeded
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from lbd.fastpath import api
from tests.packets.bench import CLIENT_MAC, MAC0, NETS, Net, sums_made_anew


def service(bench, family: int, method: str) -> None:
    net = NETS[family]
    protocol = api.Protocol.ICMP if family == 4 else api.Protocol.ICMPV6
    reals = tuple(api.Real(a, 0, 1, api.Method(method)) for a in (net.real1, net.real2))
    bench.service(method, family, key=api.ServiceKey(net.vip, 0, protocol), reals=reals)


def asks(family: int, ident: int, **more: int) -> Packet:
    return ICMP(type=8, id=ident, **more) if family == 4 else ICMPv6EchoRequest(id=ident, **more)


def answers(family: int, ident: int) -> Packet:
    return ICMP(type=0, id=ident) if family == 4 else ICMPv6EchoReply(id=ident)


def ping(net: Net, family: int, ident: int = 77) -> Packet:
    ether = Ether(src=CLIENT_MAC, dst=MAC0)
    return ether / net.ip(src=net.client, dst=net.vip) / asks(family, ident, seq=3) / Raw(b"abc")


def reply(out: Packet, family: int) -> Packet:
    ip = out.getlayer(1)
    back = type(ip)(src=ip.dst, dst=ip.src) / answers(family, out.getlayer(2).id)
    return Ether(src=out.dst, dst=out.src) / back / Raw(b"abc")


def test_request_and_reply(bench, net, family, method):
    service(bench, family, method)
    out = bench.one(ping(net, family))
    ip = out.getlayer(1)
    assert (ip.src, ip.dst) == {
        "fnat": (net.local, net.real1),
        "nat": (net.client, net.real1),
        "dr": (net.client, net.vip),
    }[method]
    assert out.getlayer(2).id == (1025 if method == "fnat" else 77)
    assert out.getlayer(2).seq == 3
    if method == "dr":
        return
    back = bench.one(reply(out, family), port=1)
    assert (back.getlayer(1).src, back.getlayer(1).dst) == (net.vip, net.client)
    assert back.getlayer(2).id == 77
    assert bytes(back)[-3:] == b"abc"
    assert bench.counters().connections == 1


def test_two_clients_of_one_identifier_are_told_apart(bench, net, family):
    service(bench, family, "fnat")
    second = ping(net, family)
    second.getlayer(1).src = net.prefix.format(3, "8")
    ids = {bench.one(frame).getlayer(2).id for frame in (ping(net, family), second)}
    assert ids == {1025, 1026}


def test_wrong_checksum_leaves_wrong(bench, net, family, method):
    service(bench, family, method)
    frame = Ether(bytes(ping(net, family)))
    layer = frame.getlayer(2)
    if family == 4:
        layer.chksum ^= 0x100
    else:
        layer.cksum ^= 0x100
    ((_, out),) = bench.feed(frame).sent
    again = sums_made_anew(out)
    if family == 6:
        del again.getlayer(2).cksum
        again = Ether(bytes(again))
    assert bytes(out) != bytes(again)


def test_a_router_tells_of_a_request_or_a_reply(bench, net, family):
    """The quoted identifier is the one that the receiver of the error knows."""
    service(bench, family, "fnat")
    out = bench.one(ping(net, family))
    back = bench.one(reply(out, family), port=1)
    for about, port, to, ident in ((out, 1, net.client, 77), (back, 0, net.real1, 1025)):
        quoted = bytes(about.getlayer(1))
        router = net.prefix.format(4 if port else 3, "7")
        told = Ether(dst=MAC0 if port == 0 else out.src) / net.ip(src=router, dst=about.getlayer(1).src)
        told /= (ICMP(type=11) if family == 4 else ICMPv6TimeExceeded()) / Raw(quoted)
        seen = bench.one(told, port=port)
        assert seen.getlayer(1).dst == to
        inner = Ether() / type(seen.getlayer(1))(bytes(seen.getlayer(2).payload))
        assert inner.getlayer(2).id == ident


@pytest.mark.parametrize("what", ["reply", "identifier 0"])
def test_what_is_the_kernels(bench, net, family, what):
    """An echo reply to the VIP answers a ping of the host's own; identifier 0 would leave open who asks."""
    service(bench, family, "nat")
    frame = ping(net, family, 0)
    if what == "reply":
        ip = net.ip(src=net.client, dst=net.vip)
        frame = Ether(src=CLIENT_MAC, dst=MAC0) / ip / answers(family, 9)
    assert bench.feed(frame).verdicts == ["pass.not_claimed"]


def test_without_a_service_the_kernel_answers(bench, net, family):
    bench.service("fnat", family)
    assert bench.feed(ping(net, family)).verdicts == ["pass.not_claimed"]


def test_a_reply_that_nobody_asked_for_is_handed_back(bench, net, family):
    service(bench, family, "fnat")
    ip = net.ip(src=net.real1, dst=net.local)
    frame = Ether(dst="02:00:00:00:01:01") / ip / answers(family, 1100)
    assert bench.feed(frame, port=1).verdicts == ["punt.no_connection"]


def test_no_server_is_told(bench, net, family):
    service(bench, family, "fnat")
    key = api.ServiceKey(net.vip, 0, api.Protocol.ICMP if family == 4 else api.Protocol.ICMPV6)
    bench.conf.apply([api.SetService(api.Service(key=key, scheduler="rr", pool="p"))])
    fed = bench.feed(ping(net, family))
    assert fed.verdicts == ["drop.no_server"]
    assert (ICMP if family == 4 else ICMPv6DestUnreach) in fed.sent[0][1]


def test_it_ends_when_idle(bench, net, family):
    service(bench, family, "nat")
    bench.one(ping(net, family))
    bench.feed(at=299)
    bench.feed(at=299.9)
    assert bench.dp.totals()[3] == 1
    bench.feed(at=302)
    bench.feed(at=303.1)
    assert bench.dp.totals()[3] == 0


def test_a_port_is_refused_in_words(bench, net, family):
    protocol = api.Protocol.ICMP if family == 4 else api.Protocol.ICMPV6
    with pytest.raises(Exception, match="the port must be 0"):
        bench.conf.apply([api.SetService(api.Service(key=api.ServiceKey(net.vip, 7, protocol)))])
