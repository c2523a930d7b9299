# SPDX-License-Identifier: Apache-2.0
"""Cycles per packet of each stage, and of emptying the queues after them: established connections, one way.

The clock is read after each stage, and what that costs is taken off. The baseline is all of it in the same rounds, so
that the ratio is the share of the stage.
"""

from __future__ import annotations

from benchmarks.frames import ACK, frame
from benchmarks.plane import established, start_eal
from benchmarks.rounds import Orders, show

ROUNDS = 21
PACKETS = 64_000
STAGES = ("parse", "lookup", "connect", "deliver", "output", "punt", "send")
KINDS = (("fnat", "udp", 4), ("fnat", "tcp", 4), ("dr", "udp", 4), ("fnat", "udp", 6))
FLOWS = {"1k": 1_000, "100k": 100_000, "1M": 1_000_000}


def measure(method: str, protocol: str, family: int, name: str, flows: int) -> None:
    plane = established(method, family, protocol, flows)
    orders, template = Orders(flows, PACKETS), frame(family, protocol, ACK)
    rounds = [plane.dp.replay_stages(template, orders.next()) for _ in range(ROUNDS)]
    plane.all_sent()
    plane.close()
    spent = [[max(0, cycles - look) / PACKETS for cycles in stages] for *stages, look in rounds]
    whole = [sum(stages) for stages in spent]
    for stage, values in zip(STAGES, zip(*spent, strict=True), strict=True):
        show(f"stage/{method}-{protocol}{family}/{name}/{stage}", "cycles/packet", list(values), whole)


def main() -> None:
    start_eal(64)
    for method, protocol, family in KINDS:
        for name, flows in FLOWS.items():
            measure(method, protocol, family, name, flows)


if __name__ == "__main__":
    main()
