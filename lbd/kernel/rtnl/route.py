# SPDX-License-Identifier: Apache-2.0
"""ip-route(8): all the words of a route that keepalived knows."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from lbd.kernel.rtnl.wire import APPEND, CREATE, EXCL, Request, attribute, nested, text, u8, u32
from lbd.model.net import Address, family, packed
from lbd.model.route import Encap, NextHop, Route

RTM_NEWROUTE, RTM_DELROUTE = 24, 25
DST, SRC, OIF, GATEWAY, PRIORITY, PREFSRC, METRICS, MULTIPATH = 1, 2, 4, 5, 6, 7, 8, 9
FLOW, TABLE, VIA, PREF, ENCAP_TYPE, ENCAP, EXPIRES, TTL_PROPAGATE = 11, 15, 18, 20, 21, 22, 23, 26
ONLINK = 4
TYPES = {
    "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6,
    "unreachable": 7, "prohibit": 8, "throw": 9, "nat": 10, "xresolve": 11,
}  # fmt: skip
PLACEMENT = {"prepend": CREATE, "append": CREATE | APPEND, "add": CREATE | EXCL}
HOST, LINK, UNIVERSE = 254, 253, 0
RTAX = {
    "mtu": 2, "window": 3, "rtt": 4, "rttvar": 5, "ssthresh": 6, "cwnd": 7, "advmss": 8, "reordering": 9,
    "hoplimit": 10, "initcwnd": 11, "rto_min": 13, "initrwnd": 14,
}  # fmt: skip
RTAX_LOCK, RTAX_FEATURES, RTAX_QUICKACK, RTAX_CC_ALGO, RTAX_FASTOPEN_NO_COOKIE = 1, 12, 15, 16, 17
ENCAPS = {"mpls": 1, "ip": 2, "ila": 3, "ip6": 4}

IndexOf = Callable[[str], int]
"""The number of an interface; raises KeyError where there is none."""


def add(route: Route, index_of: IndexOf) -> Request:
    """EEXIST where an equal one is there and ``add`` was said. Raises KeyError for an interface that is not there."""
    body = _body(route, index_of)
    return Request(RTM_NEWROUTE, PLACEMENT[route.placement], body, f"route {route.destination} cannot be set")


def remove(route: Route, index_of: IndexOf) -> Request:
    """ESRCH where it is not there."""
    body = _body(route, index_of)
    return Request(RTM_DELROUTE, 0, body, f"route {route.destination} cannot be removed")


def _body(route: Route, index_of: IndexOf) -> bytes:
    return _head(route, route.table) + b"".join(_attributes(route, route.table, index_of))


def _head(route: Route, table: int) -> bytes:
    """struct rtmsg."""
    return struct.pack(
        "=BBBBBBBBI",
        family(route.destination.partition("/")[0]),
        _length(route.destination),
        _length(route.source) if route.source else 0,
        route.tos,
        table if table < 256 else 0,
        route.protocol,
        _scope(route),
        TYPES[route.type],
        ONLINK if route.onlink else 0,
    )


def _scope(route: Route) -> int:
    """iproute2's defaults."""
    if route.scope is not None:
        return route.scope
    if route.type in ("local", "nat"):
        return HOST
    if route.type in ("broadcast", "multicast", "anycast"):
        return LINK
    return LINK if route.type == "unicast" and not route.via and not route.nexthops else UNIVERSE


def _attributes(route: Route, table: int, index_of: IndexOf) -> Iterator[bytes]:
    yield u32(TABLE, table)
    if _length(route.destination):
        yield attribute(DST, _network(route.destination))
    if route.source:
        yield attribute(SRC, _network(route.source))
    if route.src:
        yield attribute(PREFSRC, packed(route.src))
    if route.via:
        yield _via(route.via, route.is_ipv6)
    if route.dev:
        yield u32(OIF, index_of(route.dev))
    if route.encap:
        yield from _encap(route.encap)
    if route.nexthops:
        hops = (_next_hop(hop, route.is_ipv6, index_of) for hop in route.nexthops)
        yield attribute(MULTIPATH, b"".join(hops))
    yield from _numbers(route)
    if metrics := [*_metrics(route)]:
        yield nested(METRICS, metrics)


def _numbers(route: Route) -> Iterator[bytes]:
    for kind, number in (
        (PRIORITY, route.metric),
        (FLOW, route.realms),
        (EXPIRES, route.expires),
    ):
        if number is not None:
            yield u32(kind, number)
    for kind, small in ((PREF, route.pref), (TTL_PROPAGATE, route.ttl_propagate)):
        if small is not None:
            yield u8(kind, small)


def _metrics(route: Route) -> Iterator[bytes]:
    values = {
        "mtu": route.mtu, "window": route.window, "rtt": route.rtt, "rttvar": route.rttvar,
        "ssthresh": route.ssthresh, "cwnd": route.cwnd, "advmss": route.advmss, "reordering": route.reordering,
        "hoplimit": route.hoplimit, "initcwnd": route.initcwnd, "rto_min": route.rto_min,
        "initrwnd": route.initrwnd,
    }  # fmt: skip
    for name, value in values.items():
        if value is not None:
            yield u32(RTAX[name], value)
    if route.lock:
        yield u32(RTAX_LOCK, sum(1 << RTAX[name] for name in route.lock if name in RTAX))
    if "ecn" in route.features:
        yield u32(RTAX_FEATURES, 1)
    if route.quickack is not None:
        yield u32(RTAX_QUICKACK, route.quickack)
    if route.congctl:
        yield text(RTAX_CC_ALGO, route.congctl)
    if route.fastopen_no_cookie is not None:
        yield u32(RTAX_FASTOPEN_NO_COOKIE, route.fastopen_no_cookie)


def _via(via: Address, ipv6: bool) -> bytes:
    """A gateway of the other family is another attribute (RTA_VIA)."""
    if (":" in via) == ipv6:
        return attribute(GATEWAY, packed(via))
    return attribute(VIA, struct.pack("=H", family(via)) + packed(via))


def _next_hop(hop: NextHop, ipv6: bool, index_of: IndexOf) -> bytes:
    """struct rtnexthop and its attributes."""
    inner = b""
    if hop.via:
        inner += _via(hop.via, ipv6)
    if hop.realms is not None:
        inner += u32(FLOW, hop.realms)
    if hop.encap:
        inner += b"".join(_encap(hop.encap))
    index = index_of(hop.dev) if hop.dev else 0
    return struct.pack("=HBBi", 8 + len(inner), ONLINK if hop.onlink else 0, hop.weight - 1, index) + inner


def _encap(encap: Encap) -> Iterator[bytes]:
    """lwtunnel.h."""
    yield attribute(ENCAP_TYPE, struct.pack("=H", ENCAPS[encap.kind]))
    if encap.kind == "mpls":
        last = len(encap.labels) - 1
        labels = (struct.pack("!I", label << 12 | (n == last) << 8) for n, label in enumerate(encap.labels))
        yield nested(ENCAP, [attribute(1, b"".join(labels))])
    elif encap.kind == "ila":
        groups = [int(group or "0", 16) for group in (encap.locator or "").split(":")]
        yield nested(ENCAP, [attribute(1, struct.pack("!4H", *(groups + [0] * 4)[:4]))])
    else:
        yield nested(ENCAP, _tunnel(encap))


def _tunnel(encap: Encap) -> Iterator[bytes]:
    """LWTUNNEL_IP_* and LWTUNNEL_IP6_*, which have the same numbers."""
    if encap.id:
        yield attribute(1, struct.pack("!Q", encap.id))
    if encap.dst:
        yield attribute(2, packed(encap.dst))
    if encap.src:
        yield attribute(3, packed(encap.src))
    if encap.ttl:
        yield u8(4, encap.ttl)
    if encap.tos:
        yield u8(5, encap.tos)
    if encap.flags:
        yield attribute(6, struct.pack("!H", encap.flags))


def _length(network: str) -> int:
    return int(network.partition("/")[2])


def _network(network: str) -> bytes:
    return packed(network.partition("/")[0])
