# SPDX-License-Identifier: Apache-2.0
"""ip-address(8): a virtual address is put on an interface, and taken off."""

from __future__ import annotations

import struct
from ipaddress import ip_network

from lbd.kernel.rtnl.wire import CREATE, EXCL, Request, attribute, text, u32
from lbd.model import VirtualAddress
from lbd.model.net import family, packed

RTM_NEWADDR, RTM_DELADDR = 20, 21
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_CACHEINFO, IFA_FLAGS = 1, 2, 3, 4, 6, 8
NODAD, HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN = 0x02, 0x10, 0x100, 0x200, 0x400
FOREVER = 0xFFFFFFFF
SCOPES = {"global": 0, "nowhere": 255, "host": 254, "link": 253, "site": 200}


def add(address: VirtualAddress, ifindex: int, *, loopback: bool = False) -> Request:
    """EEXIST where it is there. loopback: its scope is host unless the line says another."""
    attributes = [*_ends(address), u32(IFA_FLAGS, _flags(address))]
    if address.label and ":" not in address.address:
        attributes.append(text(IFA_LABEL, address.label))
    if address.brd and ":" not in address.address:
        attributes.append(attribute(IFA_BROADCAST, packed(_broadcast(address))))
    preferred = _preferred(address)
    if preferred != FOREVER:
        attributes.append(attribute(IFA_CACHEINFO, struct.pack("=IIII", preferred, FOREVER, 0, 0)))
    body = _head(address, ifindex, loopback) + b"".join(attributes)
    return Request(RTM_NEWADDR, CREATE | EXCL, body, f"{_words(address)} cannot be added to {address.dev}")


def remove(address: VirtualAddress, ifindex: int) -> Request:
    """EADDRNOTAVAIL where it is not there."""
    body = _head(address, ifindex, loopback=False) + b"".join(_ends(address))
    return Request(RTM_DELADDR, 0, body, f"{_words(address)} cannot be removed from {address.dev}")


def _head(address: VirtualAddress, ifindex: int, loopback: bool) -> bytes:
    """struct ifaddrmsg."""
    prefix = address.prefix if address.peer_prefix is None else address.peer_prefix
    scope = SCOPES.get(address.scope) if address.scope else (254 if loopback else 0)
    scope = int(address.scope or 0) if scope is None else scope
    return struct.pack("=BBBBI", family(address.address), prefix, 0, scope, ifindex)


def _ends(address: VirtualAddress) -> list[bytes]:
    local = packed(address.address)
    return [
        attribute(IFA_LOCAL, local),
        attribute(IFA_ADDRESS, packed(address.peer) if address.peer else local),
    ]


def _flags(address: VirtualAddress) -> int:
    v6 = ":" in address.address
    said = (
        (v6 and address.nodad, NODAD),
        (v6 and address.home, HOMEADDRESS),
        (v6 and address.mngtmpaddr, MANAGETEMPADDR),
        (address.noprefixroute, NOPREFIXROUTE),
        (address.autojoin, MCAUTOJOIN),
    )
    return sum(flag for is_set, flag in said if is_set)


def _preferred(address: VirtualAddress) -> int:
    """keepalived's default: an IPv6 /128 is "deprecated", so that it is no source (RFC 4862 section 5.5.4)."""
    if address.preferred_lft is None:
        return 0 if ":" in address.address and address.prefix == 128 else FOREVER
    return FOREVER if address.preferred_lft < 0 else address.preferred_lft


def _broadcast(address: VirtualAddress) -> str:
    """``brd +`` and ``brd -`` of ip-address(8): the host bits all ones, or all zeros."""
    net = ip_network(f"{address.address}/{address.prefix}", strict=False)
    return {"+": str(net.broadcast_address), "-": str(net.network_address)}.get(
        address.brd or "", address.brd or ""
    )


def _words(address: VirtualAddress) -> str:
    return f"{address.address}/{address.prefix}"
