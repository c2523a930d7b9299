# SPDX-License-Identifier: Apache-2.0
"""What the kernel has, as frozen values, and how its netlink messages become them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

import msgspec

ARPHRD_ETHER = 1
IFF_UP, IFF_RUNNING, IFF_LOWER_UP = 0x1, 0x40, 0x10000

NUD_PERMANENT = 0x80
NUD_USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | NUD_PERMANENT
"""REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT."""
NTF_PROXY = 0x08

RTN_UNICAST, RTN_LOCAL, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT = 1, 2, 6, 7, 8
RT_TABLE_DEFAULT, RT_TABLE_MAIN = 253, 254
RTM_F_CLONED = 0x200
RTNH_F_DEAD = 0x01


class Link(msgspec.Struct, frozen=True):
    ifindex: int
    name: str
    mac: bytes
    mtu: int
    up: bool
    """Administratively up, and with a carrier."""
    ethernet: bool


class Addr(msgspec.Struct, frozen=True):
    ifindex: int
    address: str
    prefix: int
    scope: int


class Path(msgspec.Struct, frozen=True):
    ifindex: int
    gateway: str | None
    weight: int = 1


class Route(msgspec.Struct, frozen=True):
    """No paths: blackhole, unreachable or prohibit."""

    address: str
    length: int
    metric: int
    table: int
    paths: tuple[Path, ...]
    source: str | None = None
    """The address that the kernel's own packets would have (``src``)."""


class Neighbour(msgspec.Struct, frozen=True):
    mac: bytes
    usable: bool
    permanent: bool = False
    """Set by hand."""


def link_of(message: Any) -> Link:
    mac = message.get_attr("IFLA_ADDRESS") or ""
    flags = message["flags"]
    return Link(
        ifindex=message["index"],
        name=message.get_attr("IFLA_IFNAME") or "",
        mac=bytes.fromhex(mac.replace(":", "")),
        mtu=message.get_attr("IFLA_MTU") or 0,
        up=bool(flags & IFF_UP and flags & IFF_LOWER_UP),
        ethernet=message["ifi_type"] == ARPHRD_ETHER and len(mac) == 17,
    )


def addr_of(message: Any) -> Addr:
    # on a point-to-point link ADDRESS is the peer's; LOCAL, where there is one, is ours
    address = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return Addr(message["index"], address, message["prefixlen"], message["scope"])


def neighbour_of(message: Any) -> tuple[tuple[int, str], Neighbour] | None:
    address = message.get_attr("NDA_DST")
    if address is None or message["family"] not in (2, 10) or message["flags"] & NTF_PROXY:
        return None
    mac = bytes.fromhex((message.get_attr("NDA_LLADDR") or "").replace(":", ""))
    state = message["state"]
    return (message["ifindex"], address), Neighbour(
        mac=mac, usable=bool(state & NUD_USABLE) and len(mac) == 6, permanent=bool(state & NUD_PERMANENT)
    )


def _gateway(source: Any) -> str | None:
    via = source.get_attr("RTA_VIA")  # an IPv4 route by an IPv6 gateway (RFC 5549)
    return source.get_attr("RTA_GATEWAY") or (via["addr"] if via else None)


def _paths(message: Any) -> tuple[Path, ...]:
    """Those that the kernel would take: it keeps the paths over a link that is down, and passes them by."""
    hops = message.get_attr("RTA_MULTIPATH")
    if hops:
        # rtnetlink(7): rtnh_hops is the weight less one
        return tuple(
            Path(hop["oif"], _gateway(hop), hop["hops"] + 1) for hop in hops if not hop["flags"] & RTNH_F_DEAD
        )
    if message["flags"] & RTNH_F_DEAD:
        return ()
    return (Path(message.get_attr("RTA_OIF") or 0, _gateway(message)),)


def route_of(message: Any) -> Route | None:
    """A route as forwarding needs it.

    None for local, broadcast and multicast ones, for other tables, for one that only packets with a certain type of
    service take, for what the kernel learnt of a path (MTU; redirects, RFC 1812 5.2.7.2), and for one that has no
    path alive.
    """
    table = message.get_attr("RTA_TABLE") or message["table"]
    # no rule of IPv6 asks the table ``default`` (ip-rule(8))
    tables = (RT_TABLE_MAIN, RT_TABLE_DEFAULT) if message["family"] == 2 else (RT_TABLE_MAIN,)
    if table not in tables or message["tos"] or message["flags"] & RTM_F_CLONED:
        return None
    kind = message["type"]
    paths: tuple[Path, ...] = ()
    if kind == RTN_UNICAST:
        paths = _paths(message)
        if not paths:
            return None
    elif kind not in (RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT):
        return None
    return Route(
        address=message.get_attr("RTA_DST") or ("0.0.0.0" if message["family"] == 2 else "::"),
        length=message["dst_len"],
        metric=message.get_attr("RTA_PRIORITY") or 0,
        table=table,
        paths=paths,
        source=message.get_attr("RTA_PREFSRC"),
    )


def best_routes(routes: Iterable[Route]) -> tuple[Route, ...]:
    """One route a prefix: the lowest metric. IPv6 routes of equal metric are multipath.

    The rules of a machine ask table main first and ``default`` only where main has no answer (ip-rule(8)): a route of
    ``default`` is left out where a route of main covers it, however much longer its prefix.
    """
    best: dict[tuple[str, int], Route] = {}
    default: list[Route] = []
    for route in sorted(routes, key=lambda r: (-r.table, r.metric)):
        if route.table == RT_TABLE_DEFAULT:
            default.append(route)
        else:
            _enter(best, route)
    main = frozenset(best) if default else frozenset()
    for route in default:
        if not _covered(route, main):
            _enter(best, route)
    return tuple(best.values())


def _enter(best: dict[tuple[str, int], Route], route: Route) -> None:
    key = (route.address, route.length)
    known = best.setdefault(key, route)
    if known is route or ":" not in route.address or not route.paths or known.metric != route.metric:
        return
    more = tuple(p for p in route.paths if p not in known.paths)
    best[key] = msgspec.structs.replace(known, paths=known.paths + more)


def _covered(route: Route, by: frozenset[tuple[str, int]]) -> bool:
    whole = ip_network((route.address, route.length), strict=False)
    shorter = (whole.supernet(new_prefix=n) for n in range(route.length + 1))
    return any((str(net.network_address), net.prefixlen) in by for net in shorter)
