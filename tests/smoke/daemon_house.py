# SPDX-License-Identifier: Apache-2.0
"""One lbd around actors (daemon_stage.py): its files, its processes, and what the actors wrote down."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STAGE = Path(__file__).with_name("daemon_stage.py")
ROOT = STAGE.parents[2]

VRRP: dict[str, Any] = {"vrrp_instances": [{"name": "VI_1", "interface": "lo", "virtual_router_id": 1}]}
SERVERS: dict[str, Any] = {
    "virtual_servers": [
        {"name": "[10.0.0.1]:tcp:80", "addresses": [{"address": "10.0.0.1", "port": 80, "protocol": "TCP"}]}
    ]
}


class Stage:
    """One lbd on its own files; everything it started is gone afterwards."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "conf.json"
        self.run_dir = directory / "run"
        self.log = directory / "log"
        self.started: list[subprocess.Popen[bytes]] = []

    def write(self, router_id: str = "one", **config: Any) -> None:
        self.file.write_text(json.dumps({"global_defs": {"router_id": router_id}, **config}))

    def command(self, *words: str) -> list[str]:
        pids = [f"{option}{self.directory}/{option[1]}.pid" for option in ("-p", "-r", "-c", "-b")]
        places = ["-f", str(self.file), "--run-dir", str(self.run_dir), *pids]
        return [sys.executable, str(STAGE), "lbd", "-l", *places, *words]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "STAGE": str(self.directory), "PYTHONPATH": str(ROOT)}

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command("-n", *words), env=self.environment, stdout=log, stderr=log
            )
        self.started.append(process)
        return process

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*words)
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )

    def events(self, role: str) -> list[str]:
        path = self.directory / f"{role}.events"
        return path.read_text().splitlines() if path.exists() else []

    def pid(self, option: str) -> int:
        return int((self.directory / f"{option}.pid").read_text())

    def dp_pid(self) -> int:
        return int(self.status()["pids"]["dp"])

    def status(self) -> dict[str, Any]:
        answer = self.lbctl("status", "-o", "json")
        result: dict[str, Any] = json.loads(answer.stdout)
        return result

    def lbctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lbd.cli.lbctl", "--run-dir", str(self.run_dir), *words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )

    def processes(self) -> list[int]:
        """All processes whose command line names this stage's directory."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(self.directory).encode() in entry.read_bytes():
                    found.append(int(entry.parent.name))
            except OSError:
                continue
        return found

    def clean(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.wait()


@contextlib.contextmanager
def on_stage(directory: Path) -> Iterator[Stage]:
    result = Stage(directory)
    try:
        yield result
    finally:
        result.clean()


async def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    """Files and exits have no event to await."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """A zombie is not alive, whoever has yet to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
