# SPDX-License-Identifier: Apache-2.0
"""How a vrrp process feeds its standby: the states of its instances over a Unix socket, and a farewell at the end.

A standby holds the process by its pidfd. The end of the conversation alone says nothing: only the end of the process
without a farewell is a death.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import struct
from collections.abc import Callable, Iterable

import msgspec

from lbd import wire
from lbd.bfd.session import SessionState
from lbd.daemon.channel import listening
from lbd.vrrp.snapshot import InstanceState

FEED = ".feed"
"""Behind the name of the process's socket."""
QUEUED = 4 * 1024 * 1024
"""Bytes that a standby may leave unread before it has to begin anew."""
RETRY = 0.05
DEATH_TIME = 1.0
"""Seconds from the end of a conversation to the end of the process, if it is one: sockets are closed first."""


class Fed(msgspec.Struct, frozen=True, tag=True):
    states: tuple[InstanceState, ...]
    sessions: tuple[SessionState, ...] = ()
    """Of BFD."""
    whole: bool = False
    """All there are: others are forgotten."""


class Farewell(msgspec.Struct, frozen=True, tag=True):
    """The process ends in order; nothing is to be taken over."""


_decode = wire.decoder(Fed | Farewell)


class Feed:
    """The feeding end. ``tell`` never waits."""

    def __init__(
        self,
        path: str,
        states: Callable[[], Iterable[InstanceState]],
        sessions: Callable[[], Iterable[SessionState]] = tuple,
    ) -> None:
        """states, sessions: all there are, for who comes anew."""
        self._path, self._states, self._sessions = path, states, sessions
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._come, sock=listening(self._path))

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(wire.pack(self._all()))
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError):
            await reader.read()  # a standby says nothing; this is its end
        self._drop(writer)

    def tell(self, state: InstanceState) -> None:
        self._say(Fed((state,)))

    def tell_session(self, session: SessionState) -> None:
        self._say(Fed((), (session,)))

    def tell_all(self) -> None:
        """After a reload: there may be others now."""
        self._say(self._all())

    def _all(self) -> Fed:
        return Fed(tuple(self._states()), tuple(self._sessions()), whole=True)

    async def close(self) -> None:
        """With a farewell."""
        if self._server is None:
            return
        self._say(Farewell())
        self._server.close()
        for writer in list(self._writers):
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(writer.drain(), DEATH_TIME)
            self._drop(writer)
        with contextlib.suppress(OSError):
            os.unlink(self._path)

    def _say(self, message: Fed | Farewell) -> None:
        frame = wire.pack(message) if self._writers else b""
        for writer in list(self._writers):
            writer.write(frame)
            if writer.transport.get_write_buffer_size() > QUEUED:
                self._drop(writer)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort() if not writer.is_closing() else None


class Follower:
    """The standby's end."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.states: dict[str, InstanceState] = {}
        self.sessions: dict[str, SessionState] = {}
        self.fed = asyncio.Event()
        """Set while somebody is followed, and all of its states are known."""

    async def death(self) -> None:
        """Returns when the process that is followed has died without a farewell; ``states`` are its last."""
        while not await self._follow():
            self.fed.clear()
            await asyncio.sleep(RETRY)

    async def _follow(self) -> bool:
        """One conversation; True if it ended by a death."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=QUEUED)
        except OSError:
            return False
        try:
            life = os.pidfd_open(_peer(writer.get_extra_info("socket")))
        except OSError:
            writer.close()
            return False
        try:
            orderly = await self._listen(reader)
            return not orderly and await _ended(life)
        finally:
            os.close(life)
            writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> bool:
        """True if it ended with a farewell, or with what is no message."""
        try:
            while (message := await wire.receive(reader, _decode)) is not None:
                if isinstance(message, Farewell):
                    return True
                if message.whole:
                    self.states.clear()
                    self.sessions.clear()
                self.sessions |= {session.conf.name: session for session in message.sessions}
                self.states |= {state.name: state for state in message.states}
                self.fed.set()
        except wire.WireError:
            pass  # cut in the midst of a message: what was told before counts
        return False


def _peer(sock: socket.socket) -> int:
    """The number of the process at the other end."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid: int = struct.unpack("iII", credentials)[0]
    return pid


async def _ended(life: int) -> bool:
    """Whether that process ends within DEATH_TIME."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(life, ended.set)
    try:
        async with asyncio.timeout(DEATH_TIME):
            await ended.wait()
        return True
    except TimeoutError:
        return bool(select.select([life], [], [], 0)[0])
    finally:
        loop.remove_reader(life)
