# SPDX-License-Identifier: Apache-2.0
"""A program that runs in a namespace, and its log, which is waited on and read line by line."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.smoke.namespace import Namespace

LOOK = 0.01
"""Seconds between two looks at a log: programs write to a file, so that they live on when whoever looks is gone."""


async def becomes(true: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
    """For what the kernel shows and nobody tells of. TimeoutError with those words after the time."""
    until = time.monotonic() + timeout
    while not true():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        await asyncio.sleep(LOOK)


class Program:
    """Started by the constructor; ``says`` waits for a line, ``end`` for its end."""

    def __init__(self, host: Namespace, name: str, log: Path, *command: str, cwd: Path | None = None) -> None:
        self.host, self.name, self.log = host, name, log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                host.command(*command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def mark(self) -> int:
        """A place in the log: ``says`` looks at what stands behind it."""
        return self.log.stat().st_size

    def text(self, since: int = 0) -> str:
        return self.log.read_bytes()[since:].decode(errors="replace")

    async def says(self, pattern: str, timeout: float = 10.0, since: int = 0) -> re.Match[str]:
        """The first place in the log that matches. TimeoutError, or RuntimeError when the program has ended."""
        until = time.monotonic() + timeout
        while True:
            ended = self.process.poll() is not None
            if found := re.search(pattern, self.text(since), re.MULTILINE):
                return found
            if ended:
                raise RuntimeError(
                    f"{self.name} ended with {self.process.returncode} and never said {pattern!r}"
                )
            if time.monotonic() > until:
                raise TimeoutError(f"{self.name} did not say {pattern!r} within {timeout:g} s")
            await asyncio.sleep(LOOK)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def end(self, timeout: float = 10.0, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code. SIGKILL and TimeoutError where it does not."""
        if self.process.poll() is None:
            self.send(number)
        return await self.ended(timeout)

    async def ended(self, timeout: float = 10.0) -> int:
        until = time.monotonic() + timeout
        while (code := self.process.poll()) is None:
            if time.monotonic() > until:
                self.process.kill()
                self.process.wait()
                raise TimeoutError(f"{self.name} did not end within {timeout:g} s")
            await asyncio.sleep(LOOK)
        return code
