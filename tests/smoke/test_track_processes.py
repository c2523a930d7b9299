# SPDX-License-Identifier: Apache-2.0
"""The kernel's process connector, where there is one: in the initial network namespace."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import pytest

from lbd.track.io.processes import Processes, look

pytestmark = pytest.mark.root


async def test_what_comes_and_goes_is_told(tmp_path, monkeypatch):
    """With the connector at once; without one (a container), when /proc is next read."""
    monkeypatch.setattr("lbd.track.io.processes.POLL", 0.05)
    program = tmp_path / "lbd-connector"
    shutil.copy("/bin/sleep", program)
    named: set[int] = set()
    gone: set[int] = set()
    polled = asyncio.Event()

    def changed(pid: int) -> None:
        if (found := look(pid, False)) and found[0] == "lbd-connector":
            named.add(pid)

    events = Processes(polled.set, changed, lambda parent, pid: None, gone.add)
    events.start()
    try:
        with subprocess.Popen([program, "1000"]) as process:
            async with asyncio.timeout(10):
                while process.pid not in named and not polled.is_set():
                    await asyncio.sleep(0.01)
            process.kill()
        async with asyncio.timeout(10):
            while process.pid not in gone and not polled.is_set():
                await asyncio.sleep(0.01)
    finally:
        events.close()
