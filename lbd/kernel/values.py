# SPDX-License-Identifier: Apache-2.0
"""What the kernel has, as frozen values, and how its netlink messages become them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

ARPHRD_ETHER = 1
IFF_UP, IFF_RUNNING, IFF_LOWER_UP = 0x1, 0x40, 0x10000

NUD_USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80
"""REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT."""

RTN_UNICAST, RTN_LOCAL, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT = 1, 2, 6, 7, 8
RT_TABLE_DEFAULT, RT_TABLE_MAIN = 253, 254
RT_SCOPE_LINK = 253


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


class Route(msgspec.Struct, frozen=True):
    """No paths: blackhole, unreachable or prohibit."""

    address: str
    length: int
    metric: int
    table: int
    paths: tuple[Path, ...]


class Neighbour(msgspec.Struct, frozen=True):
    mac: bytes
    usable: bool


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
    if address is None or message["family"] not in (2, 10):
        return None
    mac = bytes.fromhex((message.get_attr("NDA_LLADDR") or "").replace(":", ""))
    return (message["ifindex"], address), Neighbour(
        mac, bool(message["state"] & NUD_USABLE) and len(mac) == 6
    )


def _gateway(source: Any) -> str | None:
    via = source.get_attr("RTA_VIA")  # an IPv4 route by an IPv6 gateway (RFC 5549)
    return source.get_attr("RTA_GATEWAY") or (via["addr"] if via else None)


def route_of(message: Any) -> Route | None:
    """A route as forwarding needs it; None for local, broadcast and multicast ones and for other tables."""
    table = message.get_attr("RTA_TABLE") or message["table"]
    if table not in (RT_TABLE_MAIN, RT_TABLE_DEFAULT):
        return None
    kind = message["type"]
    paths: tuple[Path, ...] = ()
    if kind == RTN_UNICAST:
        hops = message.get_attr("RTA_MULTIPATH")
        if hops:
            paths = tuple(Path(h["oif"], _gateway(h)) for h in hops)
        else:
            paths = (Path(message.get_attr("RTA_OIF") or 0, _gateway(message)),)
    elif kind not in (RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT):
        return None
    anything = "0.0.0.0" if message["family"] == 2 else "::"
    return Route(
        address=message.get_attr("RTA_DST") or anything,
        length=message["dst_len"],
        metric=message.get_attr("RTA_PRIORITY") or 0,
        table=table,
        paths=paths,
    )


def best_routes(routes: Iterable[Route]) -> tuple[Route, ...]:
    """One route a prefix: main before default, then the lowest metric. IPv6 routes of equal metric are multipath."""
    best: dict[tuple[str, int], Route] = {}
    for route in sorted(routes, key=lambda r: (-r.table, r.metric)):
        key = (route.address, route.length)
        known = best.get(key)
        if known is None:
            best[key] = route
        elif (
            ":" in route.address
            and route.paths
            and (known.table, known.metric) == (route.table, route.metric)
        ):
            more = tuple(p for p in route.paths if p not in known.paths)
            best[key] = msgspec.structs.replace(known, paths=known.paths + more)
    return tuple(best.values())
