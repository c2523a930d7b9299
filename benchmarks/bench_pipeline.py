# SPDX-License-Identifier: Apache-2.0
"""Cycles per packet of the pipeline: established connections, one way, 60- and 74-byte frames, flows in random order.

The baseline is the same frames made and sent straight, in turns with the pipeline; so the copy of the template and
the stamp of the flow are in both. The worker's clock and house-keeping are in the pipeline, as in its own loop.
"""

from __future__ import annotations

from benchmarks.frames import ACK, frame
from benchmarks.plane import established, start_eal
from benchmarks.rounds import Orders, show, take_turns

ROUNDS = 15
PACKETS = 64_000
FLOWS = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}


def measure(method: str, protocol: str, family: int, name: str, flows: int) -> None:
    plane = established(method, family, protocol, flows)
    orders = Orders(flows, PACKETS)
    template = frame(family, protocol, ACK)

    def pipeline() -> float:
        return plane.dp.replay(template, orders.next(), False, clock=True) / PACKETS

    def straight() -> float:
        return plane.dp.replay(template, orders.next(), True) / PACKETS

    values, baselines = take_turns(ROUNDS, pipeline, straight)
    plane.all_sent()
    plane.close()
    show(f"pipeline/{method}-{protocol}{family}/{name}", "cycles/packet", values, baselines)


def main() -> None:
    start_eal(64)
    for family in (4, 6):
        for protocol in ("udp", "tcp"):
            for method in ("fnat", "nat", "dr"):
                for name, flows in FLOWS.items():
                    measure(method, protocol, family, name, flows)


if __name__ == "__main__":
    main()
