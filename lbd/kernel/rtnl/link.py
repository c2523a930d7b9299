# SPDX-License-Identifier: Apache-2.0
"""ip-link(8): the macvlan of use_vmac and the ipvlan of use_ipvlan, made and taken away."""

from __future__ import annotations

import struct

import msgspec

from lbd.kernel.rtnl.wire import CREATE, EXCL, Request, attribute, nested, text, u8, u32

RTM_NEWLINK, RTM_DELLINK = 16, 17
IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINK, IFLA_LINKINFO, IFLA_AF_SPEC, IFLA_GROUP = 1, 3, 5, 18, 26, 27
INFO_KIND, INFO_DATA = 1, 2
MACVLAN_MODE, MACVLAN_PRIVATE = 1, 1
IPVLAN_MODE, IPVLAN_FLAGS, IPVLAN_L2 = 1, 2, 0
IPVLAN_KINDS = {"bridge": 0, "private": 1, "vepa": 2}
IFF_UP = 1
AF_INET6, ADDR_GEN_MODE, ADDR_GEN_MODE_NONE = 10, 8, 1


class VirtualLink(msgspec.Struct, frozen=True, kw_only=True):
    """An interface of ours on top of another."""

    name: str
    base: str
    mac: bytes | None = None
    """Of a macvlan; None: it is an ipvlan."""
    mode: str = "bridge"
    """Of an ipvlan."""
    group: int | None = None


def add(link: VirtualLink, base: int) -> Request:
    """Up, without an address of its own making. EEXIST where the name is taken. base: the number of the interface."""
    attributes = [u32(IFLA_LINK, base), text(IFLA_IFNAME, link.name)]
    if link.group is not None:
        attributes.append(u32(IFLA_GROUP, link.group))
    if link.mac is not None:
        attributes.append(attribute(IFLA_ADDRESS, link.mac))
        data, kind = [u32(MACVLAN_MODE, MACVLAN_PRIVATE)], "macvlan"
    else:
        flags = IPVLAN_KINDS[link.mode]
        data, kind = (
            [
                attribute(IPVLAN_MODE, struct.pack("=H", IPVLAN_L2)),
                attribute(IPVLAN_FLAGS, struct.pack("=H", flags)),
            ],
            "ipvlan",
        )
    attributes.append(nested(IFLA_LINKINFO, [text(INFO_KIND, kind), nested(INFO_DATA, data)]))
    body = _head(0, 0) + b"".join(attributes)
    return Request(RTM_NEWLINK, CREATE | EXCL, body, f"{link.name} cannot be made on {link.base}")


def bring_up(name: str, ifindex: int) -> Request:
    """No address of IPv6 is generated: an interface of a virtual router has none but what it is given."""
    af6 = nested(AF_INET6, [u8(ADDR_GEN_MODE, ADDR_GEN_MODE_NONE)])
    body = _head(ifindex, IFF_UP) + nested(IFLA_AF_SPEC, [af6])
    return Request(RTM_NEWLINK, 0, body, f"{name} cannot be brought up")


def remove(name: str, ifindex: int) -> Request:
    """ENODEV where it is gone."""
    return Request(RTM_DELLINK, 0, _head(ifindex, 0), f"{name} cannot be removed")


def _head(ifindex: int, up: int) -> bytes:
    """struct ifinfomsg."""
    return struct.pack("=BxHiII", 0, 0, ifindex, up, up)
