# SPDX-License-Identifier: Apache-2.0
"""The keeper of the dataplane's process, and of the guard's holder, which outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib.util
import itertools
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

SYS_PIDFD_GETFD = 438
"""The same on every architecture."""
READY_TIME = 30.0
"""Seconds: EAL without hugepages touches all of its memory first."""


class Holder(Protocol):
    """The process that holds the guard's table: it ends when the last copy of the descriptor is closed."""

    @property
    def fd(self) -> int: ...
    @property
    def pid(self) -> int: ...


def inherited_guard(pid: int) -> int | None:
    """Our copy of the descriptor that an adopted dp process was started with, so that the guard outlives it again."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = file.read().decode(errors="replace").split("\0")
    number = next((int(value) for name, value in itertools.pairwise(words) if name == "--guard-fd"), None)
    if number is None:
        return None
    try:
        fd = copy_descriptor(pid, number)
    except OSError as error:
        log.warning(
            "the guard of the adopted dataplane cannot be shared (%s): it would go with it", error.strerror
        )
        return None
    os.set_inheritable(fd, True)
    return fd


def copy_descriptor(pid: int, number: int) -> int:
    """pidfd_getfd(2), for which Python has no name. Raises OSError."""
    pidfd = os.pidfd_open(pid)
    try:
        fd: int = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, pidfd, number, 0)
        if fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return fd
    finally:
        os.close(pidfd)


def _ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True  # reaped by us as PID 1


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
        make_guard: Callable[[], Holder] | None,
        command: list[str],
    ) -> None:
        super().__init__(options.respawn, on_permanent)
        self._options, self._make_guard, self._command = options, make_guard, command
        self._guard_fd: int | None = None
        self._holder: int | None = None
        """Its number where we started it."""
        self._words: int | None = None
        """A memory file that takes what the process prints, when the console does not."""

    async def adopt(self) -> Process | None:
        client = Client(self._options.paths.socket("dp"))
        try:
            await asyncio.wait_for(client.connect(), 2.0)
            pid = (await asyncio.wait_for(client.status(), 2.0)).pid
            process = Process(pid)
            self._guard_fd = inherited_guard(pid)
            return process
        except GoneError:
            return None
        except (TimeoutError, RefusedError, ProcessLookupError) as error:
            raise codes.StartError(
                f"a dataplane process of an earlier lbd is there but does not answer ({error or 'in time'}); end it"
            ) from error
        finally:
            await client.close()

    def spawn(self, again: bool) -> Process:
        self._hold_guard()
        arguments = ["--run-dir", self._options.paths.run_dir]
        arguments += ["--workers", str(self._options.workers), "--spin", str(self._options.spin)]
        for name in self._options.interfaces:
            arguments += ["--interface", name]
        for name in self._options.exclude_interfaces:
            arguments += ["--exclude-interface", name]
        keep = [] if self._guard_fd is None else [self._guard_fd]
        for fd in keep:
            arguments += ["--guard-fd", str(fd)]
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

    def _hold_guard(self) -> None:
        """The same guard for every dp process, unless its holder ended."""
        if self._holder is not None and _ended(self._holder):
            self._let_guard_go()
        if self._guard_fd is None and self._make_guard is not None:
            holder = self._make_guard()
            self._guard_fd, self._holder = holder.fd, holder.pid

    def _let_guard_go(self) -> None:
        if self._guard_fd is not None:
            os.close(self._guard_fd)
        self._guard_fd = self._holder = None

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
        self._let_guard_go()
