# SPDX-License-Identifier: Apache-2.0
"""Conversations with a vrrp or check process: the asking end, and a socket to listen on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from lbd import wire
from lbd.daemon import messages


class Channel:
    """One command at a time, one answer each; calls queue."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._lock = asyncio.Lock()

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        """Over one end of a socketpair."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    @classmethod
    async def to(cls, path: str) -> Channel | None:
        """To the Unix socket of a running process; None where nobody listens."""
        try:
            return cls(*await asyncio.open_unix_connection(path))
        except OSError:
            return None

    async def ask(self, command: messages.Command) -> messages.Answer | None:
        """The answer; None if the other end is gone, or answers what is no answer."""
        async with self._lock:
            try:
                self._writer.write(wire.pack(command))
                await self._writer.drain()
                answer: messages.Answer | None = await wire.receive(self._reader, messages.decode_answer)
            except (ConnectionError, wire.WireError):
                self.close()
                return None
            except asyncio.CancelledError:
                self.close()  # the answer would be taken for the next command's
                raise
            return answer

    def close(self) -> None:
        self._writer.close()


def listening(path: str) -> socket.socket:
    """A socket for its owner alone from the moment it has a name, in place of a dead predecessor's."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    mask = os.umask(0o177)
    try:
        sock.bind(path)
    finally:
        os.umask(mask)
    return sock
