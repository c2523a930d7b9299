# SPDX-License-Identifier: Apache-2.0
"""Messages and attributes of netlink(7), and the socket that they are asked over."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterable

REQUEST, ACK = 0x1, 0x4
REPLACE, EXCL, CREATE, APPEND = 0x100, 0x200, 0x400, 0x800
NLMSG_ERROR = 2
NESTED = 0x8000
_HEADER = struct.Struct("=IHHII")
RECEIVE_BYTES = 65536


class KernelRefusedError(Exception):
    """The text says what was asked, and why not."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what}: {os.strerror(code)}")
        self.code = code


def attribute(kind: int, data: bytes) -> bytes:
    """struct rtattr, padded to four bytes."""
    length = 4 + len(data)
    return struct.pack("=HH", length, kind) + data + bytes(-length % 4)


def nested(kind: int, attributes: Iterable[bytes]) -> bytes:
    return attribute(kind | NESTED, b"".join(attributes))


def u8(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=B", value))


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value & 0xFFFFFFFF))


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


class Request:
    """What is asked of the kernel: a kind of message, its body, and how to say it in words."""

    def __init__(self, kind: int, flags: int, body: bytes, what: str) -> None:
        self.kind, self.flags, self.body, self.what = kind, flags, body, what


class Socket:
    """Each request is answered while it is sent: the kernel carries it out in the call."""

    def __init__(self) -> None:
        self._sock = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._sock.bind((0, 0))
        self._sock.settimeout(5.0)
        self._sequence = 0

    def ask(self, request: Request, *, fine: Iterable[int] = ()) -> int:
        """0, or an errno out of fine. Raises KernelRefusedError for another."""
        self._sequence += 1
        length = _HEADER.size + len(request.body)
        head = _HEADER.pack(length, request.kind, REQUEST | ACK | request.flags, self._sequence, 0)
        try:
            self._sock.send(head + request.body)
            code = self._answer()
        except OSError as error:
            code = error.errno or errno.EIO
        if code and code not in fine:
            raise KernelRefusedError(request.what, code)
        return code

    def _answer(self) -> int:
        while True:
            data = self._sock.recv(RECEIVE_BYTES)
            _, kind, _, sequence, _ = _HEADER.unpack_from(data)
            if kind == NLMSG_ERROR and sequence == self._sequence:
                return -int(struct.unpack_from("=i", data, _HEADER.size)[0])

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.close()
