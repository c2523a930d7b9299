# SPDX-License-Identifier: Apache-2.0
"""lbd on a director of the topology: its start, what it says of itself, its processes."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lbd.cli.status import Overview, ask_all
from lbd.fastpath import api
from lbd.fastpath.client import Client, GoneError
from tests.smoke.program import LOOK, Program
from tests.smoke.topology import EXAMPLES, ROOT, Topology

BIN = ROOT / ".venv/bin"


class Director:
    """Each has its own run directory and PID files, as two machines have."""

    def __init__(self, net: Topology, host: str) -> None:
        self.net, self.host = net, host
        self.run_dir = net.directory / f"run-{host}"
        self.program: Program

    def start(self, config: Path | None = None, *options: str) -> Program:
        """With the example of this mode and host, or another file."""
        config = config or EXAMPLES / f"{self.net.mode}-{self.host}.conf"
        pids = [f"--pid={self.run_dir}.pid", f"--vrrp_pid={self.run_dir}-vrrp.pid"]
        pids.append(f"--checkers_pid={self.run_dir}-check.pid")
        self.program = self.net.start(
            f"lbd-{self.host}", self.host, str(BIN / "lbd"), "-n", "-l", "-f", str(config),
            "--run-dir", str(self.run_dir), *pids, *options,
        )  # fmt: skip
        return self.program

    async def status(self) -> dict[str, Any]:
        """``lbctl status -o json``."""
        command = [str(BIN / "lbctl"), "--run-dir", str(self.run_dir), "status", "-o", "json"]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, error = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"lbctl ended with {process.returncode}: {error.decode()}")
        answer: dict[str, Any] = json.loads(out)
        return answer

    def dp(self) -> Client:
        """``async with director.dp() as dp``: the control socket of the dataplane."""
        return Client(str(self.run_dir / "dp.sock"))

    async def dp_status(self) -> api.Status:
        async with self.dp() as dp:
            return await dp.status()

    async def dp_becomes(self, wanted: Callable[[api.Status], bool], timeout: float = 10.0) -> api.Status:
        """The dataplane's first status for which that is true. AssertionError after the time."""
        until = asyncio.get_running_loop().time() + timeout
        async with self.dp() as dp:
            while not wanted(status := await dp.status()):
                assert asyncio.get_running_loop().time() < until, f"still after {timeout:g} s: {status}"
                await asyncio.sleep(5 * LOOK)
        return status

    async def overview(self) -> Overview:
        """The same as ``lbctl status`` shows, as a value and without another process."""
        return await ask_all(str(self.run_dir))

    async def shows(self, wanted: Callable[[Overview], bool], timeout: float = 10.0) -> Overview:
        """The first overview for which that is true. TimeoutError after the time."""
        async with asyncio.timeout(timeout):
            while not wanted(overview := await self.overview()):
                await asyncio.sleep(2 * LOOK)
        return overview

    async def serving(self, address: str, port: int) -> set[str]:
        """The real servers that the dataplane gives new connections of this service now; none while it is not there."""
        try:
            async with self.dp() as dp:
                stats = await dp.stats()
        except GoneError:
            return set()
        services = [s for s in stats.services if s.key.address == address and s.key.port == port]
        return {real.address for service in services for real in service.reals if real.weight > 0}

    async def serves(self, wanted: set[str], address: str, port: int, timeout: float = 30.0) -> float:
        """Wait until exactly these serve; the seconds that took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (now := await self.serving(address, port)) != wanted:
            if self.program.process.poll() is not None:
                raise RuntimeError(f"lbd on {self.host} ended: {self.program.text()[-300:]}")
            if loop.time() > began + timeout:
                raise TimeoutError(
                    f"{self.host} balances to {sorted(now)}, not {sorted(wanted)}, after {timeout:g} s"
                )
            await asyncio.sleep(2 * LOOK)
        return loop.time() - began

    def kill_all(self) -> None:
        """SIGKILL to everything of lbd on this host, whole."""
        self.net[self.host].kill(signal.SIGKILL)
        self.program.process.wait(10)

    async def stop(self) -> int:
        return await self.program.end(15)
