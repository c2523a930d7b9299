# SPDX-License-Identifier: Apache-2.0
"""A dp process alone in a namespace with one wire, and its status awaited."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from lbd.fastpath import api
from lbd.fastpath.client import Client, GoneError
from tests.smoke.namespace import Namespace

ROOT = Path(__file__).resolve().parents[2]


class Dp:
    """A dp process in a namespace with one wire, a0 (10.9.0.1/24) to b0."""

    def __init__(self) -> None:
        self.host = Namespace(f"lbdp{os.getpid()}")
        self.run_dir = tempfile.mkdtemp(prefix="lbd-dp-")
        self.process: subprocess.Popen[bytes] | None = None

    def wire(self) -> None:
        self.host.ip("link add a0 type veth peer name b0", "link set b0 up", "link set a0 up")
        self.host.ip("addr add 10.9.0.1/24 dev a0", "addr add 10.9.0.100/24 dev a0")

    def start(self, *options: str) -> None:
        """Without options it takes a0 alone."""
        options = options or ("--interface", "a0")
        command = [sys.executable, "-m", "lbd.daemon.dp", "--run-dir", self.run_dir, *options]
        self.process = subprocess.Popen(self.host.command(*command), cwd=ROOT, stderr=subprocess.DEVNULL)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)

    async def client(self) -> Client:
        client = Client(f"{self.run_dir}/dp.sock")
        async with asyncio.timeout(10):
            while True:
                try:
                    await client.connect()
                    return client
                except GoneError:
                    await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def dp_alone(*prepare: str) -> AsyncIterator[Dp]:
    """A dp process that runs; prepare: commands in the namespace before it starts."""
    dp = Dp()
    dp.host.create()
    try:
        dp.wire()
        for command in prepare:
            dp.host.run("sh", "-ec", command)
        dp.start()
        yield dp
        if dp.process is not None and dp.process.poll() is None:
            dp.end()
    finally:
        dp.host.delete()
        shutil.rmtree(dp.run_dir)


async def becomes(client: Client, true: Callable[[api.Status], bool], within: float) -> api.Status:
    async with asyncio.timeout(within):
        while not true(status := await client.status()):
            await asyncio.sleep(0.01)
    return status


def attached(status: api.Status, name: str = "a0") -> bool:
    return any(p.name == name and p.attached for p in status.ports)
