# SPDX-License-Identifier: Apache-2.0
"""Keeps the dataplane as wanted: connects, reads back what is there, writes the difference, and again.

One change at a time is under way; what is wanted meanwhile is one more change afterwards (the latest wins). Of a
change that is refused as a whole, each part is tried alone, so that one impossible service holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from lbd.control.diff import diff
from lbd.fastpath import api
from lbd.fastpath.client import Client, GoneError, RefusedError

log = logging.getLogger("lbd.control")

CONNECTED = "connected"
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_PATIENCE = 10.0
"""Seconds for the answer to one request; a dataplane that hangs longer is taken for gone."""


class Reconciler:
    """``want`` a table; ``state`` says how things stand with the dataplane.

    on_first_table hears, once in its life, what the dataplane has before anything is written there; it may call want.
    """

    def __init__(
        self, path: str, *, on_first_table: Callable[[api.Table], None] = lambda table: None
    ) -> None:
        self.path = path
        self.state = "not connected yet"
        self.refusals: tuple[str, ...] = ()
        """Of the table that is wanted now."""
        self._on_first_table = on_first_table
        self._first = True
        self._want: api.Table | None = None
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def want(self, table: api.Table) -> None:
        self._want = table
        self._settled.clear()
        self._news.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._life())

    async def stop(self) -> None:
        """The dataplane stays as it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def settled(self) -> None:
        """Until what is wanted now is written, or refused."""
        await self._settled.wait()

    async def _life(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._session()
            except (GoneError, RefusedError, OSError) as error:  # TimeoutError is an OSError
                if self.state == CONNECTED:
                    pause = _FIRST_PAUSE
                self._lost(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _lost(self, error: Exception) -> None:
        words = str(error) or f"the dp process gave no answer within {_PATIENCE:g} s"
        if words != self.state:
            log.warning("%s", words)
            self.state = words

    async def _session(self) -> None:
        """From connecting to the end of the connection, which raises.

        A second connection, on which nothing is ever said, tells that end at once. It is made first: whichever dp
        process it leads to, none can come and go unseen.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(self.path)
        except OSError as error:
            raise GoneError(f"no dp process listens at {self.path}: {error.strerror}") from error
        ended = asyncio.create_task(reader.read(1))
        ended.add_done_callback(lambda _: self._news.set())
        dp = Client(self.path)
        try:
            async with asyncio.timeout(_PATIENCE):
                await dp.connect()
                have = await dp.table()
            self._connected(have)
            await self._follow(dp, have, ended)
        finally:
            await dp.close()
            writer.close()
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)

    def _connected(self, have: api.Table) -> None:
        if self._first:
            self._first = False
            self._on_first_table(have)
        log.info("Connected to the dataplane at %s", self.path)
        self.state = CONNECTED
        self._news.set()

    async def _follow(self, dp: Client, have: api.Table, ended: asyncio.Task[bytes]) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if ended.done():
                raise GoneError("the dp process is gone")
            want = self._want
            if want is not None:
                have = await self._write(dp, have, want)
                if want is self._want:
                    self._settled.set()

    async def _write(self, dp: Client, have: api.Table, want: api.Table) -> api.Table:
        """What the dataplane has afterwards."""
        changes = diff(have, want)
        if not changes:
            self.refusals = ()
            return have
        try:
            async with asyncio.timeout(_PATIENCE):
                await dp.apply(*changes)
        except RefusedError as error:
            return await self._write_singly(dp, changes, str(error))
        self.refusals = ()
        return want

    async def _write_singly(self, dp: Client, changes: tuple[api.Change, ...], reason: str) -> api.Table:
        refusals = [reason]
        if len(changes) > 1:
            refusals = []
            for change in changes:
                try:
                    async with asyncio.timeout(_PATIENCE):
                        await dp.apply(change)
                except RefusedError as error:
                    refusals.append(str(error))
        for text in refusals:
            if text not in self.refusals:
                log.error("the dataplane refuses: %s", text)
        self.refusals = tuple(refusals)
        async with asyncio.timeout(_PATIENCE):
            return await dp.table()
