# SPDX-License-Identifier: Apache-2.0
"""Carries out what the check process has to tell: scripts and mail go to the launcher, lines into the FIFOs."""

from __future__ import annotations

import asyncio
import logging

from lbd.control.notices import Notice
from lbd.healthcheck.misc import ScriptEnd
from lbd.model import Config, Fifo
from lbd.model.script import Script
from lbd.notify import Ended, Fifos, Letter, Scripts

log = logging.getLogger("lbd.check")


class Telling:
    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._fifos = Fifos()
        self._readers: list[asyncio.Task[None]] = []
        self._config = Config()

    def configure(self, config: Config) -> None:
        """Each reload starts those who read FIFOs anew, as in keepalived."""
        self._config = config
        telling = config.global_defs.telling
        fifos = [telling.notify_fifo, telling.lvs_notify_fifo]
        self._fifos.configure(fifos)
        if config.vrrp_instances:
            fifos = fifos[1:]  # the reader of notify_fifo is the vrrp process's
        for reader in self._readers:
            reader.cancel()
        loop = asyncio.get_running_loop()
        self._readers = [loop.create_task(self._read(fifo)) for fifo in fifos if fifo and fifo.script]

    def tell(self, notice: Notice) -> None:
        if notice.script is not None:
            self._scripts.start(notice.script)
        if notice.fifo:
            self._fifos.write(notice.fifo)
        mail = self._config.global_defs.telling.mail
        if notice.subject and mail is not None:
            self._scripts.mail(Letter(mail, notice.subject, notice.body))

    async def run(self, script: Script, seconds: float) -> ScriptEnd:
        """For MISC_CHECK."""
        outcome = await self._scripts.run(script, timeout=seconds)
        code = outcome.code if outcome.ended is Ended.EXITED else None
        return ScriptEnd(code, str(outcome), ran=outcome.ended is not Ended.NOT_RUN)

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self._fifos.close()
        await self._scripts.close()

    async def _read(self, fifo: Fifo) -> None:
        if fifo.script is not None:
            outcome = await self._scripts.run(fifo.script, fifo.path, timeout=None)
            log.warning("Notify fifo script `%s` ended: %s", fifo.script, outcome)
