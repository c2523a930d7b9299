# SPDX-License-Identifier: Apache-2.0
"""``regex`` of a url: is the pattern in the body? Asked as the body comes, in bounded memory and time.

Of the body only what a match that has begun may still need is kept, at most KEPT bytes; what begins before that is
given up, as keepalived does at 4096. A catastrophic pattern ends the try: matching is done from a few places at a
time, each bounded by PCRE2's match limit, and a chunk may take BUDGET seconds in all.
"""

from __future__ import annotations

import time
from functools import lru_cache

from lbd.healthcheck import pcre
from lbd.healthcheck.probe import AnswerError, Failure
from lbd.model.check import Regex

KEPT = 64 * 1024
BUDGET = 0.05
_PLACES = 16
"""Places from which one call looks for a match, so that the clock is looked at often enough."""
_MOST_PLACES = 4096
_QUICK = 0.0002


@lru_cache(maxsize=4096)
def compiled(regex: Regex) -> pcre.Code:
    """Raises pcre.PatternError."""
    return pcre.Code(regex.pattern, regex.options)


class Search:
    """``feed`` the body, ``end`` at its end; then ``found``."""

    def __init__(self, regex: Regex) -> None:
        self._regex = regex
        self._code = compiled(regex)
        self._kept = bytearray()
        self._at = 0
        """Offset in the body of what is kept."""
        self._next = regex.min_offset
        """Offset at which a match may begin that was not looked for yet."""
        self._done = False
        self.found = False

    @property
    def good(self) -> bool:
        return self.found != self._regex.no_match

    def feed(self, data: bytes) -> None:
        """Raises AnswerError."""
        if self._done:
            return
        self._kept += data
        tail = _cut_character(self._kept) if self._code.utf else 0
        if tail:
            rest = bytes(self._kept[-tail:])
            del self._kept[-tail:]
            self._look(pcre.PARTIAL_HARD)
            self._kept += rest
        else:
            self._look(pcre.PARTIAL_HARD)

    def end(self) -> None:
        """Raises AnswerError."""
        if not self._done:
            self._look(0)
            self._done = True

    def _look(self, flags: int) -> None:
        until = time.perf_counter() + BUDGET
        if self._at:
            flags |= pcre.NOTBOL  # ^ is the begin of the body, not of what is kept of it
        size, places = len(self._kept), _PLACES
        start = max(self._next - self._at, 0)
        most = self._regex.max_offset - self._at if self._regex.max_offset else size + 1
        while start <= min(size, most - 1):
            last = min(start + places - 1, most - 1)
            began = time.perf_counter()
            match = self._match(start, last, flags)
            if match.code == pcre.PARTIAL and match.begin <= last:
                self._keep(match.begin)
                return
            if match.code >= 0:
                self.found = self._done = True
                self._kept = bytearray()
                return
            now = time.perf_counter()
            if now > until:
                words = f"the regex takes more than {BUDGET * 1000:g} ms on {size} bytes of this body"
                raise AnswerError(Failure.GARBAGE, words)
            places = min(places * 2, _MOST_PLACES) if now - began < _QUICK else _PLACES
            start = self._next_character(last + 1)
        self._keep(size)
        self._done = bool(self._regex.max_offset) and self._next >= self._regex.max_offset

    def _match(self, start: int, last: int, flags: int) -> pcre.Match:
        try:
            return self._code.match(self._kept, start, last, flags)
        except pcre.LimitError:
            raise AnswerError(Failure.GARBAGE, "the regex backtracks without end on this body") from None

    def _next_character(self, at: int) -> int:
        if self._code.utf:
            while at < len(self._kept) and self._kept[at] & 0xC0 == 0x80:
                at += 1
        return at

    def _keep(self, begin: int) -> None:
        """From there on a match may begin; before it, what it may look back at."""
        self._next = max(self._next, self._at + begin)
        needed = max(0, begin - self._code.lookbehind)
        if len(self._kept) - needed > KEPT:
            needed = len(self._kept)
            self._next = self._at + needed
        del self._kept[:needed]
        self._at += needed


def _cut_character(data: bytearray) -> int:
    """Bytes at the end that are the begin of an UTF-8 character."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            return 0
    return 0
