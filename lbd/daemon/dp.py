# SPDX-License-Identifier: Apache-2.0
"""The dp process: EAL, workers, tables, mirror and guard, behind one control socket.

It outlives its clients and the supervisor, and ends only when it is told to (SIGTERM, ``Stop``) or when a worker
does not beat any more. The order of the start is: addresses, guard, ports; of the end: ports, guard, addresses.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import gc
import logging
import os
import signal
import sys
import time
from typing import IO, Any

from lbd.daemon import logs
from lbd.daemon.dp_network import Network
from lbd.fastpath import api
from lbd.fastpath.configuration import Configuration
from lbd.fastpath.reasons import NAMES
from lbd.fastpath.server import Server

log = logging.getLogger("lbd.dp")

SLOTS = 262144
LADDRS = 4096
EAL_MIB = 256
MOST_WORKERS = 16
SPIN_US = 100
HEARTBEAT = 2.0
"""Seconds without a turn of a worker after which the process ends: whoever watches it starts it anew."""


class StartError(Exception):
    """The dp process cannot start; the text is one sentence with what to do."""


def eal_arguments(workers: int) -> list[str]:
    """Huge pages where enough are free, else ordinary memory; both leave nothing behind, whatever the end."""
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    lcores = ",".join(f"{n}@({cpus})" for n in range(workers + 1))
    common = ["--no-pci", "--no-telemetry", "--log-level=error", f"--lcores={lcores}"]
    with open("/proc/meminfo") as f:
        free = next((int(line.split()[1]) for line in f if line.startswith("HugePages_Free")), 0)
    if free * 2 >= EAL_MIB:
        return ["--in-memory", "-m", str(EAL_MIB), *common]
    return ["--no-huge", "--no-shconf", "-m", str(EAL_MIB), *common]


class Dp:
    """Composition root: what the parts say to each other stands here, what they do stands with them."""

    def __init__(self, options: argparse.Namespace) -> None:
        from lbd.fastpath import _dp

        self.options = options
        self.started = time.monotonic()
        self.stopping = asyncio.Event()
        _dp.eal_init(eal_arguments(options.workers))
        self.bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        wake = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(options.workers)]
        self.plane = _dp.Dataplane(
            slots=SLOTS, laddrs=LADDRS, bell=self.bell, wake=wake, workers=options.workers
        )
        self.plane.set_spin(options.spin * 1000)
        self.conf = Configuration(self.plane, slots=SLOTS, laddrs=LADDRS)
        self.network = Network(self.plane, self.conf, options)
        self.server = Server(os.path.join(options.run_dir, "dp.sock"), self.answer)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_reader(self.bell, self._rung)
        await self.network.start()
        self.plane.start()
        await self.server.start()
        log.info("the dataplane is ready")
        watch = asyncio.create_task(self._watch())
        await self.stopping.wait()
        watch.cancel()
        await self.server.close()
        self.network.close_ports()
        self.plane.stop()
        await self.network.stop(keep_guard=self.options.keep_guard)

    def _rung(self) -> None:
        os.eventfd_read(self.bell)
        for address, family, port in self.plane.events():
            self.network.asked(port, address, family)

    async def _watch(self) -> None:
        """Once a second: give back what is idle, and see that the workers live."""
        beats = [-1] * self.options.workers
        moved = [time.monotonic()] * self.options.workers
        while True:
            await asyncio.sleep(1.0)
            for worker, beat in enumerate(self.plane.heartbeats()):
                if beat != beats[worker]:
                    beats[worker], moved[worker] = beat, time.monotonic()
                elif time.monotonic() - moved[worker] > HEARTBEAT:
                    log.critical("worker %d has not moved for %.0f s: the process ends", worker, HEARTBEAT)
                    os.abort()
            self.conf.tidy()
            self.network.claims_changed()

    def answer(self, request: api.Request) -> api.Reply:
        match request:
            case api.Apply(changes):
                self.conf.apply(changes)
                self.network.configuration_changed()
                return api.Done()
            case api.GetTable():
                return self.conf.table()
            case api.GetStats():
                return self.conf.stats()
            case api.GetStatus():
                return self.status()
            case api.Stop():
                self.stopping.set()
                return api.Done()
            case _:
                return api.Refused("that is no request")

    def status(self) -> api.Status:
        counts = dict(zip(NAMES, self.plane.verdicts(), strict=True))
        rx, originated, waiting, connections, mbufs_in_use = self.plane.totals()

        def group(prefix: str) -> dict[str, int]:
            return {n.partition(".")[2]: c for n, c in counts.items() if n.startswith(prefix) and c}

        return api.Status(
            pid=os.getpid(),
            uptime=time.monotonic() - self.started,
            workers=tuple(worker_status(self.plane, i) for i in range(self.options.workers)),
            connections=connections,
            capacity=2 * self.plane.capacity,
            mbufs_in_use=mbufs_in_use - self.network.mbufs_of_ports(),
            mbufs=self.plane.mbufs(),
            rx=rx,
            tx=counts["tx"],
            originated=originated,
            waiting=waiting,
            drops=group("drop."),
            punts=group("punt."),
            passes=group("pass."),
            ports=self.network.ports_status(),
            guard=self.network.guard_status(),
            settings=self.network.settings.listing(),
            warnings=self.network.warnings(),
            marks=self.network.firewall.marks.steps,
        )


def worker_status(plane: Any, i: int) -> api.WorkerStatus:
    turns, busy, rx, handed, taken, connections = plane.worker(i)
    return api.WorkerStatus(
        turns=turns, busy=busy, rx=rx, handed=handed, taken=taken, connections=connections
    )


def number_of_workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"there can be 1 to {MOST_WORKERS} workers")
    return int(text)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lbd.daemon.dp", description="The dataplane process of lbd."
    )
    parser.add_argument("--run-dir", required=True, help="where dp.sock is made")
    parser.add_argument(
        "--guard-fd", type=int, help="the guard's holder, inherited; without it one is started"
    )
    parser.add_argument("--interface", action="append", default=[], help="take only these as shared ports")
    parser.add_argument("--exclude-interface", action="append", default=[], help="never take these")
    parser.add_argument("--workers", type=number_of_workers, default=1, help="threads that forward packets")
    parser.add_argument(
        "--spin", type=int, default=SPIN_US, help="microseconds without a packet before sleep"
    )
    parser.add_argument("--keep-guard", action="store_true", help="leave the guard standing at the end")
    return parser.parse_args(argv)


def lock(run_dir: str) -> IO[str]:
    """One dp process a directory. Raises StartError."""
    try:
        os.makedirs(run_dir, mode=0o700, exist_ok=True)
        held = open(os.path.join(run_dir, "dp.lock"), "w")  # noqa: SIM115  held for the life of the process
    except OSError as error:
        raise StartError(f"{run_dir} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError(f"another lbd uses {run_dir}: stop it, or give this one its own --run-dir") from None
    socket = os.path.join(run_dir, "dp.sock")
    if os.path.exists(socket):
        os.unlink(socket)  # of a process that was killed: the lock is ours
    return held


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    with open("/proc/self/comm", "w") as name:
        name.write("lbd_dp")
    logs.from_environment(logs.IDENTS["dp"])
    try:
        held = lock(options.run_dir)
        if os.geteuid() != 0:
            raise StartError("the dataplane needs root: it opens packet sockets and changes nftables")
        try:
            dp = Dp(options)
        except ImportError:
            raise StartError(
                "this lbd was built without the fastpath: install libdpdk-dev and build it again"
            ) from None
        gc.collect()
        gc.freeze()
        asyncio.run(dp.run())
        held.close()
    except Exception as error:
        # what we raise ourselves is a sentence for the operator; anything else is a fault of ours and shown whole
        if not type(error).__module__.startswith(("lbd.", "__main__")):
            raise
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
