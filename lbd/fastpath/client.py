# SPDX-License-Identifier: Apache-2.0
"""The client of the dp process's control socket."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, TypeVar

from lbd import wire
from lbd.fastpath import api

_decode = wire.decoder(api.Reply)
R = TypeVar("R")


class RefusedError(Exception):
    """The dp process refused the request; its reason is the text."""


class GoneError(ConnectionError):
    """The dp process closed the connection, or never listened."""


class Client:
    """``async with Client(path) as dp: await dp.table()``. One request at a time; calls queue."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = asyncio.Lock()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        """Raises GoneError where nobody listens, RefusedError for another version."""
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(self.path)
        except OSError as error:
            raise GoneError(f"no dp process listens at {self.path}: {error.strerror}") from error
        await self._ask(api.Hello(), api.Done)

    async def apply(self, *changes: api.Change) -> None:
        """All of the changes at once, or RefusedError and none."""
        await self._ask(api.Apply(changes), api.Done)

    async def table(self) -> api.Table:
        return await self._ask(api.GetTable(), api.Table)

    async def stats(self) -> api.Stats:
        return await self._ask(api.GetStats(), api.Stats)

    async def status(self) -> api.Status:
        return await self._ask(api.GetStatus(), api.Status)

    async def stop(self) -> None:
        await self._ask(api.Stop(), api.Done)

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _ask(self, request: api.Request, kind: type[R]) -> R:
        async with self._lock:
            if self._writer is None:
                raise GoneError("not connected to the dp process")
            try:
                self._writer.write(wire.pack(request))
                await self._writer.drain()
                reply: Any = await wire.receive(self._reader, _decode)
            except (ConnectionError, wire.WireError) as error:
                await self.close()
                raise GoneError(f"the dp process is gone: {error}") from error
            except asyncio.CancelledError:
                await self.close()  # the reply would be taken for the next request's
                raise
        if isinstance(reply, api.Refused):
            raise RefusedError(reply.reason)
        if not isinstance(reply, kind):
            await self.close()
            raise GoneError("the dp process is gone")
        return reply

    async def __aenter__(self) -> Client:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
