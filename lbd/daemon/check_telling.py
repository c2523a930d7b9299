# SPDX-License-Identifier: Apache-2.0
"""Carries out what the check process has to tell: scripts go to the launcher."""

from __future__ import annotations

from lbd.control.notices import Notice
from lbd.healthcheck.misc import ScriptEnd
from lbd.model.script import Script
from lbd.notify import Ended, Scripts


class Telling:
    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def tell(self, notice: Notice) -> None:
        if notice.script is not None:
            self._scripts.start(notice.script)

    async def run(self, script: Script, seconds: float) -> ScriptEnd:
        """For MISC_CHECK."""
        outcome = await self._scripts.run(script, timeout=seconds)
        code = outcome.code if outcome.ended is Ended.EXITED else None
        return ScriptEnd(code, str(outcome), ran=outcome.ended is not Ended.NOT_RUN)

    async def close(self) -> None:
        await self._scripts.close()
