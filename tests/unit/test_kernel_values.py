# SPDX-License-Identifier: Apache-2.0
"""Netlink messages become values; which of several routes counts."""

from __future__ import annotations

import struct
from socket import inet_aton, inet_pton
from typing import Any

import pytest

from lbd.kernel.rtnl import route_dump as dump
from lbd.kernel.rtnl.route_dump import route_of
from lbd.kernel.rtnl.wire import attribute
from lbd.kernel.values import (
    Addr,
    Link,
    Neighbour,
    Path,
    Route,
    addr_of,
    best_routes,
    link_of,
    neighbour_of,
)

MAIN, DEFAULT, INET, INET6 = 254, 253, 2, 10


class Message(dict[str, Any]):
    """As pyroute2 has one: fields by name, attributes by ``get_attr``."""

    def __init__(self, attributes: dict[str, Any] | None = None, **fields: Any) -> None:
        super().__init__(fields)
        self._attributes = attributes or {}

    def get_attr(self, name: str) -> Any:
        return self._attributes.get(name)


def route_message(attributes: dict[int, bytes], **fields: Any) -> bytes:
    known = {
        "family": INET,
        "table": MAIN,
        "type": 1,
        "tos": 0,
        "flags": 0,
        "dst_len": 16,
        "src_len": 0,
    } | fields
    names = ("family", "dst_len", "src_len", "tos", "table", "protocol", "scope", "type")
    head = struct.pack("=8BI", *(known.get(name, 0) for name in names), known["flags"])
    all_ = {dump.DST: inet_aton("10.1.0.0"), dump.OIF: struct.pack("=I", 3), **attributes}
    return head + b"".join(attribute(kind, value) for kind, value in all_.items() if value)


def hop(oif: int, gateway: str, hops: int = 0, flags: int = 0) -> bytes:
    by = attribute(dump.GATEWAY, inet_aton(gateway))
    return struct.pack("=HBBi", 8 + len(by), flags, hops, oif) + by


@pytest.mark.parametrize(
    ("flags", "up"), [(0x1, False), (0x10000, False), (0x10001, True)], ids=["no carrier", "down", "up"]
)
def test_a_link_is_up_with_its_carrier(flags, up):
    message = Message(
        {"IFLA_IFNAME": "a0", "IFLA_ADDRESS": "02:00:00:00:00:01", "IFLA_MTU": 1500},
        index=3,
        flags=flags,
        ifi_type=1,
    )
    assert link_of(message) == Link(3, "a0", bytes.fromhex("020000000001"), 1500, up, True)


@pytest.mark.parametrize(
    ("kind", "mac"), [(772, "00:00:00:00:00:00"), (65534, None), (32, "00:" * 19 + "01")]
)
def test_a_link_that_is_not_ethernet(kind, mac):
    message = Message({"IFLA_IFNAME": "x", "IFLA_ADDRESS": mac}, index=3, flags=0, ifi_type=kind)
    assert not link_of(message).ethernet


def test_on_a_point_to_point_link_the_local_address_is_ours():
    message = Message({"IFA_ADDRESS": "10.0.0.2", "IFA_LOCAL": "10.0.0.1"}, index=3, prefixlen=32, scope=0)
    assert addr_of(message) == Addr(3, "10.0.0.1", 32, 0)


@pytest.mark.parametrize(
    ("state", "usable", "permanent"),
    [
        (0x00, False, False),  # NONE
        (0x01, False, False),  # INCOMPLETE
        (0x02, True, False),  # REACHABLE
        (0x04, True, False),  # STALE
        (0x08, True, False),  # DELAY
        (0x10, True, False),  # PROBE
        (0x20, False, False),  # FAILED
        (0x40, True, False),  # NOARP
        (0x80, True, True),  # PERMANENT
    ],
)
def test_neighbours_by_state(state, usable, permanent):
    message = Message(
        {"NDA_DST": "10.0.0.2", "NDA_LLADDR": "02:00:00:00:00:02"},
        family=INET,
        ifindex=3,
        state=state,
        flags=0,
    )
    mac = bytes.fromhex("020000000002")
    assert neighbour_of(message) == ((3, "10.0.0.2"), Neighbour(mac, usable, permanent))


def test_a_neighbour_without_address_is_not_usable():
    found = neighbour_of(Message({"NDA_DST": "fe80::1"}, family=INET6, ifindex=3, state=0x02, flags=0))
    assert found == ((3, "fe80::1"), Neighbour(b"", False))


@pytest.mark.parametrize(("family", "flags"), [(7, 0), (INET, 0x08)], ids=["a bridge's", "a proxy's"])
def test_what_is_no_neighbour(family, flags):
    assert (
        neighbour_of(Message({"NDA_DST": "10.0.0.2"}, family=family, ifindex=3, state=2, flags=flags)) is None
    )


def test_a_route():
    found = route_of(
        route_message(
            {
                dump.GATEWAY: inet_aton("10.9.0.2"),
                dump.PRIORITY: struct.pack("=I", 7),
                dump.PREFSRC: inet_aton("10.9.0.1"),
            }
        )
    )
    assert found == Route("10.1.0.0", 16, 7, MAIN, (Path(3, "10.9.0.2"),), "10.9.0.1")


@pytest.mark.parametrize(("family", "anything"), [(INET, "0.0.0.0"), (INET6, "::")])
def test_a_default_route(family, anything):
    found = route_of(route_message({dump.DST: b""}, family=family, dst_len=0))
    assert found == Route(anything, 0, 0, MAIN, (Path(3, None),))


def test_an_ipv4_route_by_an_ipv6_gateway():
    found = route_of(route_message({dump.VIA: struct.pack("=H", INET6) + inet_pton(INET6, "fe80::9")}))
    assert found is not None
    assert found.paths == (Path(3, "fe80::9"),)


def test_of_many_paths_the_live_ones_count():
    hops = [hop(3, "10.9.0.2", hops=4), hop(4, "10.9.0.3", flags=0x01), hop(5, "10.9.0.4")]
    found = route_of(route_message({dump.MULTIPATH: b"".join(hops)}))
    assert found is not None
    assert found.paths == (Path(3, "10.9.0.2", 5), Path(5, "10.9.0.4", 1))
    assert route_of(route_message({dump.MULTIPATH: hops[1]})) is None


@pytest.mark.parametrize("kind", [6, 7, 8], ids=["blackhole", "unreachable", "prohibit"])
def test_routes_to_nowhere_have_no_paths(kind):
    found = route_of(route_message({}, type=kind))
    assert found is not None
    assert found.paths == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"type": 3},
        {"type": 5},
        {"tos": 0x10},
        {"src_len": 8},
        {"flags": 0x200},
        {"flags": 0x01},
    ],
    ids=["broadcast", "multicast", "TOS", "source", "learnt", "dead"],
)
def test_routes_that_forwarding_does_not_take(fields):
    assert route_of(route_message({}, **fields)) is None


@pytest.mark.parametrize(
    "fields",
    [{"type": 2}, {"type": 9}, {"table": 100}, {"family": INET6, "table": DEFAULT}],
    ids=["local", "throw", "other table", "IPv6 default"],
)
def test_routes_that_no_rule_of_a_fresh_machine_leads_to(fields):
    address = {dump.DST: inet_pton(INET6, "fd00::")} if fields.get("family") == INET6 else {}
    found = route_of(route_message(address, **fields))
    assert found is not None
    assert best_routes([found]) == ()


def route(address: str, length: int, *, metric: int = 0, table: int = MAIN, gateway: str = "g") -> Route:
    return Route(address, length, metric, table, (Path(3, gateway),))


def test_the_lowest_metric_counts():
    worse, better = route("10.1.0.0", 16, metric=20), route("10.1.0.0", 16, metric=10, gateway="b")
    assert best_routes([worse, better]) == (better,)


def test_of_equal_ipv4_routes_the_first_counts():
    first, second = route("10.1.0.0", 16, gateway="a"), route("10.1.0.0", 16, gateway="b")
    assert best_routes([first, second]) == (first,)


def test_equal_ipv6_routes_are_paths_of_one():
    routes = [route("fd00::", 64, gateway=g) for g in ("a", "b", "a")]
    assert best_routes(routes)[0].paths == (Path(3, "a"), Path(3, "b"))


def test_a_blackhole_takes_no_paths_of_others():
    nowhere = Route("fd00::", 64, 0, MAIN, (), kind="blackhole")
    assert best_routes([nowhere, Route("fd00::", 64, 0, MAIN, (), kind="blackhole")])[0].paths == ()
    assert best_routes([nowhere, route("fd00::", 64, metric=1)])[0].paths == ()


def test_table_default_has_only_what_main_leaves():
    main = route("10.0.0.0", 8)
    covered = route("10.1.0.0", 16, table=DEFAULT)
    same = route("10.0.0.0", 8, table=DEFAULT, gateway="b")
    open_ = route("192.168.0.0", 16, table=DEFAULT)
    wider = route("0.0.0.0", 0, table=DEFAULT)
    assert best_routes([covered, same, open_, wider, main]) == (main, open_, wider)
