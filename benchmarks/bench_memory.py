# SPDX-License-Identifier: Apache-2.0
"""Ten million live connections: bytes each by the process's resident memory, and cycles per packet beside 100 k.

Each plane is a process of its own, so that what one gave back to the kernel is not counted as the other's.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection

from benchmarks.frames import frame
from benchmarks.plane import established, start_eal
from benchmarks.resident import resident
from benchmarks.rounds import Orders, show, take_turns

ROUNDS = 9
PACKETS = 128_000
FAMILIES = {4: {"1M": 1_000_000, "10M": 10_000_000}, 6: {"1M": 1_000_000}}
FEW = 100_000
WARM = 4_000


def live(family: int, flows: int, ask: Connection) -> None:
    """Says how many bytes its connections take, then measures whenever it is asked to."""
    start_eal(64)
    established("fnat", family, "udp", WARM).close()
    before = resident()
    plane = established("fnat", family, "udp", flows)
    ask.send((resident() - before) / flows)
    orders, template = Orders(flows, PACKETS), frame(family, "udp")
    while ask.recv():
        ask.send(plane.dp.replay(template, orders.next(), False) / PACKETS)
    plane.all_sent()


class Live:
    """Such a process."""

    def __init__(self, family: int, flows: int) -> None:
        self._pipe, theirs = multiprocessing.get_context("spawn").Pipe()
        spawn = multiprocessing.get_context("spawn").Process
        self._process = spawn(target=live, args=(family, flows, theirs))
        self._process.start()
        theirs.close()
        self.bytes_each: float = self._pipe.recv()

    def cycles(self) -> float:
        self._pipe.send(True)
        cycles: float = self._pipe.recv()
        return cycles

    def end(self) -> None:
        """Raises RuntimeError where it did not end well."""
        self._pipe.send(False)
        self._process.join()
        if self._process.exitcode:
            raise RuntimeError(f"the process of live connections ended with {self._process.exitcode}")


def main() -> None:
    for family, sizes in FAMILIES.items():
        few = Live(family, FEW)
        for name, flows in sizes.items():
            many = Live(family, flows)
            show(f"memory/fnat-udp{family}/{name}", "bytes/connection", [many.bytes_each])
            values, baselines = take_turns(ROUNDS, many.cycles, few.cycles)
            show(f"memory/fnat-udp{family}/{name}-beside-100k", "cycles/packet", values, baselines)
            many.end()
        few.end()


if __name__ == "__main__":
    main()
