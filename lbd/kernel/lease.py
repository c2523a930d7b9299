# SPDX-License-Identifier: Apache-2.0
"""The lease of addresses: without it this machine neither answers ARP or ND for them nor takes packets to them.

It is the kernel's, so it runs out also where every process of ours is dead or stopped. In the tables of one name for
``arp``, ``ip`` and ``ip6`` stand two sets: *held* are addresses that need a lease, *leased* are those that have one
for some milliseconds more. Only what is held can be shut off, and that is what we lead.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import zlib
from collections.abc import Iterable

from lbd.kernel.rtnl.wire import ACK, CREATE, NLMSG_ERROR, REQUEST, attribute, nested, text
from lbd.model.net import Address, packed

ARP, IP, IP6 = 3, 2, 10
"""NFPROTO_…, as ``struct nfgenmsg`` has them."""
NAMES = {ARP: "arp", IP: "ip", IP6: "ip6"}
TYPES = {ARP: "type ipv4_addr", IP: "type ipv4_addr", IP6: "typeof @th,64,128"}
RAW = -300
"""Before connection tracking, and whatever else an operator has."""
CHAINS = {
    ARP: (("output", 0, "arp saddr ip"),),
    IP: (("input", RAW, "ip daddr"),),
    # the target of a neighbour advertisement (RFC 4861 section 4.4), and the destination (RFC 8200 section 3)
    IP6: (
        ("output", 0, "icmpv6 type nd-neighbor-advert @th,64,128"),
        ("input", RAW, "@nh,192,128"),
    ),
}

NFNETLINK = 12
BATCH_BEGIN, BATCH_END = 0x10, 0x11
SUBSYSTEM = 10
NEW_ELEMENT, DELETE_ELEMENT = SUBSYSTEM << 8 | 12, SUBSYSTEM << 8 | 14
TABLE, SET, ELEMENTS = 1, 2, 3
"""NFTA_SET_ELEM_LIST_…"""
ELEMENT, KEY, TIMEOUT, VALUE = 1, 1, 4, 1
"""NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_TIMEOUT, NFTA_DATA_VALUE."""
_HEADER = struct.Struct("=IHHII")


class LeaseError(Exception):
    """In words: why there is no lease."""


def table_of(path: str) -> str:
    """The name of the tables of the lbd whose files are there: others on this machine have theirs."""
    return f"lbd_lease_{zlib.crc32(os.path.abspath(path).encode()):08x}"


def ruleset(table: str, *, fresh: bool) -> str:
    """For nft(8), one transaction; what stands of it already stays, and with fresh nothing is held by it any more."""
    lines = []
    for family, name in NAMES.items():
        lines.append(f"add table {name} {table}")
        lines.append(f"add set {name} {table} held {{ {TYPES[family]}; }}")
        lines.append(f"add set {name} {table} leased {{ {TYPES[family]}; flags timeout; }}")
        if fresh:
            lines.append(f"flush set {name} {table} held")
        for chain, priority, what in CHAINS[family]:
            lines.append(
                f"add chain {name} {table} {chain} {{ type filter hook {chain} priority {priority}; }}"
            )
            lines.append(f"flush chain {name} {table} {chain}")
            lines.append(f"add rule {name} {table} {chain} {what} @leased accept")
            lines.append(f"add rule {name} {table} {chain} {what} @held drop")
    return "\n".join(lines) + "\n"


def removal(table: str) -> str:
    """Added so that there is one to delete."""
    return "".join(f"add table {name} {table}\ndelete table {name} {table}\n" for name in NAMES.values())


class Lease:
    """Renewed in one system call, which the kernel carries out before it returns."""

    def __init__(self, table: str) -> None:
        self.table = table
        self._sock: socket.socket | None = None
        self.held: set[Address] = set()

    def renew(self, addresses: Iterable[Address], seconds: float) -> None:
        """They are held, and leased for so long from now. Raises LeaseError."""
        addresses = tuple(addresses)
        self.held.update(addresses)
        # deleted and added in one transaction: before Linux 6.12 a time that runs cannot be changed
        self._send(
            message
            for family, keys in _by_family(addresses)
            for message in (
                self._elements(NEW_ELEMENT, family, "held", keys),
                self._elements(NEW_ELEMENT, family, "leased", keys, seconds),
                self._elements(DELETE_ELEMENT, family, "leased", keys),
                self._elements(NEW_ELEMENT, family, "leased", keys, seconds),
            )
        )

    def release(self, addresses: Iterable[Address]) -> None:
        """They need no lease any more. Raises LeaseError."""
        for address in self.held & set(addresses):
            self.held.discard(address)
            self._send(
                self._elements(DELETE_ELEMENT, family, "held", keys)
                for family, keys in _by_family((address,))
            )

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _elements(
        self, kind: int, family: int, name: str, keys: list[bytes], seconds: float | None = None
    ) -> bytes:
        lasting = (
            b"" if seconds is None else attribute(TIMEOUT, struct.pack("!Q", max(1, round(seconds * 1000))))
        )
        elements = [nested(ELEMENT, [nested(KEY, [attribute(VALUE, key)]), lasting]) for key in keys]
        body = text(TABLE, self.table) + text(SET, name) + nested(ELEMENTS, elements)
        return _message(kind, CREATE | ACK if kind == NEW_ELEMENT else ACK, family, 0, body)

    def _send(self, messages: Iterable[bytes]) -> None:
        inside = list(messages)
        begin, end = (_message(kind, 0, 0, SUBSYSTEM, b"") for kind in (BATCH_BEGIN, BATCH_END))
        try:
            sock = self._open()
            sock.send(b"".join((begin, *inside, end)))
            codes = [code for code in (_code(sock) for _ in inside) if code]
        except OSError as error:
            raise LeaseError(error.strerror or str(error)) from None
        if codes:
            self.close()  # whatever else was answered goes with it
            raise LeaseError(os.strerror(codes[0]))

    def _open(self) -> socket.socket:
        if self._sock is None:
            kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
            self._sock = socket.socket(socket.AF_NETLINK, kind, NFNETLINK)
            self._sock.bind((0, 0))
            self._sock.setblocking(False)
        return self._sock


def _message(kind: int, flags: int, family: int, resource: int, body: bytes) -> bytes:
    """struct nlmsghdr and struct nfgenmsg."""
    data = struct.pack("!BBH", family, 0, resource) + body
    return _HEADER.pack(_HEADER.size + len(data), kind, REQUEST | flags, 0, 0) + data


def _code(sock: socket.socket) -> int:
    """An errno, 0 if all is well. The answers are there when the request has been sent."""
    with contextlib.suppress(BlockingIOError):
        data = sock.recv(65536)
        if _HEADER.unpack_from(data)[1] == NLMSG_ERROR:
            return -int(struct.unpack_from("=i", data, _HEADER.size)[0])
    return errno.EIO


def _by_family(addresses: Iterable[Address]) -> list[tuple[int, list[bytes]]]:
    four = [packed(a) for a in addresses if ":" not in a]
    six = [packed(a) for a in addresses if ":" in a]
    return [(family, keys) for family, keys in ((ARP, four), (IP, four), (IP6, six)) if keys]
