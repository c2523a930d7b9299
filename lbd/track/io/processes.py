# SPDX-License-Identifier: Apache-2.0
"""Which processes there are, told when one comes, goes or takes another name: the kernel's process connector.

The connector speaks to the initial network and user namespace alone (drivers/connector/cn_proc.c). Elsewhere, and
where it is refused, /proc is read every second instead; after an overrun, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterator

log = logging.getLogger("lbd.track")

NETLINK_CONNECTOR, CN_IDX_PROC, CN_VAL_PROC = 11, 1, 1
PROC_CN_MCAST_LISTEN = 1
PROC_EVENT_NONE, PROC_EVENT_FORK, PROC_EVENT_EXEC, PROC_EVENT_COMM = 0, 0x1, 0x2, 0x200
PROC_EVENT_EXIT = 0x80000000
NLMSG_DONE = 3
POLL = 1.0
"""Seconds between two looks at /proc where there is no connector."""
AT_ONCE = 256
"""Messages of one turn of the event loop."""
BUFFER = 1 << 20

_HEAD = struct.Struct("=IHHIIIIIIHH")
"""nlmsghdr and cn_msg."""
_EVENT = struct.Struct("=IIQ")
_WHO = struct.Struct("=IIII")

Seen = dict[int, tuple[str, tuple[str, ...]]]
"""pid → (comm, argv)."""


def look(pid: int, command_line: bool) -> tuple[str, tuple[str, ...]] | None:
    """Its name, and its arguments if they are asked for. None: it is gone."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            comm = file.read(64).rstrip(b"\n")
        argv: tuple[str, ...] = ()
        if command_line:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                argv = tuple(map(os.fsdecode, file.read(65536).rstrip(b"\0").split(b"\0")))
    except OSError:
        return None
    return os.fsdecode(comm), argv


def every(command_line: bool) -> Seen:
    """All processes now, threads not."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdecimal())
    return {pid: found for pid in pids if (found := look(pid, command_line)) is not None}


class Processes:
    """``on_all()`` says that all are to be looked at anew; ``on_change(pid)`` that one came or has another name,
    ``on_fork(parent, pid)`` that it is another of its parent's, ``on_exit(pid)`` that it is gone."""

    def __init__(
        self,
        on_all: Callable[[], None],
        on_change: Callable[[int], None],
        on_fork: Callable[[int, int], None],
        on_exit: Callable[[int], None],
    ) -> None:
        self._on_all, self._on_change, self._on_fork, self._on_exit = on_all, on_change, on_fork, on_exit
        self._sock: socket.socket | None = None
        self._poll: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._sock is not None or self._poll is not None:
            return
        try:
            self._sock = _connect()
        except OSError as error:
            log.warning("no process events (%s): /proc is read every %g s", error.strerror, POLL)
            self._poll = asyncio.get_running_loop().call_later(POLL, self._look)
        else:
            asyncio.get_running_loop().add_reader(self._sock, self._readable)

    def close(self) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            self._sock = None
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None

    def _look(self) -> None:
        self._poll = asyncio.get_running_loop().call_later(POLL, self._look)
        self._on_all()

    def _readable(self) -> None:
        assert self._sock is not None
        for _ in range(AT_ONCE):
            try:
                data = self._sock.recv(4096)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: more happened than there was room for
                self._on_all()
                return
            for event in events(data):
                self._tell(*event)

    def _tell(self, what: int, one: int, other: int) -> None:
        if what == PROC_EVENT_FORK:
            self._on_fork(one, other)
        elif what == PROC_EVENT_EXIT:
            self._on_exit(one)
        else:
            self._on_change(one)


def events(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(kind, pid, child) of those that are about whole processes; what is not of the connector is nothing."""
    if len(data) < _HEAD.size + _EVENT.size + 8:
        return
    what = _EVENT.unpack_from(data, _HEAD.size)[0]
    body = data[_HEAD.size + _EVENT.size :].ljust(_WHO.size, b"\0")
    one, one_group, other, other_group = _WHO.unpack_from(body)
    if what == PROC_EVENT_FORK and other == other_group:
        yield what, one_group, other
    elif what in (PROC_EVENT_EXEC, PROC_EVENT_COMM, PROC_EVENT_EXIT) and one == one_group:
        yield what, one, 0


def _connect() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_CONNECTOR)
    try:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        sock.bind((0, CN_IDX_PROC))
        body = struct.pack("=I", PROC_CN_MCAST_LISTEN)
        length = _HEAD.size + len(body)
        head = _HEAD.pack(length, NLMSG_DONE, 0, 0, os.getpid(), CN_IDX_PROC, CN_VAL_PROC, 0, 0, len(body), 0)
        sock.send(head + body)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
