# SPDX-License-Identifier: Apache-2.0
"""Runs the checks at the times that their policy names. Equal checks are one, whoever asks for them.

First turns are spread evenly over ``warmup``, from a random phase, so that neither the servers nor this machine see
them all at once; from there each keeps its beat. One timer, one task for each try under way, and at most ``limit`` of
these: what is due beyond that waits for its turn, in order.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
import resource
from collections import deque
from collections.abc import Callable, Iterable, Set

from lbd.healthcheck.policy import Checker, Event, Try
from lbd.healthcheck.probe import Failure, Outcome, Probe, failed
from lbd.model.check import ScheduledCheck, TrackedCheck

log = logging.getLogger("lbd.healthcheck")

_GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, modulo 1, are spread evenly however many there are."""


def descriptors_left() -> int:
    """How many tries may be under way at once: half of what this process may open, and no more than 8192."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(8192, soft // 2))


class Schedule:
    """``replace`` says which checks there are; ``on_events`` hears what changes."""

    def __init__(
        self,
        probe_for: Callable[[Try], Probe],
        on_events: Callable[[tuple[Event, ...]], None],
        *,
        limit: int | None = None,
        phase: float | None = None,
    ) -> None:
        self._probe_for, self._on_events = probe_for, on_events
        self._limit = limit or descriptors_left()
        self._phase = random.random() if phase is None else phase
        self._checkers: dict[ScheduledCheck, Checker] = {}
        self._running: dict[Checker, asyncio.Task[None]] = {}
        self._heap: list[tuple[float, int, Checker]] = []
        self._waiting: deque[Checker] = deque()
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        self._suspended: Set[TrackedCheck] = frozenset()

    def suspend(self, checks: Set[TrackedCheck]) -> None:
        """Their turns are left out until they are suspended no longer; they keep their state (``ha_suspend``)."""
        self._suspended = checks

    def checker(self, check: ScheduledCheck) -> Checker:
        return self._checkers[check]

    @property
    def under_way(self) -> int:
        return len(self._running)

    def replace(self, checks: Iterable[TrackedCheck]) -> None:
        """Those that were there before keep their state and their place in the beat. What has no turns is left out."""
        now = asyncio.get_running_loop().time()
        old, self._checkers = self._checkers, {}
        for check in checks:
            if check in self._checkers or not isinstance(check, ScheduledCheck):
                continue
            known = old.pop(check, None)
            self._checkers[check] = known or self._new(check, now)
        for checker in old.values():
            if task := self._running.pop(checker, None):
                task.cancel()
        self._turn()

    async def stop(self) -> None:
        """Afterwards nothing of it is under way."""
        self._stopped = True
        if self._timer:
            self._timer.cancel()
        tasks = list(self._running.values())
        self._running.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _new(self, check: ScheduledCheck, now: float) -> Checker:
        self._phase = (self._phase + _GOLDEN) % 1
        checker = Checker(check, now + self._phase * check.warmup)
        self._push(checker)
        return checker

    def _push(self, checker: Checker) -> None:
        due = checker.next_deadline()
        if due is not None:
            self._count += 1
            heapq.heappush(self._heap, (due, self._count, checker))

    def _turn(self) -> None:
        """Start what is due, and arm the timer for what is next."""
        if self._stopped:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._heap and self._heap[0][0] <= now:
            self._waiting.append(heapq.heappop(self._heap)[2])
        while self._waiting and len(self._running) < self._limit:
            self._start(self._waiting.popleft(), now)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer = loop.call_at(self._heap[0][0], self._turn)

    def _start(self, checker: Checker, now: float) -> None:
        if self._checkers.get(checker.check) is not checker:
            return  # unconfigured meanwhile
        if checker.check in self._suspended:
            checker.put_off(now)
            self._push(checker)
            return
        attempt = checker.tick(now)
        if attempt is not None:
            self._running[checker] = asyncio.create_task(self._run(checker, attempt))

    async def _run(self, checker: Checker, attempt: Try) -> None:
        try:
            outcome = await self._probe_for(attempt).run()
        except Exception:
            log.exception("a fault of our own in %s", attempt)
            outcome = _own_fault(attempt.check)
        if self._running.pop(checker, None) is None:
            return  # taken away while it ran
        events = checker.result(outcome, asyncio.get_running_loop().time())
        self._push(checker)
        self._turn()
        if events:
            self._on_events(events)


def _own_fault(check: ScheduledCheck) -> Outcome:
    return failed(check, Failure.LOCAL, "the check failed by an error of its own, see the log")
