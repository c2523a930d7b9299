# SPDX-License-Identifier: Apache-2.0
"""When a check is tried, and what its results mean: keepalived's rules, without socket, clock or task.

A Checker is asked ``next_deadline()``, told ``tick(now)`` when that time has come, carries out the Try that it gets
(elsewhere), and tells ``result(outcome, now)``, which answers with what has changed. The rules (keepalived's check_*):

- A failure is tried again up to ``retry`` times, ``delay_before_retry`` apart, before the check is down. A check that
  never ran has used its retries up: one failure is enough. SMTP_CHECK has them from the first.
- While down, TCP_CHECK and SMTP_CHECK go on trying so at each turn; the others try once a turn.
- HTTP_GET goes through its urls one after another, ``delay_loop`` apart; it is the failing url that is tried again.
  While down, that url is asked at each turn; once it answers, all are gone through from the first.
- A retry of MISC_CHECK comes ``delay_before_retry`` after the start of the script.
- A fault of this machine (no socket, nothing to bind to) is no result; the check is put off.

Unlike keepalived's, the beat is kept: the next turn is ``delay_loop`` after the planned start of this one, not after
its end (docs/decisions/0300). ``rise`` and ``fall`` are lbd's own.
"""

from __future__ import annotations

import math

import msgspec

from lbd.healthcheck import wording
from lbd.healthcheck.probe import Failure, Outcome
from lbd.model.check import HttpGet, MiscCheck, ScheduledCheck, SmtpCheck, TcpCheck

_SHORTEST_LOOP = 0.01


class Try(msgspec.Struct, frozen=True):
    """Carry out this check; step is the index of the url."""

    check: ScheduledCheck
    step: int = 0


class Log(msgspec.Struct, frozen=True):
    text: str


class Up(msgspec.Struct, frozen=True):
    check: ScheduledCheck


class Down(msgspec.Struct, frozen=True):
    check: ScheduledCheck
    reason: str


class StillDown(msgspec.Struct, frozen=True):
    """It was down before; why it fails is another thing now."""

    check: ScheduledCheck
    reason: str


class Weighed(msgspec.Struct, frozen=True):
    """The weight that its servers shall have; None: the configured one."""

    check: ScheduledCheck
    weight: int | None


Event = Log | Up | Down | StillDown | Weighed


class Checker:
    """The state of one check. ``up`` is None until its first result."""

    def __init__(self, check: ScheduledCheck, first: float) -> None:
        self.check = check
        self.up: bool | None = None
        self.step = 0
        self._steps = len(check.urls) if isinstance(check, HttpGet) else 1
        self._failed_step = False
        """The url at ``step`` failed; while down it is asked alone."""
        self._tries = 0 if isinstance(check, SmtpCheck) else check.retry
        self._retries_while_down = isinstance(check, TcpCheck | SmtpCheck)
        self._run = 0
        """Turns in a row that went against ``up``."""
        self._weight: int | None = None
        self._reason = ""
        self._due: float | None = first
        self._beat = first
        self._began = first
        self._local = ""

    def next_deadline(self) -> float | None:
        """None while a try is under way."""
        return self._due

    def tick(self, now: float) -> Try | None:
        if self._due is None or now < self._due:
            return None
        self._due, self._began = None, now
        return Try(self.check, self.step)

    def put_off(self, now: float) -> None:
        """This turn is left out: the check is suspended."""
        self._next_beat(now)

    def result(self, outcome: Outcome, now: float) -> tuple[Event, ...]:
        if self._due is not None:
            raise RuntimeError(f"a result for {self.check} that is not under way")
        if outcome.failure is Failure.LOCAL:
            return self._rescheduled(outcome, now)
        self._local = ""
        return self._passed(outcome, now) if outcome.ok else self._failed(outcome, now)

    def _rescheduled(self, outcome: Outcome, now: float) -> tuple[Event, ...]:
        self._next_beat(now)
        if outcome.reason == self._local:
            return ()
        self._local = outcome.reason
        return (Log(f"{outcome.reason}. Rescheduling."),)

    def _passed(self, outcome: Outcome, now: float) -> tuple[Event, ...]:
        self._tries = 0 if self.up is not None else self.check.retry
        said = self._step_passed()
        self.step += 1
        if self.step < self._steps:
            if self._failed_step:
                self._failed_step, self.step = False, 0
            self._next_step(now)
            return said
        self._next_beat(now)
        self._failed_step, self.step, self._tries = False, 0, 0
        said += self._weighed(outcome.weight)
        if self.up:
            self._run = 0
            return said
        if not self._turned(self.check.rise):
            return said
        self.up = True
        text = wording.success(self.check)
        return (*said, *([Log(text)] if text else []), Up(self.check))

    def _failed(self, outcome: Outcome, now: float) -> tuple[Event, ...]:
        check = self.check
        said: tuple[Event, ...] = ()
        if self.up is False and outcome.reason != self._reason:
            said = (StillDown(check, outcome.reason),)
        self._reason = outcome.reason
        if self.up is not False and check.log_all_failures:
            said = (Log(f"{wording.try_failed(check, outcome)} ({outcome.reason})"),)
        if self._tries < check.retry and (self.up is not False or self._retries_while_down):
            self._tries += 1
            after = self._began if isinstance(check, MiscCheck) else now
            self._due = max(now, after + check.delay_before_retry)
            return said
        self._tries = 0
        self._failed_step = True
        self._next_beat(now)
        if self.up is False:
            self._run = 0
            return said
        if not self._turned(check.fall):
            return said
        text = wording.failure(check, outcome, has_run=self.up is not None)
        self.up, self._weight = False, None
        return (*said, Log(text), Log(outcome.reason), Down(check, outcome.reason))

    def _turned(self, needed: int) -> bool:
        """Is this turn the last that was needed? The first result of all decides alone."""
        self._run += 1
        if self.up is not None and self._run < needed:
            return False
        self._run = 0
        return True

    def _weighed(self, weight: int | None) -> tuple[Event, ...]:
        if weight == self._weight:
            return ()
        self._weight = weight
        return (Weighed(self.check, weight),)

    def _next_beat(self, now: float) -> None:
        """The first turn of the beat that is still to come."""
        loop = max(self.check.delay_loop, _SHORTEST_LOOP)
        self._beat += loop * max(1, math.floor((now - self._beat) / loop) + 1)
        self._due = self._beat

    def _next_step(self, now: float) -> None:
        """``fast_recovery``: the urls that are left, or all of them again, at once."""
        if isinstance(self.check, HttpGet) and self.check.fast_recovery and not self.up:
            self._due = now
        else:
            self._next_beat(now)

    def _step_passed(self) -> tuple[Event, ...]:
        if self.up or not isinstance(self.check, HttpGet):
            return ()
        return (Log(wording.step_passed(self.check, self.check.urls[self.step])),)
