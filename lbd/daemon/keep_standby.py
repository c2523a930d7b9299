# SPDX-License-Identifier: Apache-2.0
"""Keeping a standby of the vrrp process: found or started beside it, and started again whatever becomes of it.

It takes over by itself. All that the supervisor does then is to know it for the vrrp process, and to get another one.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from lbd.daemon import codes, messages
from lbd.daemon.backoff import Backoff
from lbd.daemon.channel import Channel
from lbd.daemon.child import STANDBY
from lbd.daemon.process import Process
from lbd.model import Config

log = logging.getLogger("lbd.supervisor")

START_TIME = 30.0
SUCCEED_TIME = 3.0
ADOPT_TIME = 2.0
END_TIME = 1.0


class StandbyKeeper:
    def __init__(
        self, spawn: Callable[[socket.socket], Process], socket_path: str, config: Callable[[], Config]
    ) -> None:
        """spawn: starts one, with that end of its channel. config: what it is given."""
        self._spawn, self._path, self._config = spawn, socket_path + STANDBY, config
        self._backoff = Backoff()
        self._process: Process | None = None
        self._channel: Channel | None = None
        self._ready = False
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """In the background: nobody waits for a standby."""
        self._keeping = asyncio.create_task(self._keep(), name="keep standby")

    async def _keep(self) -> None:
        while True:
            lived = 0.0
            try:
                await self._adopt() or await self._launch()
                assert self._process is not None
                log.info("Standby of VRRP child process, pid=%d", self._process.pid)
                await self._process.wait()
                lived = self._process.lived
                log.warning("the standby of the VRRP child process ended")
            except (codes.StartError, OSError) as error:
                log.error("the standby of the VRRP child process does not start: %s", error)
            self._forget()
            await asyncio.sleep(max(1.0, self._backoff.delay(lived)))

    async def _adopt(self) -> bool:
        """One that an earlier supervisor left."""
        channel = await Channel.to(self._path)
        if channel is None:
            return False
        self._channel = channel
        answer = await self._say(messages.Adopt(), ADOPT_TIME)
        if not isinstance(answer, messages.Adopted):
            return False
        self._process, self._ready = Process(answer.pid), True
        await self.reload()
        return True

    async def _launch(self) -> bool:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = self._spawn(theirs)
        self._channel = await Channel.over(ours)
        answer = await self._say(messages.Configure(self._config()), START_TIME)
        if not isinstance(answer, messages.Ready):
            await self._process.end(END_TIME)
            raise codes.StartError(
                answer.reason if isinstance(answer, messages.Failed) else "it does not answer"
            )
        self._ready = True
        return True

    async def succeed(self) -> tuple[Process, Channel] | None:
        """It, in the place of the vrrp process that died; None where there is none, or it had nothing to go on with."""
        if not self._ready or not isinstance(
            await self._say(messages.TakeOver(), SUCCEED_TIME), messages.Ready
        ):
            return None
        assert self._process is not None
        assert self._channel is not None
        successor = self._process, self._channel
        self._process = self._channel = None
        self.cancel()
        return successor

    async def reload(self) -> None:
        if self._ready:
            await self._say(messages.Reload(self._config()), START_TIME)

    async def stop(self) -> None:
        """Before the vrrp process is stopped, so that nobody takes over then."""
        self.cancel()
        if self._process is not None:
            await self._process.end(END_TIME)
        self._forget()

    def cancel(self) -> None:
        """Watch it no more; it is left as it is."""
        self._ready = False
        if self._keeping is not None:
            self._keeping.cancel()

    def _forget(self) -> None:
        self._ready = False
        if self._channel is not None:
            self._channel.close()
        self._process = self._channel = None

    async def _say(self, message: messages.Command, seconds: float) -> messages.Answer | None:
        if self._channel is None:
            return None
        try:
            return await asyncio.wait_for(self._channel.ask(message), seconds)
        except TimeoutError:
            return None
