# SPDX-License-Identifier: Apache-2.0
"""The control socket of the dp process: one request, one reply, any number of clients."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

from lbd import wire
from lbd.fastpath import api
from lbd.fastpath.live import RefusedChange

_decode = wire.decoder(api.Request)

Answer = Callable[[api.Request], api.Reply]


class Server:
    """``answer`` is asked for every request but Hello; a RefusedChange that it raises becomes the reply."""

    def __init__(self, path: str, answer: Answer) -> None:
        self.path = path
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Raises OSError. The socket is for its owner alone, from the moment it has a name."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)
        try:
            sock.bind(self.path)
        finally:
            os.umask(old)
        self._server = await asyncio.start_unix_server(self._serve, sock=sock)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await self._server.wait_closed()
            self._server = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (request := await wire.receive(reader, _decode)) is not None:
                reply = self._reply(request)
                writer.write(wire.pack(reply))
                await writer.drain()
        except wire.WireError as error:
            writer.write(wire.pack(api.Refused(f"that is no request: {error}")))
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _reply(self, request: api.Request) -> api.Reply:
        if isinstance(request, api.Hello):
            if request.version == api.VERSION:
                return api.Done()
            return api.Refused(
                f"this dp process speaks version {api.VERSION}, the client {request.version}: restart the older one"
            )
        try:
            return self._answer(request)
        except RefusedChange as refusal:
            return api.Refused(str(refusal))
