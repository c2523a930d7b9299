# SPDX-License-Identifier: Apache-2.0
"""lbd on a director of the topology: its start, what it says of itself, its processes."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lbd.fastpath import api
from lbd.fastpath.client import Client
from tests.smoke.program import LOOK, Program
from tests.smoke.topology import EXAMPLES, ROOT, Topology

BIN = ROOT / ".venv/bin"
ROLES = {"vrrp": "lbd.daemon.child vrrp", "check": "lbd.daemon.child check", "dp": "lbd.daemon.dp"}


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

    def pid(self, role: str) -> int:
        """Of the supervisor or of a role's process, by what it was started as."""
        if role == "supervisor":
            return self.program.pid
        found = [pid for pid in self.net[self.host].pids() if ROLES[role] in _command_line(pid)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} {role} processes run on {self.host}")
        return found[0]

    def kill_all(self) -> None:
        """SIGKILL to everything of lbd on this host, whole."""
        self.net[self.host].kill(signal.SIGKILL)
        self.program.process.wait(10)

    async def stop(self) -> int:
        return await self.program.end(15)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
