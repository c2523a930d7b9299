# SPDX-License-Identifier: Apache-2.0
"""What a role and its launcher say to each other; framed by ``lbd.wire``."""

from __future__ import annotations

import enum
import signal

import msgspec

from lbd import wire
from lbd.model.script import Script
from lbd.notify.mail import Letter


class Run(msgspec.Struct, frozen=True, tag=True):
    """Run it and answer with Finished of that number. It is ended when the launcher ends."""

    number: int
    script: Script
    arguments: tuple[str, ...] = ()
    timeout: float | None = None
    """Seconds, then SIGTERM and two seconds later SIGKILL to all of its process group."""


class Start(msgspec.Struct, frozen=True, tag=True):
    """Run it for what it does, without an answer: Finished of number 0 comes only where it could not be run."""

    script: Script
    arguments: tuple[str, ...] = ()


class End(msgspec.Struct, frozen=True, tag=True):
    """End the Run of that number, with all of its group, as if its time were over."""

    number: int


class Ended(enum.Enum):
    EXITED = "exited"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed out"
    NOT_RUN = "not run"
    """Missing, not executable, refused, or the launcher was lost."""


class Outcome(msgspec.Struct, frozen=True):
    """How a script ended. ``code`` is the exit status, or the number of the signal."""

    ended: Ended
    code: int = 0
    reason: str = ""
    """Why it was not run, or after how long it was ended."""
    warning: str = ""
    """It was run although others than root could change it."""

    @property
    def ok(self) -> bool:
        return self.ended is Ended.EXITED and self.code == 0

    def __str__(self) -> str:
        """In words, for logs and status."""
        match self.ended:
            case Ended.EXITED:
                return f"exited with status {self.code}"
            case Ended.SIGNALLED:
                return f"ended by {_signal_name(self.code)}"
            case Ended.TIMED_OUT | Ended.NOT_RUN:
                return self.reason


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Finished(msgspec.Struct, frozen=True, tag=True):
    number: int
    outcome: Outcome
    command: str = ""
    """Where nobody waits for the number: for the log."""


class Mailed(msgspec.Struct, frozen=True, tag=True):
    letter: str
    reason: str
    """Why it was not sent; empty: it was."""


Request = Run | Start | End | Letter
Answer = Finished | Mailed

decode_request = wire.decoder(Request)
decode_answer = wire.decoder(Answer)
