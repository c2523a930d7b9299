# SPDX-License-Identifier: Apache-2.0
"""When a check is tried, and what its results mean: keepalived's rules, without socket, clock or task.

A Checker is asked ``next_deadline()``, told ``tick(now)`` when that time has come, carries out the Try that it gets
(elsewhere), and tells ``result(outcome, now)``, which answers with what has changed. The rules (keepalived's
check_tcp and check_http):

- A failure is tried again up to ``retry`` times, ``delay_before_retry`` apart, before the check is down. A check that
  never ran has used its retries up: one failure is enough.
- HTTP_GET goes through its urls one after another, ``delay_loop`` apart; it is the failing url that is tried again.
  While down, that url is asked at each turn; once it answers, all are gone through from the first.
- A fault of this machine (no socket, nothing to bind to) is no result; the check is put off.

Unlike keepalived's, the beat is kept: the next turn is ``delay_loop`` after the planned start of this one, not after
its end (docs/decisions/0300).
"""

from __future__ import annotations

import math

import msgspec

from lbd.healthcheck.probe import Failure, Outcome
from lbd.model.check import Check, HttpGet
from lbd.model.net import Address

_SHORTEST_LOOP = 0.01


class Try(msgspec.Struct, frozen=True):
    """Carry out this check; step is the index of the url."""

    check: Check
    step: int = 0


class Log(msgspec.Struct, frozen=True):
    text: str


class Up(msgspec.Struct, frozen=True):
    check: Check


class Down(msgspec.Struct, frozen=True):
    check: Check
    reason: str


Event = Log | Up | Down


def service_name(address: Address, port: int, protocol: str = "tcp") -> str:
    """As keepalived writes a server in its log."""
    return f"[{address}]:{protocol}:{port}"


class Checker:
    """The state of one check. ``up`` is None until its first result."""

    def __init__(self, check: Check, first: float) -> None:
        self.check = check
        self.up: bool | None = None
        self.step = 0
        self.name = service_name(check.connect_ip, check.connect_port)
        self._steps = len(check.urls) if isinstance(check, HttpGet) else 1
        self._failed_step = False
        """The url at ``step`` failed; while down it is asked alone."""
        self._tries = check.retry
        self._due: float | None = first
        self._beat = first
        self._local = ""

    def next_deadline(self) -> float | None:
        """None while a try is under way."""
        return self._due

    def tick(self, now: float) -> Try | None:
        if self._due is None or now < self._due:
            return None
        self._due = None
        return Try(self.check, self.step)

    def result(self, outcome: Outcome, now: float) -> tuple[Event, ...]:
        if self._due is not None:
            raise RuntimeError(f"a result for {self.check} that is not under way")
        if outcome.failure is Failure.LOCAL:
            return self._put_off(outcome, now)
        self._local = ""
        return self._passed(now) if outcome.ok else self._failed(outcome, now)

    def _put_off(self, outcome: Outcome, now: float) -> tuple[Event, ...]:
        self._next_beat(now)
        if outcome.reason == self._local:
            return ()
        self._local = outcome.reason
        return (Log(f"{outcome.reason}. Rescheduling."),)

    def _passed(self, now: float) -> tuple[Event, ...]:
        self._next_beat(now)
        self._tries = 0 if self.up is not None else self.check.retry
        said = self._step_passed()
        self.step += 1
        if self.step < self._steps:
            if self._failed_step:
                self._failed_step, self.step = False, 0
            return said
        self._failed_step, self.step, self._tries = False, 0, 0
        if self.up:
            return ()
        self.up = True
        return (*said, Log(self._success()), Up(self.check))

    def _failed(self, outcome: Outcome, now: float) -> tuple[Event, ...]:
        said: tuple[Event, ...] = ()
        if self.up is not False and self.check.log_all_failures:
            said = (Log(f"{self._try_failed(outcome)} ({outcome.reason})"),)
        dead_web = self.up is False and isinstance(self.check, HttpGet)  # not retried, as keepalived does it
        if self._tries < self.check.retry and not dead_web:
            self._tries += 1
            self._due = now + self.check.delay_before_retry
            return said
        self._tries = 0
        self._failed_step = True
        self._next_beat(now)
        if self.up is False:
            return said
        retried = self.up is not None and self.check.retry > 0
        self.up = False
        return (*said, Log(self._failure(retried)), Log(outcome.reason), Down(self.check, outcome.reason))

    def _next_beat(self, now: float) -> None:
        """The first turn of the beat that is still to come."""
        loop = max(self.check.delay_loop, _SHORTEST_LOOP)
        self._beat += loop * max(1, math.floor((now - self._beat) / loop) + 1)
        self._due = self._beat

    # keepalived's sentences

    def _step_passed(self) -> tuple[Event, ...]:
        if self.up or not isinstance(self.check, HttpGet):
            return ()
        url = self.check.urls[self.step]
        what = "MD5 digest" if url.digest is not None else "HTTP status code"
        return (Log(f"{what} success to {self.name} url({url.path})"),)

    def _success(self) -> str:
        if isinstance(self.check, HttpGet):
            return f"Remote Web server {self.name} succeed on service."
        return f"TCP connection to {self.name} success."

    def _failure(self, retried: bool) -> str:
        kind = "HTTP_CHECK" if isinstance(self.check, HttpGet) else "TCP_CHECK"
        return (
            f"{kind} on service {self.name} failed{f' after {self.check.retry} retries' if retried else ''}."
        )

    def _try_failed(self, outcome: Outcome) -> str:
        if isinstance(self.check, HttpGet):
            return f"{_HTTP_TRY.get(outcome.failure, 'Error connecting')} server {self.name}."
        what = "timeout" if outcome.failure is Failure.TIMED_OUT else "failed"
        return f"TCP connection to {self.name} {what}."


_HTTP_TRY: dict[Failure | None, str] = {
    Failure.TIMED_OUT: "Timeout connecting",
    Failure.SILENT: "Timeout HTTP read",
    Failure.RESET: "Read error with",
    Failure.NO_DATA: "Read, no data received from",
    Failure.GARBAGE: "Read error with",
    Failure.STATUS: "HTTP status code error to",
    Failure.DIGEST: "MD5 digest error to",
}
