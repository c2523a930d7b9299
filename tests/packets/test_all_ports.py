# SPDX-License-Identifier: Apache-2.0
"""A service for all ports of its address (port 0 in IPVS): a server is asked on the port that the client asked for."""

from __future__ import annotations

import pytest
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from lbd.fastpath import api
from tests.packets.bench import CLIENT_MAC, MAC0, NETS, Net, addresses, l4, reply_to, request


def service(bench, family: int, method: str, protocol: str) -> None:
    net = NETS[family]
    reals = (api.Real(net.real1, 0, 1, api.Method(method)),)
    bench.service(method, family, key=api.ServiceKey(net.vip, 0, api.Protocol[protocol]), reals=reals)


def asks(net: Net, protocol: str, port: int) -> Packet:
    return Ether(src=CLIENT_MAC, dst=MAC0) / net.ip(src=net.client, dst=net.vip) / l4(protocol, 1000, port)


@pytest.mark.parametrize("port", [1, 443, 65535])
def test_the_port_is_kept(bench, net, family, method, protocol, port):
    service(bench, family, method, protocol)
    out = bench.one(asks(net, protocol, port))
    assert addresses(out)[3] == port
    if method == "dr":
        return
    back = bench.one(reply_to(out, protocol), port=1)
    assert addresses(back) == (net.vip, port, net.client, 1000)


def test_a_service_of_the_port_comes_first(bench, net, family):
    service(bench, family, "nat", "TCP")
    bench.service("nat", family, "TCP", reals=(api.Real(net.real2, 8080, 1, api.Method.NAT),))
    assert addresses(bench.one(request(net)))[2:] == (net.real2, 8080)
    assert addresses(bench.one(asks(net, "TCP", 81)))[2:] == (net.real1, 81)


def test_only_its_own_protocol(bench, net, family):
    service(bench, family, "nat", "TCP")
    assert bench.feed(asks(net, "UDP", 53)).verdicts == ["pass.not_claimed"]


def test_what_a_server_sends_by_itself_is_handed_back(bench, net, family):
    """Claimed on every port, and of no connection: the kernel routes it."""
    service(bench, family, "nat", "TCP")
    frame = Ether(dst="02:00:00:00:01:01") / net.ip(src=net.real1, dst=net.client) / l4("TCP", 4711, 25)
    assert bench.feed(frame, port=1).verdicts == ["punt.no_connection"]
