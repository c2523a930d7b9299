# SPDX-License-Identifier: Apache-2.0
"""Where a worker's time goes: its own loop through owned ports, sampled by perf, FullNAT UDP with 100,000 flows.

The extension is compiled aside once more, with line tables, by which inlined functions are told apart: the code is the
same. Draws ``results/worker.svg``; a row is a function with all that it calls, in percent of the worker's time.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import owned
from benchmarks.capture import Captures
from benchmarks.flame import drawn
from benchmarks.hugepages import reserved
from benchmarks.rounds import show
from benchmarks.run import RESULTS

FLOWS = 100_000
FREQUENCY = 4000
MEASUREMENTS = 8
SHOWN = 1.0
"""Percent: what takes less has no row."""
UNSAID = {"worker_loop", "poll_ports", "[unknown]"}
"""The loop itself is the ground; a driver of Debian's has no names inside."""
SAMPLE = re.compile(r"^\s*(\S+)\s+[0-9a-f]+ (\S+?)(?:\+0x([0-9a-f]+))? \((\S+)\)$", re.MULTILINE)

Stack = tuple[str, ...]
"""From the loop of the worker inwards."""


def compiled(directory: Path) -> Path:
    """The extension with line tables."""
    root, build = Path(__file__).resolve().parents[1], directory / "build"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command in (["meson", "setup", str(build), "-Dc_args=-g1"], ["ninja", "-C", str(build)]):
        subprocess.run(
            command, cwd=root, env=os.environ | {"PATH": path}, stdout=subprocess.DEVNULL, check=True
        )
    (made,) = (build / "lbd/fastpath").glob("_dp*.so")
    return made


def plain(symbol: str) -> str:
    """Cython's name without its module: ``__pyx_f_3lbd_8fastpath_6worker_run_burst`` is ``run_burst``."""
    if not symbol.startswith("__pyx_f_"):
        return symbol.removeprefix("lbd_")
    rest = symbol.removeprefix("__pyx_f_")
    while found := re.match(r"\d+", rest):
        rest = rest[found.end() + int(found[0]) + 1 :]
    return re.sub(r"\.\w+\.\d+$", "", rest).removesuffix(".cold")


class Names:
    """Addresses in the extension to the functions that were inlined there."""

    def __init__(self, extension: Path) -> None:
        self._extension = extension
        listed = subprocess.run(["nm", str(extension)], capture_output=True, text=True, check=True).stdout
        self._symbols = {
            n: int(a, 16) for a, _, n in re.findall(r"^([0-9a-f]+) (\w) (\S+)$", listed, re.MULTILINE)
        }

    def address(self, symbol: str, offset: str) -> int:
        return self._symbols[symbol] + int(offset or "0", 16)

    def stacks(self, addresses: list[int]) -> dict[int, Stack]:
        command = ["addr2line", "-a", "-f", "-i", "-e", str(self._extension)]
        asked = "\n".join(map(hex, addresses))
        said = subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout
        parts = re.split(r"^0x([0-9a-f]+)\n", said, flags=re.MULTILINE)[1:]
        named = zip(parts[::2], parts[1::2], strict=True)
        return {int(a, 16): tuple(plain(n) for n in reversed(lines.splitlines()[::2])) for a, lines in named}


def folded(samples: str, names: Names) -> Counter[Stack]:
    """The stacks of a worker thread's samples. What is not of the extension is a driver's."""
    found = [s for s in SAMPLE.findall(samples) if "worker" in s[0]]
    ours = {i: names.address(s[1], s[2]) for i, s in enumerate(found) if Path(s[3]).name.startswith("_dp")}
    stacks = names.stacks(sorted(set(ours.values())))
    counted: Counter[Stack] = Counter()
    for i, (_, symbol, _, file) in enumerate(found):
        stack = stacks[ours[i]] if i in ours else (Path(file).name.partition(".")[0], symbol)
        counted[("worker", *(name for name in stack if name not in UNSAID))] += 1
    return counted


def sampled(extension: Path, capture: Path, directory: Path) -> str:
    command = [sys.executable, "-m", "benchmarks.play_worker", str(extension), str(capture), str(FLOWS)]
    data = directory / "perf.data"
    with owned.Peer(command, prompt="\n", last="end") as lbd:
        perf = [
            "perf",
            "record",
            "-q",
            "-e",
            "cpu-clock",
            "-F",
            str(FREQUENCY),
            "-p",
            str(lbd.pid),
            "-o",
            str(data),
        ]
        with subprocess.Popen(perf) as program:
            time.sleep(0.3)
            for _ in range(MEASUREMENTS):
                lbd.ask("measure")
            program.send_signal(signal.SIGINT)
    shown = ["perf", "script", "-i", str(data), "-F", "comm,ip,sym,symoff,dso"]
    return subprocess.run(shown, capture_output=True, text=True, check=True).stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as name, reserved(owned.megabytes(FLOWS, huge=True)):
        directory = Path(name)
        extension = compiled(directory)
        capture = Captures(4, FLOWS, directory).file(FLOWS)
        stacks = folded(sampled(extension, capture, directory), Names(extension))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "worker.svg").write_text(drawn(stacks))
    inclusive: Counter[str] = Counter()
    for stack, times in stacks.items():
        for function in set(stack) - {"worker"}:
            inclusive[function] += times
    for function, times in inclusive.most_common():
        if (share := 100 * times / stacks.total()) >= SHOWN:
            show(f"worker/{function}", "%", [share])


if __name__ == "__main__":
    main()
