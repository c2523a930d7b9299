# SPDX-License-Identifier: Apache-2.0
"""How long to wait before a child is started again. Pure: whoever asks brings the time."""

from __future__ import annotations

FIRST = 0.0
STEP = 1.0
LONGEST = 30.0
HEALTHY = 60.0
"""Seconds of life after which a death is taken for a first one again."""


class Backoff:
    """At once, then 1 s, 2 s, 4 s … 30 s; from the beginning after a life of a minute."""

    def __init__(self) -> None:
        self._next = FIRST

    def delay(self, lived: float) -> float:
        """Seconds to wait after a process that lived so long."""
        if lived >= HEALTHY:
            self._next = FIRST
        delay = self._next
        self._next = min(LONGEST, delay * 2 or STEP)
        return delay
