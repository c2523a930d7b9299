# SPDX-License-Identifier: Apache-2.0
"""MISC_CHECK: a script says so. 0 is a success; with misc_dynamic 2 to 255, too, and the weight is two less.

Who runs scripts is told from outside: this knows no process. Bounds, process groups and users are there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from lbd.healthcheck.probe import OK, Failure, Outcome, failed
from lbd.model.check import MiscCheck
from lbd.model.script import Script


class ScriptEnd(NamedTuple):
    code: int | None
    """Exit status; None where it has none: killed, out of time, not run."""
    words: str
    """How it ended."""
    ran: bool = True
    """False: this machine could not run it, which says nothing of the server."""


RunScript = Callable[[Script, float], Awaitable[ScriptEnd]]
"""Run it for at most so many seconds; its whole process group is ended then."""


class MiscProbe:
    def __init__(self, check: MiscCheck, run_script: RunScript) -> None:
        self._check, self._run_script = check, run_script

    async def run(self) -> Outcome:
        check = self._check
        return judge(check, await self._run_script(check.script, check.misc_timeout or check.delay_loop))


def judge(check: MiscCheck, end: ScriptEnd) -> Outcome:
    if not end.ran:
        return failed(check, Failure.LOCAL, end.words)
    if end.code == 0:
        return OK
    if check.misc_dynamic and end.code is not None and end.code >= 2:
        return Outcome(weight=end.code - 2)
    if end.code is None:
        return failed(check, Failure.SILENT, end.words)
    return failed(check, Failure.STATUS, f"exited with status {end.code}")
