# SPDX-License-Identifier: Apache-2.0
"""The guard: one nftables ``table netdev`` that is kept standing, whatever others do to the ruleset.

A table with ``flags owner`` belongs to the netlink socket that made it: ``nft flush ruleset`` passes it by, and it goes
when the socket is closed. That socket is held by the *holder*, an ``nft -i`` that reads commands from one end of a
socket pair. Whoever holds the other end keeps the guard: dp and the supervisor both do, so that it outlives either;
when both are gone nft reads the end of its input and takes the table with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import socket
import struct
import tempfile
from collections.abc import Callable

import msgspec

log = logging.getLogger("lbd.kernel")

NETLINK_NETFILTER = 12
NFNLGRP_NFTABLES = 7
NFT_MSG_DELTABLE = 10 << 8 | 2
NFTA_TABLE_NAME = 1
ANSWER_TIMEOUT = 30.0
"""Seconds; 10,000 services load in less than one."""


class GuardError(Exception):
    """nft refused; the text is nft's own."""


class Holder(msgspec.Struct, frozen=True):
    fd: int
    """Our end; inheritable. The guard stands while anybody has it open."""
    pid: int


def spawn_holder() -> Holder:
    """Starts an nft that will own the guard. Raises GuardError where there is no nft."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    end = its.fileno()
    onto = [(os.POSIX_SPAWN_DUP2, end, fd) for fd in (0, 1, 2)]
    try:
        # a session of its own: a signal to our process group is none to the guard
        pid = os.posix_spawnp("nft", ["nft", "-i"], _environment(), file_actions=onto, setsid=True)
    except OSError as error:
        ours.close()
        raise GuardError(f"nft cannot be started ({error.strerror}): install nftables") from None
    finally:
        its.close()
    os.set_inheritable(ours.fileno(), True)
    return Holder(fd=ours.detach(), pid=pid)


def _environment() -> dict[str, str]:
    """nft as an interactive program keeps a history in the home directory; there is none to keep."""
    return {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "HOME": "/nonexistent",
        "LANG": "C",
    }


class Guard:
    """``load`` puts the whole table in place of what was there, in one transaction."""

    def __init__(self, fd: int | None, *, table: str, on_repair: Callable[[str], None]) -> None:
        """fd: a holder's; None: one is started when it is needed."""
        self._table = table
        self._on_repair = on_repair
        self._fd = fd
        self._sock: socket.socket | None = None
        self._child = 0
        """The holder, where we started it."""
        self._said = b""
        self._heard = asyncio.Event()
        self._numbers = itertools.count()
        self._lock = asyncio.Lock()
        self._ruleset: str | None = None
        self._owner = True
        self._events: socket.socket | None = None
        self._listener: asyncio.Task[None] | None = None
        self._repairs: set[asyncio.Task[None]] = set()

    async def load(self, ruleset: str) -> None:
        """Raises GuardError; what stood before then stands still."""
        async with self._lock:
            await self._load(ruleset)
            self._ruleset = ruleset

    async def remove(self) -> None:
        async with self._lock:
            if self._ruleset is None:
                return
            self._ruleset = None
            with contextlib.suppress(GuardError):
                await self._command(f"delete table netdev {self._table}")

    async def close(self) -> None:
        """Lets go of the holder; the guard stands while somebody else has it."""
        self._ruleset = None
        for task in (self._listener, *self._repairs):
            if task is not None:
                task.cancel()
        if self._events is not None:
            asyncio.get_running_loop().remove_reader(self._events)
            self._events.close()
        if self._sock is not None:
            self._sock.close()
        self._reap()

    # --- talking to nft

    async def _load(self, ruleset: str) -> None:
        self._watch()
        flags = "flags owner;" if self._owner else ""
        name = self._table
        # added so that there is one to delete, deleted so that nothing of an old one stays: one transaction
        text = (
            f"add table netdev {name} {{ {flags} }}\ndelete table netdev {name}\n"
            f"table netdev {name} {{\n{flags}\n{ruleset}\n}}\n"
        )
        try:
            await self._include(text)
        except GuardError as error:
            if not self._owner or "owner" not in str(error):
                raise
            self._owner = False
            log.warning(
                "this kernel knows no tables with an owner: others' flush of the ruleset takes the guard too"
            )
            await self._load(ruleset)
            return
        self._forget_events()

    async def _include(self, text: str) -> None:
        """By file: a line of the interactive nft is too short for a ruleset, and a file is one transaction."""
        with tempfile.NamedTemporaryFile("w", prefix="lbd-guard-", suffix=".nft") as file:
            file.write(text)
            file.flush()
            await self._command(f'include "{file.name}"')

    async def _command(self, command: str) -> None:
        """nft says nothing if all is well; a question with a known complaint for an answer tells when it is done."""
        sock = await self._connected()
        end = f"__lbd_end_{next(self._numbers)}__"
        self._said = b""
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(sock, f"{command}\nlist table netdev {end}\n".encode())
            async with asyncio.timeout(ANSWER_TIMEOUT):
                while f"list table netdev {end}\n".encode() not in self._said:
                    self._heard.clear()
                    await self._heard.wait()
                    if self._sock is None:
                        raise GuardError("the nft that holds the guard ended")
        except TimeoutError:
            raise GuardError(f"nft did not answer within {ANSWER_TIMEOUT:.0f} s") from None
        except OSError as error:
            raise GuardError(f"the nft that holds the guard is gone: {error.strerror}") from None
        answer = self._said.decode(errors="replace").split(f"list table netdev {end}")[0]
        complaint, _, _ = answer.rpartition("Error: No such file or directory")
        if "Error" in complaint:
            raise GuardError(" ".join(complaint.split()))

    async def _connected(self) -> socket.socket:
        if self._sock is None:
            fd, self._fd = self._fd, None
            if fd is None:
                holder = spawn_holder()
                fd, self._child = holder.fd, holder.pid
            self._sock = socket.socket(fileno=fd)
            self._sock.setblocking(False)
            self._listener = asyncio.get_running_loop().create_task(self._listen(self._sock))
        return self._sock

    async def _listen(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        data = b"."
        while data:
            try:
                data = await loop.sock_recv(sock, 65536)
            except OSError:
                data = b""
            self._said += data
            self._heard.set()
        self._sock = None
        sock.close()
        self._heard.set()
        self._reap()
        self._repair("the nft that holds it had ended")

    def _reap(self) -> None:
        """nft ends at the end of its input; what is not over yet is the init process's to reap."""
        if self._child:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._child, os.WNOHANG)
            self._child = 0

    # --- watching

    def _watch(self) -> None:
        """Hears of every table that is deleted in this network namespace."""
        if self._events is not None:
            return
        self._events = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
        )
        self._events.setblocking(False)
        self._events.bind((0, 1 << (NFNLGRP_NFTABLES - 1)))
        asyncio.get_running_loop().add_reader(self._events, self._something_deleted)

    def _forget_events(self) -> None:
        """Those of our own load: they were queued before nft answered."""
        self._deleted()

    def _something_deleted(self) -> None:
        if self._deleted() and not self._lock.locked():
            self._repair("somebody had deleted it")

    def _deleted(self) -> bool:
        """True if our table was among what was deleted, or if events were lost."""
        assert self._events is not None
        found = False
        while True:
            try:
                data = self._events.recv(65536)
            except BlockingIOError:
                return found
            except OSError:
                return True
            found = found or names_deleted_table(data, self._table)

    def _repair(self, why: str) -> None:
        if self._ruleset is None:
            return
        task = asyncio.get_running_loop().create_task(self._put_right(self._ruleset, why))
        self._repairs.add(task)
        task.add_done_callback(self._repairs.discard)

    async def _put_right(self, ruleset: str, why: str) -> None:
        try:
            async with self._lock:
                await self._load(ruleset)
        except GuardError as error:
            log.error("the guard is down and cannot be put right: %s", error)
        else:
            self._on_repair(why)


def names_deleted_table(data: bytes, table: str) -> bool:
    """Whether a datagram of nfnetlink messages has the deletion of this netdev table."""
    at = 0
    while at + 20 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 20:
            return False
        if kind == NFT_MSG_DELTABLE and table.encode() + b"\0" == _attribute(data[at + 20 : at + length]):
            return True
        at += (length + 3) & ~3
    return False


def _attribute(data: bytes) -> bytes:
    """The value of NFTA_TABLE_NAME."""
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        if kind & 0x3FFF == NFTA_TABLE_NAME:
            return data[at + 4 : at + length]
        at += (length + 3) & ~3
    return b""
