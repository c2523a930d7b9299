# SPDX-License-Identifier: Apache-2.0
"""The process that owns the guard's table, an ``nft -i``, and the conversation with it.

nft reads commands from one end of a socket pair and says nothing if all is well. Whoever has the other end open keeps
it alive, and several processes may: when the last of them is gone it reads the end of its input and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import socket
from collections.abc import Callable

import msgspec

ANSWER_TIMEOUT = 30.0
"""Seconds; 10,000 services load in less than one."""
END_TIMEOUT = 1.0
REAP_AGAIN = 0.05
SHOWN = 100
"""Characters of a line that nft complains of; one line may have 10,000 elements."""

COMPLAINT = re.compile(r"(?::\d+:(?P<column>\d+)(?:-\d+)?: )?(?P<words>Error: .*)\n(?P<line>.*)")


class GuardError(Exception):
    """nft refused; the text is nft's own."""


class HolderError(GuardError):
    """There is no nft to talk to, or there was none any more."""


class Holder(msgspec.Struct, frozen=True):
    fd: int
    """Our end; inheritable. The guard stands while anybody has it open."""
    pid: int


def spawn_holder() -> Holder:
    """Starts an nft that will own the guard. Raises HolderError where there is no nft."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    end = its.fileno()
    onto = [(os.POSIX_SPAWN_DUP2, end, fd) for fd in (0, 1, 2)]
    try:
        # a session of its own: a signal to our process group is none to the guard
        pid = os.posix_spawnp("nft", ["nft", "-i"], _environment(), file_actions=onto, setsid=True)
    except OSError as error:
        ours.close()
        raise HolderError(f"nft cannot be started ({error.strerror}): install nftables") from None
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


def complaints(answer: str) -> str:
    """What nft complains of, as one line: its words and the piece that it means. Empty if it does not.

    >>> complaints("<cmdline>:1:11-13: Error: No such file or directory\\nadd chain netdev x\\n          ^^^")
    'Error: No such file or directory: add chain netdev x'
    """
    found = dict.fromkeys(_complaint(m) for m in COMPLAINT.finditer(answer))
    first = next(iter(found), "")
    return f"{first} (and {len(found) - 1} more)" if len(found) > 1 else first


def _complaint(match: re.Match[str]) -> str:
    begin = max(0, int(match["column"] or 1) - 1 - SHOWN // 2)
    piece = match["line"][begin : begin + SHOWN].strip()
    return f"{match['words'].strip()}: {piece}" if piece else match["words"].strip()


class Conversation:
    """Commands to a holder, one at a time. Not for two tasks at once."""

    def __init__(self, fd: int | None, on_end: Callable[[], None]) -> None:
        """fd: a holder's; None: one is started when it is needed. on_end: called when a holder has ended."""
        self._fd = fd
        self._on_end = on_end
        self._sock: socket.socket | None = None
        self._child = 0
        """The holder, where we started it."""
        self._said = b""
        self._heard = asyncio.Event()
        # what a predecessor on the same descriptor never read must not pass for an answer to us
        self._token = os.urandom(8).hex()
        self._numbers = itertools.count()
        self._listener: asyncio.Task[None] | None = None

    async def include(self, text: str) -> None:
        """By file: a line of the interactive nft is too short for a ruleset, and a file is one transaction.

        The file has no name, so that one who is killed meanwhile leaves none, and needs no disk.
        """
        try:
            with os.fdopen(os.memfd_create("lbd-guard", os.MFD_CLOEXEC), "w") as file:
                file.write(text)
                file.flush()
                await self.command(f'include "/proc/{os.getpid()}/fd/{file.fileno()}"')
        except OSError as error:
            raise GuardError(f"the ruleset cannot be handed to nft: {error.strerror}") from None

    async def command(self, command: str) -> None:
        """Raises GuardError with nft's words, HolderError if there is no nft."""
        await self._connect()
        complaint = complaints(await self._answer(command))
        if complaint:
            raise GuardError(complaint)

    def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
        if self._sock is not None:
            self._sock.close()
        elif self._fd is not None:
            os.close(self._fd)
        self._sock = self._fd = None
        self._reap()

    async def _answer(self, command: str) -> str:
        """nft says nothing if all is well; a question with a known complaint for an answer tells when it is done."""
        end = f"list table netdev lbd_{self._token}_{next(self._numbers)}"
        self._said = b""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                if self._sock is not None:
                    sent = f"{command}\n{end}\n".encode()
                    await asyncio.get_running_loop().sock_sendall(self._sock, sent)
                while f"{end}\n".encode() not in self._said:
                    if self._sock is None:
                        raise HolderError("the nft that holds the guard ended")
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            raise HolderError(f"nft did not answer within {ANSWER_TIMEOUT:.0f} s") from None
        except OSError as error:
            if self._listener is not None:  # it reads the end as well, and then a new one may be started
                await asyncio.wait([self._listener], timeout=END_TIMEOUT)
            raise HolderError(f"the nft that holds the guard is gone: {error.strerror}") from None
        answer = self._said.decode(errors="replace").split(end)[0]
        return answer.rpartition("Error: No such file or directory")[0]

    async def _connect(self) -> None:
        if self._sock is not None:
            return
        if self._fd is not None:
            self._listen_to(self._fd)
            # an empty line ends what a killed predecessor had begun; what was said to it is passed over
            with contextlib.suppress(HolderError):
                await self._answer("")
                return
        holder = spawn_holder()
        self._child = holder.pid
        self._listen_to(holder.fd)

    def _listen_to(self, fd: int) -> None:
        self._fd = None
        self._sock = socket.socket(fileno=fd)
        self._sock.setblocking(False)
        self._sock.set_inheritable(False)
        self._listener = asyncio.get_running_loop().create_task(self._listen(self._sock))

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
        self._on_end()

    def _reap(self) -> None:
        """nft closes its end a moment before it is over."""
        with contextlib.suppress(ChildProcessError):
            if self._child and os.waitpid(self._child, os.WNOHANG) == (0, 0):
                asyncio.get_running_loop().call_later(REAP_AGAIN, reap_later, self._child)
        self._child = 0


def reap_later(pid: int) -> None:
    """Tries until the process is over; where the loop ends first it is the init process's."""
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG) == (0, 0):
            asyncio.get_running_loop().call_later(REAP_AGAIN, reap_later, pid)
