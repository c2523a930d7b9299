# SPDX-License-Identifier: Apache-2.0
"""THE table of kernel settings: each that lbd changes, and each that it relies on and leaves to the administrator.

What is changed goes through ``settings.Settings`` (said, remembered, put back); what is relied on is only looked at, by
``lbctl doctor``. A setting that stands in no row is not lbd's to touch.
"""

from __future__ import annotations

import enum

import msgspec


class Place(enum.Enum):
    """Whose setting it is, or for whom it counts."""

    LBD0 = "the way back to the kernel"
    VIRTUAL = "interfaces of use_vmac, use_vmac_addr and use_ipvlan"
    BELOW = "the interface below one of those"
    INSTANCE = "the interface of a vrrp_instance that says promote_secondaries"
    NAT = "a machine with a NAT virtual_server"
    NAT6 = "a machine with a NAT virtual_server of IPv6"
    SERVERS = "a machine with real servers"
    SERVERS6 = "a machine with real servers of IPv6"
    LOOPBACK = "a machine that has the address of a DR virtual_server on lo"


CHANGED = frozenset({Place.LBD0, Place.VIRTUAL, Place.BELOW, Place.INSTANCE})
"""lbd sets these itself while it needs them."""


class Row(msgspec.Struct, frozen=True):
    place: Place
    pattern: str
    """As sysctl(8) names it; ``*`` stands for the interface."""
    value: str
    reason: str
    otherwise: str = ""
    """Of what is relied on: what goes wrong, where it is not so."""
    at_least: bool = False

    def name(self, interface: str = "") -> str:
        """A dot in an interface's name is a slash to sysctl(8)."""
        return self.pattern.replace("*", interface.replace(".", "/"))

    def holds(self, value: str) -> bool:
        if self.at_least and value.isdecimal():
            return int(value) >= int(self.value)
        return value.split() == self.value.split()


TABLE = (
    Row(Place.LBD0, "net.ipv4.conf.*.rp_filter", "2", "what is punted came in by another interface"),
    Row(
        Place.LBD0,
        "net.ipv4.conf.*.accept_local",
        "1",
        "a punted frame may come from an address of this machine",
    ),
    Row(Place.LBD0, "net.ipv6.conf.*.accept_ra", "0", "nobody advertises there"),
    Row(Place.LBD0, "net.ipv6.conf.*.accept_dad", "0", "nobody else is there"),
    Row(Place.VIRTUAL, "net.ipv4.conf.*.arp_ignore", "1", "a virtual router's interface"),
    Row(Place.VIRTUAL, "net.ipv4.conf.*.accept_local", "1", "a virtual router's interface"),
    Row(Place.VIRTUAL, "net.ipv4.conf.*.rp_filter", "0", "a virtual router's interface"),
    Row(Place.VIRTUAL, "net.ipv4.conf.*.promote_secondaries", "1", "a virtual router's interface"),
    Row(
        Place.BELOW,
        "net.ipv4.conf.*.arp_ignore",
        "1",
        "the virtual interface above answers for its own addresses",
    ),
    Row(
        Place.BELOW,
        "net.ipv4.conf.*.arp_filter",
        "1",
        "the virtual interface above answers for its own addresses",
    ),
    Row(Place.INSTANCE, "net.ipv4.conf.*.promote_secondaries", "1", "promote_secondaries"),
    Row(
        Place.NAT,
        "net.ipv4.ip_forward",
        "1",
        "the kernel routes what NAT servers send beside balanced connections",
        "their own connections to elsewhere (updates, name service) end here: sysctl -w net.ipv4.ip_forward=1",
    ),
    Row(
        Place.NAT6,
        "net.ipv6.conf.all.forwarding",
        "1",
        "the kernel routes what NAT servers send beside balanced connections",
        "their own connections to elsewhere (updates, name service) end here: sysctl -w net.ipv6.conf.all.forwarding=1",
    ),
    Row(
        Place.SERVERS,
        "net.ipv4.neigh.default.gc_thresh3",
        "1024",
        "the kernel keeps the link addresses of real servers, gateways and clients on the link",
        "when its table is full nobody new is reached: sysctl -w net.ipv4.neigh.default.gc_thresh3=…",
        at_least=True,
    ),
    Row(
        Place.SERVERS6,
        "net.ipv6.neigh.default.gc_thresh3",
        "1024",
        "the kernel keeps the link addresses of real servers, gateways and clients on the link",
        "when its table is full nobody new is reached: sysctl -w net.ipv6.neigh.default.gc_thresh3=…",
        at_least=True,
    ),
    Row(
        Place.SERVERS6,
        "net.ipv6.conf.all.disable_ipv6",
        "0",
        "addresses of IPv6 are the kernel's",
        "no virtual or local address of IPv6 can be had: sysctl -w net.ipv6.conf.all.disable_ipv6=0",
    ),
    Row(
        Place.LOOPBACK,
        "net.ipv4.conf.all.arp_ignore",
        "1",
        "while the other director has the address, this machine must not answer ARP for it",
        "clients may come to this machine instead of the director: sysctl -w net.ipv4.conf.all.arp_ignore=1",
        at_least=True,
    ),
    Row(
        Place.LOOPBACK,
        "net.ipv4.conf.all.arp_announce",
        "2",
        "while the other director has the address, this machine must not ask by ARP with it",
        "neighbours may learn it from this machine's ARP: sysctl -w net.ipv4.conf.all.arp_announce=2",
    ),
)


def rows(place: Place) -> tuple[Row, ...]:
    return tuple(row for row in TABLE if row.place is place)
