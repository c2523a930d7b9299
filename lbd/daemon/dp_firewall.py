# SPDX-License-Identifier: Apache-2.0
"""The dp process and the host's firewall: it is read at the start and after each change, and what matters is said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from lbd.control.firewall import Triple, findings
from lbd.control.marks import Program, compiled
from lbd.fastpath.claim import TABLE
from lbd.kernel.firewall.reading import Reading, legacy, read
from lbd.kernel.firewall.watching import Watching

log = logging.getLogger("lbd.dp")

LEGACY_EVERY = 15.0
"""Seconds; nobody tells of a change to iptables-legacy or to an ipset."""


class Firewall:
    """``warnings`` and ``marks`` are what there is now; each warning is said when it comes and when it goes."""

    def __init__(self, what: Callable[[], tuple[frozenset[Triple], frozenset[str]]]) -> None:
        """what: the services, and the names of the ports."""
        self._what = what
        self._compared: tuple[object, ...] = ()
        self._stale = asyncio.Event()
        self._changed = True
        self._reading = Reading(())
        self._watching: Watching | None = None
        self._task: asyncio.Task[None] | None = None
        self.marks = Program()
        self.warnings: tuple[str, ...] = ()

    def start(self) -> None:
        self._watching = Watching(self._rules_changed, ours=TABLE)
        self._task = asyncio.get_running_loop().create_task(self._follow())
        self._stale.set()

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def services_changed(self) -> None:
        """The rules are what they were."""
        self._stale.set()

    def _rules_changed(self) -> None:
        self._changed = True
        self._stale.set()

    async def _follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LEGACY_EVERY if legacy() else None):
                    await self._stale.wait()
            except TimeoutError:
                self._changed = True
            self._stale.clear()
            try:
                await self._look()
            except Exception:
                log.exception("the host's firewall could not be looked at")

    async def _look(self) -> None:
        if self._changed:
            self._changed = False
            self._reading = await read(ours=TABLE)
            self.marks = compiled(self._reading.ruleset)
        services, ports = self._what()
        if (services, ports, self._reading) == self._compared:
            return
        passed_by = await asyncio.to_thread(findings, self._reading.ruleset, services, ports)
        self._compared = (services, ports, self._reading)
        self._say((*self._reading.problems, *self.marks.problems, *passed_by))

    def _say(self, warnings: tuple[str, ...]) -> None:
        for text in warnings:
            if text not in self.warnings:
                log.warning("%s", text)
        for text in self.warnings:
            if text not in warnings:
                log.info("no more: %s", text)
        self.warnings = warnings
