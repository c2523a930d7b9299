# SPDX-License-Identifier: Apache-2.0
"""New connections per second on one core: whole lives of TCP connections, client and server played by ``replay``.

Many lives are on their way at a time, and each of their packets goes through the pipeline; the clock goes on by the
time that is spent, and what has ended is swept and gives its local port back meanwhile. The baseline is the same
packets made and sent straight, so both include what the generator costs.
"""

from __future__ import annotations

import time
from array import array
from typing import NamedTuple

from benchmarks.frames import ACK, FIN, PUSH, RST, SYN, frame
from benchmarks.plane import ANSWER, POOL_PORTS, Plane, services, start_eal
from benchmarks.rounds import show, take_turns
from lbd.fastpath import api

ROUNDS = 5
WINDOW = 32_768
"""Lives that are on their way at a time."""
WINDOWS = 50
"""Of a round: about a second, in which the sweep sees every connection once."""
WARM = 3.0
"""Seconds until as many connections end as begin."""
CAPACITY = {"fnat": 5_000_000, "nat": 5_000_000, "dr": 12_000_000}
CLIENTS = 12_000_000
"""Addresses of clients; one comes back long after its last connection is gone."""
SHORT = api.Timeouts(fin_wait=1, time_wait=1, close=1, last_ack=1, close_wait=1)
"""In seconds: so that a run of seconds meets the end of lives."""


class Step(NamedTuple):
    """One packet of a life."""

    flags: int
    server: bool = False


LIVES = {
    "rst": (Step(SYN), Step(SYN | ACK, True), Step(ACK), Step(PUSH | ACK), Step(RST)),
    "fin": (
        *(Step(SYN), Step(SYN | ACK, True), Step(ACK), Step(PUSH | ACK), Step(PUSH | ACK, True)),
        *(Step(FIN | ACK), Step(FIN | ACK, True), Step(ACK)),
    ),
}
KINDS = (("fnat", 4, "rst"), ("fnat", 4, "fin"), ("nat", 4, "fin"), ("dr", 4, "fin"), ("fnat", 6, "fin"))


class Lives:
    """A plane on which lives of one kind are played, window after window."""

    def __init__(self, method: str, family: int, kind: str) -> None:
        self.plane = Plane(capacity=CAPACITY[method], laddrs=2 + CAPACITY[method] // POOL_PORTS)
        self.plane.sink()
        self.plane.serve([*services(method, family, "tcp", flows=CAPACITY[method]), api.SetTimeouts(SHORT)])
        # the real servers of DR answer their clients themselves
        self.steps = [
            (step.server, frame(family, "tcp", step.flags))
            for step in LIVES[kind]
            if not (step.server and method == "dr")
        ]
        self.answers = {straight: bytearray(WINDOW * ANSWER) for straight in (False, True)}
        self.next = 0

    def window(self, straight: bool) -> float:
        """Seconds of the processor for a window of lives; those that it spends elsewhere are nobody's."""
        flows = array("I", (n % CLIENTS for n in range(self.next, self.next + WINDOW)))
        self.next += WINDOW
        began = time.thread_time()
        for number, (server, template) in enumerate(self.steps):
            answers = self.answers[straight] if server or number == 0 else None
            self.plane.dp.replay(
                template, flows, straight, answers=answers, backward=server, clock=not straight
            )
        return time.thread_time() - began

    def rate(self, straight: bool) -> float:
        """Lives per second, in thousands."""
        return WINDOWS * WINDOW / sum(self.window(straight) for _ in range(WINDOWS)) / 1e3

    def warm(self) -> None:
        spent = 0.0
        while spent < WARM:
            spent += self.window(False)


def measure(method: str, family: int, kind: str) -> None:
    lives = Lives(method, family, kind)
    lives.warm()
    values, baselines = take_turns(ROUNDS, lambda: lives.rate(False), lambda: lives.rate(True))
    lives.plane.all_sent()
    live = lives.plane.dp.totals()[3]
    lives.plane.close()
    show(
        f"connections/{method}-tcp{family}/{kind}",
        "k/s",
        values,
        baselines,
        packets=len(lives.steps),
        connections=live,
    )


def main() -> None:
    start_eal(64)
    for kind in KINDS:
        measure(*kind)


if __name__ == "__main__":
    main()
