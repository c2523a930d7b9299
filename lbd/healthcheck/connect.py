# SPDX-License-Identifier: Apache-2.0
"""The connection of a check: bound, marked and timed as its options say, and what is wrong with it in words.

Plain non-blocking sockets, because a check may ask for SO_MARK, SO_BINDTODEVICE and a source port at once, and because
streams cost three times as much as ``sock_connect``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct

from lbd.healthcheck.probe import Failure, Outcome, failed
from lbd.model.check import Check
from lbd.model.net import endpoint, family, is_ipv6

_SO_BINDTODEVICE = 25
_SO_MARK = 36
_NO_LINGER = struct.pack("ii", 1, 0)
"""Close with RST: thousands of checks a second would leave as many TIME_WAITs behind for a minute."""

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


async def connected(check: Check) -> socket.socket:
    """The socket, connected. Raises LocalError, or the OSError of the way to the server."""
    try:
        sock = socket.socket(family(check.connect_ip), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise LocalError(f"cannot make a socket: {_strerror(error)}") from error
    try:
        _prepare(sock, check)
        await asyncio.get_running_loop().sock_connect(sock, (check.connect_ip, check.connect_port))
    except BaseException:
        sock.close()
        raise
    return sock


def _prepare(sock: socket.socket, check: Check) -> None:
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
            what = f"bind to {endpoint(source, check.bind_port)}"
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((source, check.bind_port))
    except OSError as error:
        raise LocalError(f"cannot {what}: {_strerror(error)}") from error


def local(check: Check, error: LocalError) -> Outcome:
    return failed(check, Failure.LOCAL, str(error))


def broken(check: Check, error: OSError) -> Outcome:
    """What the kernel said about the way to the server."""
    failure, words = _WORDS.get(error.errno or 0, (Failure.UNREACHABLE, _strerror(error)))
    return failed(check, failure, words)


def _strerror(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
