# SPDX-License-Identifier: Apache-2.0
"""``vrrp_script``: when it runs, and what its results come to.

Successes count up to ``rise``, failures down from there; the very first result decides by itself, unless the script
has ``init_fail`` (keepalived.conf(5), "VRRP script").
"""

from __future__ import annotations

from lbd.model.track import VrrpScript
from lbd.track.event import Changed, Event, RunScript, Said


class ScriptTracker:
    """``up`` is None until the first result, unless init_fail."""

    def __init__(self, conf: VrrpScript, now: float) -> None:
        self.conf = conf
        self.up: bool | None = False if conf.init_fail else None
        self.running = False
        self._due = now
        self._result = 0
        self._last_status = 0

    @property
    def result(self) -> int:
        """keepalived's counter, 0 to rise + fall - 1; up from ``rise`` on."""
        return self._result

    @property
    def last_status(self) -> int:
        return self._last_status

    def reconfigure(self, conf: VrrpScript) -> None:
        """Another interval or threshold; what is known of the script stays known (keepalived does so on reload)."""
        self.conf = conf
        top = conf.rise + conf.fall - 1
        self._result = (
            min(self._result, conf.rise - 1) if not self.up else max(conf.rise, min(self._result, top))
        )

    def next_deadline(self) -> float:
        return self._due

    def tick(self, now: float) -> list[Event]:
        """Start to start, in step; a turn is left out while the script still runs."""
        if now < self._due:
            return []
        self._due = max(self._due + self.conf.interval, now)
        if self.running:
            return [Said(f"Track script {self.conf.name} is already running, expect idle - skipping run")]
        self.running = True
        return [RunScript(self.conf)]

    def receive(self, status: int | None, words: str) -> list[Event]:
        """The exit status of a run, or None where it had none; ``words`` say how it ended."""
        self.running = False
        events: list[Event] = []
        if status is not None:
            if status != self._last_status:
                events.append(Said(f"Script `{self.conf.name}` now returning {status}"))
            self._last_status = status
        up = self._count(status == 0)
        if up != self.up:
            self.up = up
            said = "succeeded" if up else f"failed ({words})"
            events += [Said(f"VRRP_Script({self.conf.name}) {said}"), Changed(up)]
        return events

    def _count(self, success: bool) -> bool:
        rise, top = self.conf.rise, self.conf.rise + self.conf.fall - 1
        if self.up is None:
            self._result = top if success else 0
        elif success:
            self._result = self._result + 1 if self._result < rise - 1 else top
        else:
            self._result = self._result - 1 if self._result > rise else 0
        return self._result >= rise
