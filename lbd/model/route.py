# SPDX-License-Identifier: Apache-2.0
"""Routes and routing rules, as ip-route(8) and ip-rule(8) describe them, with keepalived's words.

Numbers are the kernel's (rtnetlink(7)): tables, protocols and scopes by number, realms as 32 bits with the source's in
the upper half, times of TCP in the unit of their attribute.
"""

from __future__ import annotations

import msgspec

from lbd.model.net import Address

KEEPALIVED = 18
"""RTPROT_KEEPALIVED: the origin of what we set, and how it is known again."""
MAIN_TABLE = 254


class Encap(msgspec.Struct, frozen=True, kw_only=True):
    """``encap``: wrap packets that take the route (lwtunnel)."""

    kind: str
    """``ip``, ``ip6``, ``mpls`` or ``ila``."""
    id: int = 0
    dst: Address | None = None
    src: Address | None = None
    tos: int = 0
    """``tc`` of ip6."""
    ttl: int = 0
    """``hoplimit`` of ip6."""
    flags: int = 0
    labels: tuple[int, ...] = ()
    """mpls, outermost first."""
    locator: str | None = None
    """ila: four groups of four hexadecimal digits."""


class NextHop(msgspec.Struct, frozen=True, kw_only=True):
    """One ``nexthop`` of several."""

    via: Address | None = None
    dev: str | None = None
    weight: int = 1
    onlink: bool = False
    encap: Encap | None = None
    realms: int | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A line of virtual_routes or static_routes."""

    destination: str
    """``10.0.0.0/8``, canonical; its family is the route's."""
    type: str = "unicast"
    source: str | None = None
    """``from``: IPv6 only."""
    src: Address | None = None
    via: Address | None = None
    dev: str | None = None
    nexthops: tuple[NextHop, ...] = ()
    table: int = MAIN_TABLE
    vrf: str | None = None
    """The table of this VRF instead."""
    protocol: int = KEEPALIVED
    scope: int | None = None
    tos: int = 0
    metric: int | None = None
    onlink: bool = False
    encap: Encap | None = None
    expires: int | None = None
    """Seconds."""
    realms: int | None = None
    pref: int | None = None
    """RFC 4191: 0 medium, 1 high, 3 low."""
    ttl_propagate: bool | None = None
    placement: str = "prepend"
    """``prepend``, ``append``, or ``add``: an equal route is an error."""
    mtu: int | None = None
    hoplimit: int | None = None
    advmss: int | None = None
    rtt: int | None = None
    """1/8 ms."""
    rttvar: int | None = None
    """1/4 ms."""
    reordering: int | None = None
    window: int | None = None
    cwnd: int | None = None
    ssthresh: int | None = None
    rto_min: int | None = None
    """Milliseconds."""
    initcwnd: int | None = None
    initrwnd: int | None = None
    features: tuple[str, ...] = ()
    """``ecn``."""
    quickack: bool | None = None
    congctl: str | None = None
    fastopen_no_cookie: bool | None = None
    lock: tuple[str, ...] = ()
    """Names of the metrics that the kernel must not change."""
    no_track: bool = False
    track_group: str | None = None

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.destination


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A line of virtual_rules or static_rules. What is None is not compared."""

    family: str
    """``inet`` or ``inet6``."""
    action: str
    """``table``, ``goto``, ``nop``, ``blackhole``, ``unreachable``, ``prohibit`` or ``l3mdev``."""
    preference: int
    table: int | None = None
    goto: int | None = None
    """The preference to go on with."""
    source: str | None = None
    """``from``; None is all."""
    destination: str | None = None
    """``to``."""
    invert: bool = False
    tos: int = 0
    fwmark: int | None = None
    fwmask: int | None = None
    realms: int | None = None
    suppress_prefixlength: int | None = None
    suppress_ifgroup: int | None = None
    iif: str | None = None
    oif: str | None = None
    tunnel_id: int | None = None
    uidrange: tuple[int, int] | None = None
    l3mdev: bool = False
    protocol: int = KEEPALIVED
    ipproto: int | None = None
    sport: tuple[int, int] | None = None
    dport: tuple[int, int] | None = None
    no_track: bool = False
    track_group: str | None = None
