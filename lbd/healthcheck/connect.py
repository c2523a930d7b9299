# SPDX-License-Identifier: Apache-2.0
"""The sockets of checks: bound, marked and timed as their options say, and what is wrong with them in words.

Plain non-blocking sockets, because a check may ask for SO_MARK, SO_BINDTODEVICE and a source port at once, which no
client library lets it, and because streams cost three times as much as ``sock_connect``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Awaitable, Callable

from lbd.healthcheck.probe import AnswerError, Failure, Outcome, failed
from lbd.model.check import ConnectedCheck
from lbd.model.net import endpoint, family, is_ipv6

_SO_BINDTODEVICE = 25
_SO_MARK = 36
_NO_LINGER = struct.pack("ii", 1, 0)
"""Close with RST: thousands of checks a second would leave as many TIME_WAITs behind for a minute."""

CHUNK = 16 * 1024
"""What is received at once."""
_BREATH = 16
"""Chunks after which others get their turn: data that is already there is received without a turn of the loop."""

_WORDS = {
    errno.ECONNREFUSED: (Failure.REFUSED, "connection refused"),
    errno.ECONNRESET: (Failure.RESET, "connection reset by peer"),
    errno.EPIPE: (Failure.RESET, "connection closed by peer"),
    errno.ETIMEDOUT: (Failure.TIMED_OUT, "connect timed out"),
    errno.EHOSTUNREACH: (Failure.UNREACHABLE, "no route to host"),
    errno.ENETUNREACH: (Failure.UNREACHABLE, "network is unreachable"),
    errno.EHOSTDOWN: (Failure.UNREACHABLE, "host is down"),
    errno.EACCES: (Failure.UNREACHABLE, "prohibited by a rule of this machine"),
    errno.EPERM: (Failure.UNREACHABLE, "prohibited by a rule of this machine"),
    errno.EINVAL: (Failure.UNREACHABLE, "the route says unreachable"),
}
"""What connect, send and receive may answer (connect(2); a ``blackhole`` route gives EINVAL, ``prohibit`` EACCES)."""


class LocalError(Exception):
    """This machine cannot try; the text says what."""


class Stage:
    """How far a try has come, for the words of what ends it."""

    def __init__(self) -> None:
        self.doing = "connect"
        self.connected = False

    def goes_on(self, doing: str) -> None:
        """The connection stands; this is waited for now."""
        self.doing, self.connected = doing, True


async def attempt(check: ConnectedCheck, talk: Callable[[Stage], Awaitable[Outcome]]) -> Outcome:
    """Carry out ``talk`` within the check's one deadline. What goes wrong in it becomes its outcome."""
    stage = Stage()
    try:
        async with asyncio.timeout(check.connect_timeout):
            return await talk(stage)
    except TimeoutError as error:
        if error.errno:  # the kernel's own patience, which is an OSError of the same class
            return broken(check, error)
        failure = Failure.SILENT if stage.connected else Failure.TIMED_OUT
        return failed(check, failure, f"{stage.doing} timed out after {check.connect_timeout} s")
    except LocalError as error:
        return failed(check, Failure.LOCAL, str(error))
    except AnswerError as error:
        return failed(check, error.failure, str(error))
    except OSError as error:
        return broken(check, error)


async def connected(check: ConnectedCheck) -> socket.socket:
    """A TCP socket, connected. Raises LocalError, or the OSError of the way to the server."""
    sock = prepared(check, socket.SOCK_STREAM)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (check.connect_ip, check.connect_port))
    except BaseException:
        sock.close()
        raise
    return sock


def prepared(check: ConnectedCheck, kind: int, protocol: int = 0) -> socket.socket:
    """A non-blocking socket, marked and bound, not connected. Raises LocalError."""
    try:
        sock = socket.socket(family(check.connect_ip), kind | socket.SOCK_NONBLOCK, protocol)
    except OSError as error:
        raise LocalError(f"cannot make a socket: {_strerror(error)}") from error
    try:
        _prepare(sock, check, kind)
    except BaseException:
        sock.close()
        raise
    return sock


def _prepare(sock: socket.socket, check: ConnectedCheck, kind: int) -> None:
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    what = ""
    try:
        if check.fwmark:
            what = f"set mark {check.fwmark}"
            sock.setsockopt(socket.SOL_SOCKET, _SO_MARK, check.fwmark)
        if check.bind_if:
            what = f"bind to interface {check.bind_if}"
            sock.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, check.bind_if.encode())
        if check.bindto or check.bind_port:
            source = check.bindto or ("::" if is_ipv6(check.connect_ip) else "0.0.0.0")
            port = check.bind_port if kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM) else 0
            what = f"bind to {endpoint(source, port)}"
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((source, port))
    except OSError as error:
        raise LocalError(f"cannot {what}: {_strerror(error)}") from error


class Reader:
    """Data of a socket as it comes, a chunk at a time; others get their turn in between."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._count = 0

    async def chunk(self) -> bytes:
        """At most CHUNK bytes; empty at the end."""
        self._count += 1
        if self._count % _BREATH == 0:
            await asyncio.sleep(0)
        return await asyncio.get_running_loop().sock_recv(self._sock, CHUNK)


def broken(check: ConnectedCheck, error: OSError) -> Outcome:
    """What the kernel said about the way to the server."""
    failure, words = _WORDS.get(error.errno or 0, (Failure.UNREACHABLE, _strerror(error)))
    return failed(check, failure, words)


def _strerror(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
