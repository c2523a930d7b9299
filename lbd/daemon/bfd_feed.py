# SPDX-License-Identifier: Apache-2.0
"""How the check process hears of BFD sessions, which live in the vrrp process: states by name over a Unix socket.

A session that has not come up or gone down since it began is not told of, so BFD_CHECK counts as it began until then
(``alpha``). While the vrrp process is replaced by another, what was told last holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

import msgspec

from lbd import wire
from lbd.daemon.channel import listening

BFD = ".bfd"
"""Behind the name of the vrrp process's socket."""
QUEUED = 1024 * 1024
"""Bytes that a follower may leave unread before it has to begin anew."""
RETRY = 0.1
"""Seconds until a vrrp process that is not there is looked for again."""


class BfdStates(msgspec.Struct, frozen=True, tag=True):
    """What has changed, or at the begin of a conversation all that is known."""

    up: dict[str, bool]


_decode = wire.decoder(BfdStates)


class BfdFeed:
    """The telling end. ``tell`` never waits."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[str, bool] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def configure(self, wanted: bool) -> None:
        """There is a socket while somebody may want to hear."""
        if wanted and self._server is None:
            self._server = await asyncio.start_unix_server(self._come, sock=listening(self._path))
        elif not wanted:
            await self.close()

    def tell(self, name: str, up: bool) -> None:
        self._known[name] = up
        frame = wire.pack(BfdStates({name: up}))
        for writer in list(self._writers):
            writer.write(frame)
            if writer.transport.get_write_buffer_size() > QUEUED:
                writer.transport.abort()

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(wire.pack(BfdStates(dict(self._known))))
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError):
                await reader.read()  # a follower says nothing; this is its end
        finally:
            self._writers.discard(writer)
            writer.close()

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in list(self._writers):
            writer.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)


class BfdFollower:
    """The hearing end: ``on_state(name, up)`` for each session that is another than was known."""

    def __init__(self, vrrp_socket: str, on_state: Callable[[str, bool], None]) -> None:
        self._path, self._on_state = vrrp_socket + BFD, on_state
        self.up: dict[str, bool] = {}
        """What is known, by the name of the session."""
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(OSError, wire.WireError):
                await self._listen(*await asyncio.open_unix_connection(self._path))
            await asyncio.sleep(RETRY)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (told := await wire.receive(reader, _decode)) is not None:
                for name, up in told.up.items():
                    if self.up.get(name) != up:
                        self.up[name] = up
                        self._on_state(name, up)
        finally:
            writer.close()
