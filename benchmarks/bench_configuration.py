# SPDX-License-Identifier: Apache-2.0
"""A configuration of 1,000 virtual servers of 10 checked real servers: seconds and memory, keepalived -t beside.

Both are run as commands, so that starting is counted; the same file once more in a process that has read it before,
and with one line changed, is what a reload costs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.rounds import show, take_turns

ROUNDS = 5
SERVICES = 1000
NAME = "configuration/{} services of 10 servers/{}"

Used = tuple[float, float]
"""Seconds and MiB."""


def text(services: int) -> str:
    """About 76 lines a service."""
    return "global_defs {\n    router_id lb\n}\n" + "".join(map(_service, range(services)))


def _service(n: int) -> str:
    high, low = divmod(n, 250)
    servers = "".join(
        f"    real_server 10.{100 + high}.{low}.{server + 1} 80 {{\n        weight {server + 1}\n        TCP_CHECK {{\n"
        "            connect_timeout 3\n            retry 2\n        }\n    }\n"
        for server in range(10)
    )
    settings = "    lb_algo wrr\n    lb_kind NAT\n    protocol TCP\n    delay_loop 10\n"
    return f"virtual_server 10.{high}.{low}.1 80 {{\n{settings}{servers}}}\n"


def run(command: list[str]) -> Used:
    """Raises SystemExit where it does not end with 0."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


def as_command(services: int, directory: Path) -> None:
    file = directory / f"{services}.conf"
    file.write_text(text(services))
    ours = [sys.executable, "-m", "lbd.cli.lbd", "-t", "-f", str(file)]
    theirs = shutil.which("keepalived") if os.geteuid() == 0 else None
    used: dict[str, list[Used]] = {"lbd": [], "keepalived": []}

    def measure(who: str, command: list[str]) -> float:
        used[who].append(run(command))
        return 0.0

    if theirs is None:
        take_turns(ROUNDS, lambda: measure("lbd", ours))
    else:
        command = [theirs, "-t", "-f", str(file)]
        take_turns(ROUNDS, lambda: measure("lbd", ours), lambda: measure("keepalived", command))
    for at, (what, unit) in enumerate((("lbd -t", "s"), ("lbd -t, peak memory", "MiB"))):
        values, baselines = ([one[at] for one in used[who]] for who in ("lbd", "keepalived"))
        show(NAME.format(services, what), unit, values, baselines)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        for services in (SERVICES // 10, SERVICES):
            as_command(services, Path(directory))


if __name__ == "__main__":
    main()
