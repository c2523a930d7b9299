# SPDX-License-Identifier: Apache-2.0
"""What many services cost: cycles per packet of established connections, and of the first packet of new ones.

10 real servers a service; the baseline is one service, in turns, with the same number of flows.
"""

from __future__ import annotations

from array import array

from benchmarks.frames import SYN, frame
from benchmarks.plane import BURST, POOL_PORTS, Plane, established, services, start_eal
from benchmarks.rounds import Orders, show, take_turns

ROUNDS = 15
PACKETS = 64_000
NEW = 6_400
FLOWS = 100_000
NUMBERS = {"100": 100, "10k": 10_000}


def slots(number: int) -> int:
    return 64 + 11 * number


class Steady:
    """A plane of established connections."""

    def __init__(self, number: int) -> None:
        self.number, self.orders = number, Orders(FLOWS, PACKETS)
        self.plane = established("fnat", 4, "udp", FLOWS, number=number, slots=slots(number))

    def measure(self) -> float:
        order = self.orders.next()
        return self.plane.dp.replay(frame(4, "udp"), order, False, services=self.number) / PACKETS


class Newcomers:
    """A plane that sees each flow once: every packet is a connection's first."""

    def __init__(self, number: int) -> None:
        self.number, self.next = number, 0
        flows = NEW * (ROUNDS + 1)
        self.plane = Plane(capacity=flows + BURST, slots=slots(number), laddrs=2 + flows // POOL_PORTS)
        self.plane.sink()
        self.plane.serve(services("fnat", 4, "tcp", number, flows=flows))
        self.measure()

    def measure(self) -> float:
        order = array("I", range(self.next, self.next + NEW))
        self.next += NEW
        return self.plane.dp.replay(frame(4, "tcp", SYN), order, False, services=self.number) / NEW


def main() -> None:
    start_eal(64)
    for kind, of in (("established", Steady), ("new-connection", Newcomers)):
        for name, number in NUMBERS.items():
            many, one = of(number), of(1)
            values, baselines = take_turns(ROUNDS, many.measure, one.measure)
            show(f"services/{name}/{kind}", "cycles/packet", values, baselines)
            for each in (many, one):
                each.plane.all_sent()
                each.plane.close()


if __name__ == "__main__":
    main()
