# SPDX-License-Identifier: Apache-2.0
"""One try of a check, and its outcome as a value.

A try has one deadline, ``connect_timeout``, for all of it. keepalived arms it again at each read, so that a server
that dribbles a byte a second is never found out; here it fails when the time is over.
"""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from lbd.model.check import Check, MiscCheck, TrackedCheck
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
    """It is no answer, or too much of one."""
    TLS = "tls"
    STATUS = "status"
    """The answer is a refusal: a status code, an rcode, an exit code."""
    DIGEST = "digest"
    MISMATCH = "mismatch"
    """The answer is not what was asked for: regex, require_reply."""
    LOCAL = "local"
    """This machine could not try (no descriptor, no such interface to bind to): it says nothing of the server."""


class Outcome(msgspec.Struct, frozen=True):
    """``reason`` is a sentence: ``TCP_CHECK 10.0.0.2:80: connect timed out after 3.0 s``."""

    failure: Failure | None = None
    reason: str = ""
    weight: int | None = None
    """Of a success: the weight that the server shall have (misc_dynamic); None: the configured one."""

    @property
    def ok(self) -> bool:
        return self.failure is None


OK = Outcome()


class AnswerError(Exception):
    """What the server said is not good; the text says what."""

    def __init__(self, failure: Failure, words: str) -> None:
        super().__init__(words)
        self.failure = failure


class Probe(Protocol):
    async def run(self) -> Outcome:
        """Try once. Ends by itself within the check's time; raises nothing that a server could cause."""


def failed(check: TrackedCheck, failure: Failure, words: str) -> Outcome:
    return Outcome(failure, f"{title(check)}: {words}")


def title(check: TrackedCheck) -> str:
    """``TCP_CHECK 10.0.0.2:80``, ``MISC_CHECK /etc/lbd/is-alive``."""
    return f"{kind(check)} {_object(check)}"


def kind(check: TrackedCheck) -> str:
    return str(check.__struct_config__.tag)


def _object(check: TrackedCheck | Check) -> str:
    if isinstance(check, MiscCheck):
        return str(check.script)
    address = getattr(check, "connect_ip", None)
    if address is not None:
        return endpoint(address, getattr(check, "connect_port", 0))
    return ""
