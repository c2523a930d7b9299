# SPDX-License-Identifier: Apache-2.0
"""Keeping one child process running: adopt or start it, watch it, start it again with back-off, stop it.

What is different between a role (configured by message) and the dataplane (configured by its own clients) is in
``keep_role`` and ``keep_dp``. The supervisor decides which of them run, and in what order.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection

from lbd.daemon import codes
from lbd.daemon.backoff import Backoff
from lbd.daemon.process import Process

log = logging.getLogger("lbd.supervisor")

STOP_TIME = 1.5
"""Seconds a child has for an orderly stop before it is killed; all of lbd stops within about 2."""


class Keeper(ABC):
    """One child. ``start`` raises codes.StartError; afterwards ``on_permanent(code)`` is called at most once."""

    title: str
    """As keepalived calls it in its log: ``VRRP``, ``Healthcheck``."""
    permanent: Collection[int] = frozenset(codes.PERMANENT)
    """Exit codes after which it is not started again: all of lbd stops, as keepalived does."""

    def __init__(self, respawn: bool, on_permanent: Callable[[int], None]) -> None:
        self.process: Process | None = None
        self._respawn, self._on_permanent = respawn, on_permanent
        self._backoff = Backoff()
        self._stopping = False
        self._watching: asyncio.Task[None] | None = None

    @abstractmethod
    async def adopt(self) -> Process | None:
        """The process, if an earlier supervisor left one that answers."""

    @abstractmethod
    def spawn(self, again: bool) -> Process:
        """Start the process; again says that a predecessor died and may have left things in place."""

    @abstractmethod
    async def begin(self, process: Process) -> None:
        """Bring a started process to work. Raises codes.StartError when it cannot, or died of it."""

    @abstractmethod
    async def ask_to_stop(self, release: bool) -> None:
        """Say that it shall end; what is said may be lost, signals follow."""

    async def start(self) -> None:
        self.process = await self.adopt()
        if self.process is not None:
            log.info("Adopted %s child process, pid=%d", self.title, self.process.pid)
        else:
            await self._launch(again=False)
        self._watching = asyncio.create_task(self._keep(), name=f"keep {self.title}")

    async def _launch(self, again: bool) -> None:
        self.process = self.spawn(again)
        log.info("Starting %s child process, pid=%d", self.title, self.process.pid)
        try:
            await self.begin(self.process)
        except codes.StartError:
            if not await self.process.wait(STOP_TIME):  # it ends by itself where it said why
                await self.process.end(STOP_TIME)
            raise

    async def _keep(self) -> None:
        while self.process is not None:
            await self.process.wait()
            if self._stopping:
                return
            code = self.process.ended.result()
            log.warning("%s child process, pid %d %s", self.title, self.process.pid, _how(code))
            if not self._respawn or code in self.permanent:
                log.error("%s child process is not started again: all of lbd stops", self.title)
                self._on_permanent(code if code and code > 0 else codes.FATAL)
                return
            if not await self.succeed():
                await self._again()

    async def succeed(self) -> bool:
        """True where another process has taken the place of the one that died; it is ``process`` then."""
        return False

    async def _again(self) -> None:
        """Start it until it starts; a start that fails is a death like another."""
        lived = self.process.lived if self.process else 0.0
        while not self._stopping:
            delay = self._backoff.delay(lived)
            if delay:
                log.info("%s child process is started again in %g s", self.title, delay)
            await asyncio.sleep(delay)
            try:
                await self._launch(again=True)
                return
            except (codes.StartError, OSError) as error:
                log.error("%s child process does not start: %s", self.title, error)
                lived = 0.0

    async def stop(self, release: bool = True) -> None:
        """Orderly, then by signal. Returns when the process is gone."""
        self._stopping = True
        if self._watching is not None and self._watching is not asyncio.current_task():
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if self.process is None or self.process.ended.done():
            return
        try:
            await asyncio.wait_for(self.ask_to_stop(release), STOP_TIME)
        except TimeoutError:
            log.warning("%s child process does not answer", self.title)
        if not await self.process.wait(STOP_TIME):
            log.warning("%s process failed to die - forcing termination", self.title)
            self.process.send(signal.SIGKILL)
            await self.process.wait()

    def forget(self) -> None:
        """Leave it running and watch it no more."""
        self._stopping = True
        if self._watching is not None:
            self._watching.cancel()


def _how(code: int | None) -> str:
    if code is None:
        return "ended"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "real-time signal"
        return f"exited due to signal {-code} ({name})"
    return f"exited with status {code}" + (f" ({codes.PERMANENT[code]})" if code in codes.PERMANENT else "")
