# SPDX-License-Identifier: Apache-2.0
"""One try of a check, and its outcome as a value.

A try has one deadline, ``connect_timeout``, for all of it. keepalived arms it again at each read, so that a server
that dribbles a byte a second is never found out; here it fails when the time is over.
"""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from lbd.model.check import Check
from lbd.model.net import endpoint


class Failure(enum.Enum):
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    """Before the connection stood."""
    SILENT = "silent"
    """After it: the answer was not complete in time."""
    UNREACHABLE = "unreachable"
    RESET = "reset"
    NO_DATA = "no data"
    GARBAGE = "garbage"
    STATUS = "status"
    DIGEST = "digest"
    LOCAL = "local"
    """This machine could not try (no descriptor, no such interface to bind to): it says nothing of the server."""


class Outcome(msgspec.Struct, frozen=True):
    """``reason`` is a sentence: ``TCP_CHECK 10.0.0.2:80: connect timed out after 3.0 s``."""

    failure: Failure | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.failure is None


OK = Outcome()


class Probe(Protocol):
    async def run(self) -> Outcome:
        """Try once. Ends by itself within the check's connect_timeout; raises nothing that a server could cause."""


def failed(check: Check, failure: Failure, words: str) -> Outcome:
    kind = check.__struct_config__.tag
    return Outcome(failure, f"{kind} {endpoint(check.connect_ip, check.connect_port)}: {words}")
