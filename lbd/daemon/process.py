# SPDX-License-Identifier: Apache-2.0
"""A process that is watched by its pidfd: one that was started here, or one that was found running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import lbd

_started: set[int] = set()
"""Children that a Process waits for: nobody else may take their exit codes."""


class Process:
    """``ended`` becomes the exit code, negative for a signal; None for a found process, whose code is not ours."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None = None) -> None:
        """Raises ProcessLookupError if there is none. Needs a running event loop."""
        self.pid, self._child = pid, child
        self._fd = os.pidfd_open(pid)
        if child is not None:
            _started.add(pid)
        self.since = time.monotonic()
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._fd, self._on_end)

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        code = self._child.wait() if self._child else None  # it ended: this does not wait
        _started.discard(self.pid)
        os.close(self._fd)
        self._fd = -1
        if not self.ended.done():
            self.ended.set_result(code)

    @property
    def lived(self) -> float:
        return time.monotonic() - self.since

    def send(self, number: signal.Signals) -> None:
        """By pidfd, so never to a stranger that got the same number."""
        if self._fd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)

    async def wait(self, seconds: float | None = None) -> bool:
        """True when it ended within that time."""
        await asyncio.wait([self.ended], timeout=seconds)
        return self.ended.done()

    async def communicate(self) -> tuple[bytes, bytes]:
        """What a child started with two pipes writes to them, and its end. Reads in threads: pipes need not be ours."""
        if self._child is None or self._child.stdout is None or self._child.stderr is None:
            raise RuntimeError("started without pipes")
        read = asyncio.to_thread
        output, errors = await asyncio.gather(read(self._child.stdout.read), read(self._child.stderr.read))
        self._child.stdout.close()
        self._child.stderr.close()
        await self.wait()
        return output, errors

    async def end(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL where that was not enough within the time."""
        self.send(signal.SIGTERM)
        if not await self.wait(seconds):
            self.send(signal.SIGKILL)
            await self.wait()


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours, in this very interpreter, whatever the working directory holds."""
    return [sys.executable, "-P", "-m", module, *arguments]


def spawn(
    command: Sequence[str],
    *,
    keep: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> Process:
    """Start it, in a session of its own (a Ctrl-C on the terminal is for the supervisor alone to act on)."""
    paths = [str(Path(lbd.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        pass_fds=tuple(keep),
        env={**os.environ, **(environment or {}), "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )
    return Process(child.pid, child)


def set_name(name: str) -> None:
    """Of this process; the kernel keeps 15 characters (proc(5), /proc/pid/comm)."""
    with open("/proc/self/comm", "w", encoding="utf-8") as file:
        file.write(name)


def hear_no_more() -> None:
    """For the end of a process: a signal that arrives while the event loop closes is answered with a traceback."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})


def reap_orphans() -> None:
    """As PID 1, take the exit codes of processes that were left to us; those that we started are waited for."""
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
            left = {int(word) for word in file.read().split()} - _started
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
