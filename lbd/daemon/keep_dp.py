# SPDX-License-Identifier: Apache-2.0
"""The keeper of the dataplane's process, and of the guard's holder, which outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import signal
from collections.abc import Callable
from typing import Protocol

from lbd.daemon import codes, logs
from lbd.daemon.keeper import Keeper
from lbd.daemon.options import Options
from lbd.daemon.process import Process, spawn
from lbd.fastpath.client import Client, GoneError, RefusedError

log = logging.getLogger("lbd.supervisor")

READY_TIME = 30.0
"""Seconds: EAL without hugepages touches all of its memory first."""


class Guard(Protocol):
    """The holder of the guard's socket: a process that nothing but the last closed descriptor ends."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


def require_fastpath() -> None:
    """Raises codes.StartError where lbd was built without its dataplane."""
    if importlib.util.find_spec("lbd.fastpath._dp") is None:
        raise codes.StartError(
            "the configuration has virtual_server blocks, and this lbd was built without its dataplane: install "
            "libdpdk-dev and build it again, or run with -P for VRRP alone"
        )


class DpKeeper(Keeper):
    title = "Dataplane"
    permanent = ()  # it can do nothing wrong by configuration: what it once could, it can again

    def __init__(
        self,
        options: Options,
        on_permanent: Callable[[int], None],
        make_guard: Callable[[], Guard] | None,
        command: list[str],
    ) -> None:
        super().__init__(options.respawn, on_permanent)
        self._options, self._make_guard, self._command = options, make_guard, command
        self._guard: Guard | None = None
        self._words: int | None = None
        """A memory file that takes what the process prints, when the console does not."""

    async def adopt(self) -> Process | None:
        client = Client(self._options.paths.socket("dp"))
        try:
            await asyncio.wait_for(client.connect(), 2.0)
            return Process((await asyncio.wait_for(client.status(), 2.0)).pid)
        except GoneError:
            return None
        except (TimeoutError, RefusedError, ProcessLookupError) as error:
            raise codes.StartError(
                f"a dataplane process of an earlier lbd is there but does not answer ({error or 'in time'}); end it"
            ) from error
        finally:
            await client.close()

    def spawn(self, again: bool) -> Process:
        if self._guard is None and self._make_guard is not None:
            self._guard = self._make_guard()
        arguments = ["--run-dir", self._options.paths.run_dir]
        for name in self._options.interfaces:
            arguments += ["--interface", name]
        for name in self._options.exclude_interfaces:
            arguments += ["--exclude-interface", name]
        keep = []
        if self._guard is not None:
            keep.append(self._guard.fileno())
            arguments += ["--guard-fd", str(self._guard.fileno())]
        self._forget_words()
        self._words = None if self._options.log.console else os.memfd_create("lbd_dp stderr")
        return spawn(
            self._command + arguments,
            keep=keep,
            environment=logs.to_environment(self._options.log),
            stdout=self._words,
            stderr=self._words,
        )

    async def begin(self, process: Process) -> None:
        """Wait until it answers."""
        loop = asyncio.get_running_loop()
        until = loop.time() + READY_TIME
        while loop.time() < until:
            if await process.wait(0.02):
                raise codes.StartError(self._last_words(), max(process.ended.result() or 0, codes.FATAL))
            client = Client(self._options.paths.socket("dp"))
            with contextlib.suppress(GoneError, TimeoutError):
                await asyncio.wait_for(client.connect(), 2.0)
                await client.close()
                return
        raise codes.StartError(f"the dataplane process did not answer within {READY_TIME:g} s")

    def _last_words(self) -> str:
        if self._words is None:
            return "the dataplane process ended while starting"
        text = os.pread(self._words, 65536, max(0, os.fstat(self._words).st_size - 65536)).decode(
            errors="replace"
        )
        lines = text.strip().splitlines()
        return lines[-1] if lines else "the dataplane process ended while starting"

    def _forget_words(self) -> None:
        if self._words is not None:
            os.close(self._words)
            self._words = None

    async def ask_to_stop(self, release: bool) -> None:
        if self.process is not None:
            self.process.send(signal.SIGTERM)

    async def stop(self, release: bool = True) -> None:
        """The process first, the guard last."""
        await super().stop(release)
        if self._guard is not None:
            self._guard.close()
            self._guard = None
