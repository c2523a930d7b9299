# SPDX-License-Identifier: Apache-2.0
"""PING_CHECK: an ICMP echo, and its reply (RFC 792, RFC 4443 section 4).

A socket of our own: icmplib takes none, so it can be neither marked nor bound to an interface. A datagram ICMP socket
where ``net.ipv4.ping_group_range`` lets us, else a raw one.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import struct

from lbd.healthcheck.connect import LocalError, Reader, Stage, attempt, prepared
from lbd.healthcheck.probe import OK, Outcome
from lbd.model.check import PingCheck
from lbd.model.net import is_ipv6

_HEADER = struct.Struct("!BBHHH")
_REQUEST = {False: 8, True: 128}
_REPLY = {False: 0, True: 129}
_PROTOCOL = {False: socket.IPPROTO_ICMP, True: socket.IPPROTO_ICMPV6}
_FILLING = (b"keepalived check - " * 7)[:128]
"""keepalived's own."""
_numbers = itertools.count(random.randrange(65536))


def checksum(data: bytes) -> int:
    """RFC 1071; data of an even length."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def request(ipv6: bool, identifier: int, sequence: int) -> bytes:
    """The kernel writes the checksum for IPv6 and on datagram sockets, the identifier on datagram sockets."""
    head = _HEADER.pack(_REQUEST[ipv6], 0, 0, identifier, sequence)
    return _HEADER.pack(_REQUEST[ipv6], 0, checksum(head + _FILLING), identifier, sequence) + _FILLING


def is_reply(data: bytes, ipv6: bool, identifier: int | None, sequence: int) -> bool:
    """identifier None: the kernel has looked at it. A raw IPv4 socket shows the IP header, too."""
    if not ipv6 and identifier is not None and data:
        data = data[(data[0] & 0xF) * 4 :]
    if len(data) < _HEADER.size:
        return False
    what, code, _, its_identifier, its_sequence = _HEADER.unpack_from(data)
    same = identifier in (None, its_identifier) and its_sequence == sequence
    return what == _REPLY[ipv6] and code == 0 and same


class PingProbe:
    def __init__(self, check: PingCheck) -> None:
        self._check = check

    async def run(self) -> Outcome:
        return await attempt(self._check, self._talk)

    async def _talk(self, stage: Stage) -> Outcome:
        loop, ipv6 = asyncio.get_running_loop(), is_ipv6(self._check.connect_ip)
        sequence = next(_numbers) % 65536
        sock, identifier = self._socket(ipv6)
        with sock:
            sock.connect((self._check.connect_ip, 0))
            await loop.sock_sendall(sock, request(ipv6, identifier or 0, sequence))
            stage.goes_on("echo reply")
            reader = Reader(sock)
            while not is_reply(await reader.chunk(), ipv6, identifier, sequence):
                continue
        return OK

    def _socket(self, ipv6: bool) -> tuple[socket.socket, int | None]:
        """And the identifier to look for, None where the kernel looks."""
        try:
            return prepared(self._check, socket.SOCK_DGRAM, _PROTOCOL[ipv6]), None
        except LocalError as error:
            if not isinstance(error.__cause__, PermissionError):
                raise
        return prepared(self._check, socket.SOCK_RAW, _PROTOCOL[ipv6]), random.randrange(1, 65536)
