# SPDX-License-Identifier: Apache-2.0
"""Requests of rtnetlink to the byte: what pyroute2, written by others, reads in them."""

from __future__ import annotations

from typing import Any

import pytest
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lbd.kernel.rtnl import address, link, route, rule
from lbd.kernel.rtnl.link import VirtualLink
from lbd.kernel.rtnl.wire import CREATE, EXCL, Request
from lbd.model import VirtualAddress
from lbd.model.route import Encap, NextHop, Route, Rule


def read(kind: type, request: Request) -> Any:
    """As a message of pyroute2: fields by index, attributes by get_attr."""
    length = (16 + len(request.body)).to_bytes(4, "little")
    message = kind(length + request.kind.to_bytes(2, "little") + bytes(10) + request.body)
    message.decode()
    return message


def index_of(name: str) -> int:
    return {"eth0": 2, "eth1": 3}[name]


def virtual(text: str, prefix: int, **more: object) -> VirtualAddress:
    return VirtualAddress(address=text, prefix=prefix, dev="eth0", **more)


def test_an_address():
    made = address.add(virtual("10.0.0.5", 24, label="eth0:1", brd="+", scope="link"), 2)
    message = read(ifaddrmsg, made)
    assert (made.flags, message["prefixlen"], message["scope"], message["index"]) == (
        CREATE | EXCL,
        24,
        253,
        2,
    )
    assert message.get_attr("IFA_LOCAL") == message.get_attr("IFA_ADDRESS") == "10.0.0.5"
    assert (message.get_attr("IFA_LABEL"), message.get_attr("IFA_BROADCAST")) == ("eth0:1", "10.0.0.255")


@pytest.mark.parametrize(
    ("brd", "expected"), [("-", "10.0.0.0"), ("10.0.0.9", "10.0.0.9"), (None, None)], ids=str
)
def test_a_broadcast_address(brd, expected):
    assert (
        read(ifaddrmsg, address.add(virtual("10.0.0.5", 24, brd=brd), 2)).get_attr("IFA_BROADCAST")
        == expected
    )


def test_an_address_with_a_peer():
    message = read(ifaddrmsg, address.add(virtual("10.0.0.5", 32, peer="10.0.1.9", peer_prefix=30), 2))
    assert (message.get_attr("IFA_LOCAL"), message.get_attr("IFA_ADDRESS")) == ("10.0.0.5", "10.0.1.9")
    assert message["prefixlen"] == 30


@pytest.mark.parametrize(
    ("prefix", "lifetime", "preferred"), [(128, None, 0), (64, None, None), (128, -1, None), (64, 30, 30)]
)
def test_how_long_an_address_is_preferred(prefix, lifetime, preferred):
    """keepalived: an IPv6 address of its own /128 is no source, unless its line says so."""
    message = read(ifaddrmsg, address.add(virtual("fd00::5", prefix, preferred_lft=lifetime), 2))
    times = message.get_attr("IFA_CACHEINFO")
    assert (times["ifa_preferred"] if times else None) == preferred


def test_flags_of_an_address():
    options = {"home": True, "mngtmpaddr": True, "noprefixroute": True, "autojoin": True}
    six = read(ifaddrmsg, address.add(virtual("fd00::5", 64, **options), 2))
    assert six.get_attr("IFA_FLAGS") == 0x02 | 0x10 | 0x100 | 0x200 | 0x400
    four = read(ifaddrmsg, address.add(virtual("10.0.0.5", 24, **options), 2))
    assert four.get_attr("IFA_FLAGS") == 0x200 | 0x400


def test_a_route():
    message = read(
        rtmsg,
        route.add(
            Route(
                destination="10.1.0.0/16",
                via="10.0.0.1",
                dev="eth1",
                src="10.0.0.5",
                metric=7,
                table=1000,
                tos=4,
                onlink=True,
                mtu=1400,
                lock=("mtu",),
                rto_min=200,
                features=("ecn",),
                congctl="bbr",
                quickack=True,
            ),
            index_of,
        ),
    )
    assert (message["dst_len"], message["tos"], message["table"], message["flags"]) == (16, 4, 0, 4)
    assert (message["scope"], message["proto"], message["type"]) == (0, 18, 1)
    names = ("RTA_DST", "RTA_GATEWAY", "RTA_OIF", "RTA_PREFSRC", "RTA_PRIORITY", "RTA_TABLE")
    assert [message.get_attr(name) for name in names] == ["10.1.0.0", "10.0.0.1", 3, "10.0.0.5", 7, 1000]
    metrics = message.get_attr("RTA_METRICS")
    found = {
        name: metrics.get_attr(f"RTAX_{name}")
        for name in ("MTU", "LOCK", "RTO_MIN", "FEATURES", "CC_ALGO", "QUICKACK")
    }
    assert found == {
        "MTU": 1400,
        "LOCK": 1 << 2,
        "RTO_MIN": 200,
        "FEATURES": 1,
        "CC_ALGO": "bbr",
        "QUICKACK": 1,
    }


@pytest.mark.parametrize(
    ("kind", "via", "scope"), [("unicast", None, 253), ("unicast", "10.0.0.1", 0), ("local", None, 254)]
)
def test_the_scope_is_iproute2s(kind, via, scope):
    assert (
        read(rtmsg, route.add(Route(destination="10.1.0.0/16", type=kind, via=via), index_of))["scope"]
        == scope
    )


def test_several_gateways():
    hops = (NextHop(via="10.0.0.1", dev="eth0", weight=3), NextHop(via="10.0.0.2", dev="eth1", onlink=True))
    message = read(rtmsg, route.add(Route(destination="0.0.0.0/0", nexthops=hops), index_of))
    first, second = message.get_attr("RTA_MULTIPATH")
    assert (first["hops"], first["oif"], first.get_attr("RTA_GATEWAY")) == (2, 2, "10.0.0.1")
    assert (second["hops"], second["oif"], second["flags"]) == (0, 3, 4)
    assert message.get_attr("RTA_DST") is None


def test_an_encapsulation():
    made = route.add(
        Route(destination="10.1.0.0/16", dev="eth0", encap=Encap(kind="mpls", labels=(200, 300))), index_of
    )
    message = read(rtmsg, made)
    assert message.get_attr("RTA_ENCAP_TYPE") == 1
    labels = message.get_attr("RTA_ENCAP").get_attr("MPLS_IPTUNNEL_DST")
    assert [(one["label"], one["bos"]) for one in labels] == [(200, 0), (300, 1)]


def test_an_interface_that_is_not_there():
    with pytest.raises(KeyError, match="eth9"):
        route.add(Route(destination="10.1.0.0/16", dev="eth9"), index_of)


def test_a_rule():
    message = read(
        fibmsg,
        rule.add(
            Rule(
                family="inet",
                action="table",
                preference=500,
                table=1000,
                source="10.0.0.0/8",
                destination="10.9.0.0/16",
                invert=True,
                fwmark=16,
                fwmask=255,
                iif="eth0",
                ipproto=6,
                dport=(80, 443),
                uidrange=(10, 20),
                suppress_prefixlength=0,
            )
        ),
    )
    assert (message["family"], message["src_len"], message["dst_len"], message["flags"]) == (2, 8, 16, 2)
    assert (message["action"], message["table"]) == (1, 0)
    names = ("PRIORITY", "TABLE", "SRC", "DST", "FWMARK", "FWMASK", "IIFNAME", "IP_PROTO", "PROTOCOL")
    found = [message.get_attr(f"FRA_{name}") for name in names]
    assert found == [500, 1000, "10.0.0.0", "10.9.0.0", 16, 255, "eth0", 6, 18]
    assert (message.get_attr("FRA_DPORT_RANGE"), message.get_attr("FRA_UID_RANGE")) == ("80:443", "10:20")
    assert message.get_attr("FRA_SUPPRESS_PREFIXLEN") == 0


@pytest.mark.parametrize(
    ("action", "number"), [("goto", 2), ("nop", 3), ("blackhole", 6), ("unreachable", 7), ("prohibit", 8)]
)
def test_what_a_rule_does(action, number):
    made = rule.add(Rule(family="inet6", action=action, preference=1, goto=9 if action == "goto" else None))
    assert read(fibmsg, made)["action"] == number


def test_a_virtual_mac():
    mac = bytes.fromhex("00005e000133")
    message = read(ifinfmsg, link.add(VirtualLink(name="vrrp.51", base="eth0", mac=mac), 2))
    info = message.get_attr("IFLA_LINKINFO")
    assert (message.get_attr("IFLA_IFNAME"), message.get_attr("IFLA_LINK")) == ("vrrp.51", 2)
    assert message.get_attr("IFLA_ADDRESS") == "00:00:5e:00:01:33"
    assert info.get_attr("IFLA_INFO_KIND") == "macvlan"
    assert info.get_attr("IFLA_INFO_DATA").get_attr("IFLA_MACVLAN_MODE") == "private"


def test_an_ipvlan():
    message = read(ifinfmsg, link.add(VirtualLink(name="vrrp.51", base="eth0", mode="vepa", group=4), 2))
    info = message.get_attr("IFLA_LINKINFO")
    assert (info.get_attr("IFLA_INFO_KIND"), message.get_attr("IFLA_GROUP")) == ("ipvlan", 4)
    assert message.get_attr("IFLA_ADDRESS") is None
