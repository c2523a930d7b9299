# SPDX-License-Identifier: Apache-2.0
"""From a check's result to the dataplane that has it: 1,000 services of 10 servers, beside 100 of them.

Each round, a server of another service fails and recovers; a process of its own is the dataplane. Measured is from the
result until the answer that the change is applied: servers, quorum, table, difference, socket, and the other process.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks.frames import plus
from benchmarks.plane import Plane, start_eal
from benchmarks.rounds import show
from lbd.control.desired import Desired
from lbd.control.health import Health
from lbd.control.quorum import Quorums
from lbd.control.reconcile import Reconciler
from lbd.fastpath import api
from lbd.fastpath.server import Server
from lbd.healthcheck.servers import Change, Servers
from lbd.model import Config, Protocol, RealServer, ServiceAddress, TcpCheck, VirtualServer
from lbd.model.check import TrackedCheck

SIZES = {"1k": 1000, "100": 100}
REALS = 10
ROUNDS = 200
SLOTS = 16_384


def configuration(services: int) -> Config:
    def real(number: int) -> RealServer:
        address = plus("10.128.0.0", number)
        return RealServer(address=address, port=80, checks=(TcpCheck(connect_ip=address, connect_port=80),))

    return Config(
        virtual_servers=tuple(
            VirtualServer(
                name=f"[{vip}]:tcp:80",
                addresses=(ServiceAddress(protocol=Protocol.TCP, address=vip, port=80),),
                real_servers=tuple(real(n * REALS + i) for i in range(REALS)),
            )
            for n, vip in enumerate(plus("10.9.0.0", n) for n in range(services))
        )
    )


def serve(path: str, ready: Event) -> None:
    """A dataplane without ports, until it is ended."""
    start_eal(64)
    plane = Plane(slots=SLOTS)

    def answer(request: api.Request) -> api.Reply:
        if isinstance(request, api.Apply):
            plane.conf.apply(request.changes)
            return api.Done()
        return plane.conf.table()

    async def run() -> None:
        server = Server(path, answer)
        await server.start()
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def dataplane() -> Iterator[str]:
    """The path of its socket."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        path, ready = str(Path(directory) / "dp.sock"), spawn.Event()
        process = spawn.Process(target=serve, args=(path, ready), daemon=True)
        process.start()
        try:
            if not ready.wait(30):
                raise TimeoutError("the dataplane did not start")
            yield path
        finally:
            process.terminate()
            process.join()


class Checked:
    """What daemon/check.py does between a result and the dataplane, without the checks."""

    def __init__(self, config: Config, path: str) -> None:
        self.servers, self.quorums = Servers(), Quorums()
        self.servers.configure(config.virtual_servers)
        self._named = {service.name: service for service in config.virtual_servers}
        self.quorums.judge(config.virtual_servers, self.health)
        self.desired = Desired(config, self.health)
        self.reconciler = Reconciler(path)

    @property
    def health(self) -> Health:
        return Health(self.servers.down, self.quorums.lost, self.servers.weights)

    async def takes(self, result: Callable[[], tuple[Change, ...]]) -> float:
        """Milliseconds from the result until the dataplane has what it means."""
        began = time.perf_counter()
        names = {change.key.service for change in result()}
        self.quorums.judge((self._named[name] for name in names), self.health)
        self.reconciler.want(self.desired.follow(names, self.health))
        await self.reconciler.settled()
        return (time.perf_counter() - began) * 1e3


async def results(checked: Checked, checks: list[TrackedCheck]) -> list[float]:
    checked.reconciler.want(checked.desired.table)
    checked.reconciler.start()
    async with asyncio.timeout(60):
        await checked.reconciler.settled()
    times = []
    for n in range(ROUNDS):
        check = checks[n * 7 * REALS % len(checks)]
        times.append(await checked.takes(partial(checked.servers.failed, check, "refused")))
        times.append(await checked.takes(partial(checked.servers.passed, check)))
    if checked.reconciler.refusals:
        raise RuntimeError(f"refused: {checked.reconciler.refusals[0]}")
    await checked.reconciler.stop()
    return times


def measure(services: int) -> list[float]:
    with dataplane() as path:
        checked = Checked(configuration(services), path)
        return asyncio.run(results(checked, list(checked.servers.checks())))


def main() -> None:
    many, few = (sorted(measure(services)) for services in SIZES.values())
    show("effect/1k/median", "ms", many, [statistics.median(few)] * len(many))
    p99, other = many[len(many) * 99 // 100], few[len(few) * 99 // 100]
    show("effect/1k/p99", "ms", [p99], [other])


if __name__ == "__main__":
    main()
