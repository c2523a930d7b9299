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

NOWHERE = frozenset({"blackhole", "unreachable", "prohibit"})
RT_TABLE_DEFAULT, RT_TABLE_MAIN = 253, 254


class Link(msgspec.Struct, frozen=True):
    ifindex: int
    name: str
    mac: bytes
    mtu: int
    up: bool
    """Administratively up, and with a carrier."""
    ethernet: bool
    group: int = 0
    """ip-link(8); rules may ask for it."""
    master: int = 0
    """The ifindex of the bond, bridge or VRF that it is in."""
    vrf: int = 0
    """The table of a VRF, where it is one."""


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
    """Paths has a unicast route, and a local one those of its address."""

    address: str
    length: int
    metric: int
    table: int
    paths: tuple[Path, ...]
    source: str | None = None
    """The address that the kernel's own packets would have (``src``)."""
    kind: str = "unicast"
    """``local``, ``throw`` (the next rule is asked), ``blackhole``, ``unreachable`` or ``prohibit``."""


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
        group=message.get_attr("IFLA_GROUP") or 0,
        master=message.get_attr("IFLA_MASTER") or 0,
        vrf=_vrf_table(message),
    )


def _vrf_table(message: Any) -> int:
    info = message.get_attr("IFLA_LINKINFO")
    if info is None or info.get_attr("IFLA_INFO_KIND") != "vrf":
        return 0
    data = info.get_attr("IFLA_INFO_DATA")
    return (data.get_attr("IFLA_VRF_TABLE") or 0) if data else 0


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


def best_routes(routes: Iterable[Route]) -> tuple[Route, ...]:
    """As the rules of a fresh machine have it: one route a prefix, that of the lowest metric.

    IPv6 routes of equal metric are multipath.

    The rules of a machine ask table main first and ``default`` only where main has no answer (ip-rule(8)): a route of
    ``default`` is left out where a route of main covers it, however much longer its prefix.
    """
    best: dict[tuple[str, int], Route] = {}
    default: list[Route] = []
    for route in sorted(filter(_of_fresh_machine, routes), key=lambda r: (-r.table, r.metric)):
        if route.table == RT_TABLE_DEFAULT:
            default.append(route)
        else:
            _enter(best, route)
    main = frozenset(best) if default else frozenset()
    for route in default:
        if not _covered(route, main):
            _enter(best, route)
    return tuple(best.values())


def _of_fresh_machine(route: Route) -> bool:
    # no rule of IPv6 asks the table ``default`` (ip-rule(8))
    tables = (RT_TABLE_MAIN, RT_TABLE_DEFAULT) if ":" not in route.address else (RT_TABLE_MAIN,)
    return route.table in tables and (route.kind == "unicast" or route.kind in NOWHERE)


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
