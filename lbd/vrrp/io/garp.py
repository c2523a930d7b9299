# SPDX-License-Identifier: Apache-2.0
"""Telling the link where an address lives now: gratuitous ARP and unsolicited neighbour advertisements."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from lbd.model import Config, GarpGroup
from lbd.model.net import Address, packed

ETH_P_ARP = 0x0806
BROADCAST = b"\xff" * 6
ALL_NODES = "ff02::1"
NEIGHBOUR_ADVERTISEMENT = 136
OVERRIDE = 0x20000000
ROUTER = 0x80000000


def gratuitous_arp(mac: bytes, address: Address) -> bytes:
    """A broadcast request with sender and target the address itself, as keepalived sends it (RFC 5227 section 3)."""
    ip = packed(address)
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip + BROADCAST + ip
    return BROADCAST + mac + struct.pack("!H", ETH_P_ARP) + arp


def neighbour_advertisement(mac: bytes, address: Address, *, router: bool) -> bytes:
    """RFC 4861 section 7.2.6: unsolicited, with override and the link-layer address; the kernel adds the checksum."""
    flags = OVERRIDE | (ROUTER if router else 0)
    head = struct.pack("!BBHI", NEIGHBOUR_ADVERTISEMENT, 0, 0, flags)
    return head + packed(address) + struct.pack("!BB", 2, 1) + mac


class Announcer:
    """Sockets are opened when first needed and kept."""

    def __init__(self) -> None:
        self._arp: dict[str, socket.socket] = {}
        self._nd: dict[str, socket.socket] = {}
        self._groups: dict[str, GarpGroup] = {}
        self._interval, self._gna_interval = 0.0, 0.0
        self._free_at: dict[tuple[str, bool], float] = {}
        """When the next message may leave, by the first interface of a group and by whether it is one of IPv6."""

    def pace(self, config: Config) -> None:
        """vrrp_garp_interval, vrrp_gna_interval, garp_group."""
        defs = config.global_defs
        self._interval, self._gna_interval = defs.vrrp_garp_interval, defs.vrrp_gna_interval
        self._groups = {name: group for group in config.garp_groups for name in group.interfaces}

    def announce(
        self, interface: str, ifindex: int, mac: bytes, address: Address, still: Callable[[], bool]
    ) -> None:
        """Once, now or as soon as the pace allows, if it is still wanted then."""
        key, interval = self._paced(interface, ":" in address)
        if not interval:
            self._send(interface, ifindex, mac, address)
            return
        loop = asyncio.get_running_loop()
        at = max(loop.time(), self._free_at.get(key, 0.0))
        self._free_at[key] = at + interval

        def send() -> None:
            if still():
                self._send(interface, ifindex, mac, address)

        loop.call_at(at, send)

    def _paced(self, interface: str, v6: bool) -> tuple[tuple[str, bool], float]:
        group = self._groups.get(interface)
        interval = self._gna_interval if v6 else self._interval
        if group is None:
            return (interface, v6), interval
        own = group.gna_interval if v6 else group.garp_interval
        return (group.interfaces[0], v6), interval if own is None else own

    def _send(self, interface: str, ifindex: int, mac: bytes, address: Address) -> None:
        """What cannot be sent now is no error: it is repeated."""
        with contextlib.suppress(OSError):
            if ":" in address:
                frame = neighbour_advertisement(mac, address, router=_forwards(interface))
                self._nd_socket(interface, ifindex).sendto(frame, (ALL_NODES, 0, 0, ifindex))
            else:
                self._arp_socket(interface).send(gratuitous_arp(mac, address))

    def forget(self, interface: str) -> None:
        """The interface is gone, or another one of that name has come."""
        for sockets in (self._arp, self._nd):
            if interface in sockets:
                sockets.pop(interface).close()

    def close(self) -> None:
        for interface in {*self._arp, *self._nd}:
            self.forget(interface)

    def _arp_socket(self, interface: str) -> socket.socket:
        if interface not in self._arp:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
            sock.setblocking(False)
            sock.bind((interface, 0))
            self._arp[interface] = sock
        return self._arp[interface]

    def _nd_socket(self, interface: str, ifindex: int) -> socket.socket:
        if interface not in self._nd:
            sock = socket.socket(
                socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_ICMPV6
            )
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, ifindex)
            # no ICMPv6 is wanted here: filter everything (RFC 3542 section 3.2)
            sock.setsockopt(socket.IPPROTO_ICMPV6, 1, b"\xff" * 32)
            self._nd[interface] = sock
        return self._nd[interface]


def _forwards(interface: str) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/sys/net/ipv6/conf/{interface}/forwarding") as file:
        return file.read().strip() == "1"
    return False
