# SPDX-License-Identifier: Apache-2.0
"""Two programs on the very same vdevs, each with one worker on one core: lbd as its dp process runs it, and testpmd.

Frames come from net_pcap, which plays a file without end, and leave by net_null. A program stands idle until it is
asked for a measurement, so that several can take turns. Run as a program, this is lbd's side.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.hugepages import eal_memory, free

if TYPE_CHECKING:
    from lbd.fastpath import _dp

SETTLE, WINDOW = 0.05, 0.25
"""Seconds before the count begins, and of the count."""
BURST, RING = 32, 1024
MBUF, MBUF_SMALL_PAGES = 2600, 4400
"""Bytes of memory for one, about; without huge pages DPDK puts one into a page."""
IN, OUT = "net_pcap0", "net_null0"
SPARE_MBUFS = 8191
PROMPT = "testpmd> "


def vdevs(capture: Path) -> tuple[str, str]:
    return f"rx_pcap={capture},infinite_rx=1", "no-rx=1"


def megabytes(flows: int, huge: bool = False) -> int:
    """Of memory for DPDK: net_pcap keeps a buffer for each frame of the file. huge: as if there were huge pages."""
    of_huge, of_small = (64 + (flows + SPARE_MBUFS) * size // (1 << 20) for size in (MBUF, MBUF_SMALL_PAGES))
    return of_huge if huge or free() >= of_huge else of_small


class Cpu:
    """The time that the worker thread of a process spends on its core: packets are counted against it, so that a
    core that others use, too, makes nothing look slower than it is."""

    def __init__(self, pid: int) -> None:
        tasks = Path(f"/proc/{pid}/task")
        workers = [task for task in tasks.iterdir() if "worker" in (task / "comm").read_text()]
        if len(workers) != 1:
            raise RuntimeError(f"process {pid} has {len(workers)} worker threads, not one")
        self._file = workers[0] / "schedstat"

    def seconds(self) -> float:
        return int(self._file.read_text().split()[0]) / 1e9


def rate(sent: Callable[[], int], cpu: Cpu) -> float:
    """Million packets a second of the worker, over WINDOW."""
    time.sleep(SETTLE)
    first, began = sent(), cpu.seconds()
    time.sleep(WINDOW)
    last, ended = sent(), cpu.seconds()
    return (last - first) / (ended - began) / 1e6


class Peer:
    """A program that answers lines: what it says up to a prompt is the answer. ``with Peer(…)``."""

    def __init__(self, command: list[str], prompt: str, last: str) -> None:
        self._prompt, self._last = prompt, last
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            self._answer()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        """Raises RuntimeError with what it said where it ends instead."""
        assert self._process.stdout is not None
        said = ""
        while not said.endswith(self._prompt):
            char = self._process.stdout.read(1)
            if not char:
                raise RuntimeError(f"{self._process.args!r} ended: {said}")
            said += char
        return said

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *trace: object) -> None:
        """Raises RuntimeError where it does not end well."""
        if kind is not None:
            self.kill()
            return
        rest = self._process.communicate(self._last + "\n", timeout=60)[0]
        if self._process.returncode:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.returncode}: {rest}")


def pmd_command(memory: int, vdevs: list[str], *options: str, pinned: bool = False) -> list[str]:
    """The command that asks for its commands, with one worker: on any processor that we may use, or on the last one."""
    cpus = sorted(os.sched_getaffinity(0))
    all_ = ",".join(map(str, cpus))
    worker = f"{cpus[-1]}" if pinned else f"({all_})"
    eal = [
        *eal_memory(memory),
        "--no-pci",
        "--no-telemetry",
        "--log-level=error",
        f"--lcores=0@({all_}),1@{worker}",
    ]
    devices = [f"--vdev={vdev}" for vdev in vdevs]
    return ["stdbuf", "-oL", "dpdk-testpmd", *eal, *devices, "--", "-i", "--nb-cores=1", *options]


class DpdkTestpmd(Peer):
    """dpdk-testpmd between the two devices; ``mode`` may change from one measurement to the next."""

    def __init__(self, capture: Path, flows: int) -> None:
        devices = [f"{name},{options}" for name, options in zip((IN, OUT), vdevs(capture), strict=True)]
        sizes = (
            f"--burst={BURST}",
            f"--rxd={RING}",
            f"--txd={RING}",
            f"--total-num-mbufs={flows + SPARE_MBUFS}",
        )
        command = pmd_command(megabytes(flows), devices, "--no-flush-rx", *sizes, pinned=True)
        super().__init__(command, prompt=PROMPT, last="quit")
        self._cpu = Cpu(self.pid)

    def measure(self, mode: str) -> float:
        """Million packets per second."""
        self.ask(f"set fwd {mode}")
        self.ask("start")
        measured = rate(self._sent, self._cpu)
        self.ask("stop")
        return measured

    def _sent(self) -> int:
        found = re.search(r"TX-packets: (\d+)", self.ask("show port stats 1"))
        if found is None:
            raise RuntimeError("testpmd counts no packets")
        return int(found[1])


class Lbd(Peer):
    """lbd between the two devices, all flows connected before the first measurement."""

    def __init__(self, capture: Path, flows: int, method: str, family: int) -> None:
        command = [sys.executable, "-m", "benchmarks.owned", str(capture), str(flows), method, str(family)]
        super().__init__(command, prompt="\n", last="end")

    def measure(self) -> float:
        return float(self.ask("measure"))


def serve(capture: Path, flows: int, method: str, family: int) -> None:
    """lbd's side: a line "measure" is answered with million packets per second, "end" ends."""
    from benchmarks.frames import OURS, frame
    from benchmarks.plane import POOL_PORTS, Plane, services, start_eal

    start_eal(megabytes(flows), worker=True)
    plane = Plane(
        capacity=max(flows + BURST, 4095), laddrs=2 + flows // POOL_PORTS, mbufs=flows + SPARE_MBUFS
    )
    plane.sink()
    plane.serve(services(method, family, "udp", flows=flows))
    # in another order than the file's: else the connections would lie in memory as they are asked for
    order = list(range(-(-flows // BURST) * BURST))
    random.Random(flows).shuffle(order)
    plane.dp.replay(frame(family, "udp"), array("I", order), False)
    options = vdevs(capture)
    plane.dp.add_ethdev_port(1, IN, options[0], 1500)
    mac = plane.dp.add_ethdev_port(2, OUT, options[1], 1500)
    plane.dp.detach_port(0)
    plane.ways({1: OURS, 2: mac}, out=2)
    plane.dp.set_port(1, [OURS], 1500)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        print(run(plane.dp), flush=True)
    plane.all_sent()


def run(dp: _dp.Dataplane) -> float:
    """Million packets per second of the worker, started and stopped for it."""
    dp.start()
    measured = rate(lambda: dp.port_counts(2)[2], Cpu(os.getpid()))
    dp.stop()
    return measured


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
