# SPDX-License-Identifier: Apache-2.0
"""The conformance table against a running lbd and a running keepalived: all cases side by side on one link.

Each case is an instance of its own, so the whole table takes as long as its longest case.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from lbd.cli.status import ask_all
from lbd.confparser import load
from lbd.model import VrrpInstance
from tests.machines import conformance_cases, conformance_refusals
from tests.machines.conformance import (
    Beat,
    Case,
    Hear,
    Is,
    Mark,
    Refused,
    Say,
    Sent,
    Silence,
    Speaker,
    Step,
    Told,
    Wait,
    configuration,
    virtual_addresses,
)
from tests.smoke.vrrp_link import Link

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

CASES = [*conformance_cases.CASES, *conformance_refusals.CASES]
LOOK = 0.02
"""Seconds between two looks at what the router sent, and the age of what its kernel was seen to have."""


class Trial:
    """One case under way; ``run`` returns what was not as expected."""

    def __init__(self, link: Link, case: Case, number: int, conf: VrrpInstance, view: View) -> None:
        self.link, self.case, self.number, self.view = link, case, number, view
        self.speaker = Speaker(conf, case.family, time.time)
        self.beat: asyncio.Task[None] | None = None
        self.sent = self.told = 0

    async def run(self) -> str:
        try:
            for step in self.case.steps:
                complaint = await self._do(step)
                if complaint:
                    return complaint
            return ""
        finally:
            self._silence()

    def _silence(self) -> None:
        if self.beat is not None:
            self.beat.cancel()
            self.beat = None

    async def _do(self, step: Step) -> str:
        match step:
            case Hear(what):
                self._say(what)
            case Beat(what, every):
                self._silence()
                self.beat = asyncio.create_task(self._say_again(what, every * self.case.interval))
                await asyncio.sleep(0)
            case Silence():
                self._silence()
            case Wait(intervals):
                await asyncio.sleep(intervals * self.case.interval)
            case Mark():
                self.sent, self.told = sum(self._adverts().values()), self._announced()
            case _:
                return await self._look(step)
        return ""

    def _say(self, what: Say) -> None:
        self.link.send(self.speaker.says(what))

    async def _say_again(self, what: Say, seconds: float) -> None:
        due = asyncio.get_running_loop().time()
        while True:
            self._say(what)
            due += seconds
            await asyncio.sleep(due - asyncio.get_running_loop().time())

    async def _look(self, step: Step) -> str:
        self.link.read()
        match step:
            case Is(state):
                held = set(virtual_addresses(4, self.number) if self.case.family == 4 else
                           [a.partition("/")[0] for a in virtual_addresses(6, self.number)])  # fmt: skip
                there = held <= await self.view.addresses()
                if there != (state == "MASTER"):
                    return f"is {'MASTER' if there else 'BACKUP'}, expected {state}"
            case Sent(least, most, priority):
                adverts = self._adverts()
                sent = sum(adverts.values()) - self.sent
                if not least <= sent <= most:
                    return f"sent {sent} adverts, expected {least} to {most}"
                if priority is not None and priority not in adverts:
                    return f"sent adverts of priority {sorted(adverts)}, expected {priority}"
            case Told(least, most):
                told = self._announced() - self.told
                if not least <= told <= most:
                    return f"announced its address {told} times, expected {least} to {most}"
            case Refused(reason):
                if not await self.view.refused(f"C{self.number}", reason.value):
                    return f"did not refuse by the name of {reason.value}"
        return ""

    def _adverts(self) -> dict[int, int]:
        """Numbers of adverts by priority."""
        mine = (self.case.family, self.number)
        return {h.priority: n for h, n in self.link.adverts.items() if h[:2] == mine}

    def _announced(self) -> int:
        address = virtual_addresses(self.case.family, self.number)[0].partition("/")[0]
        return self.link.announcements[address]


class View:
    """What can be seen of the router, asked at most so often for all cases together."""

    def __init__(self, link: Link, run_dir: Path | None) -> None:
        self._link, self._run_dir = link, run_dir
        self._seen, self._at = set[str](), 0.0

    async def addresses(self) -> set[str]:
        now = time.monotonic()
        if now - self._at > LOOK:
            self._at, self._seen = now, self._link.addresses()
        return self._seen

    async def refused(self, name: str, reason: str) -> bool:
        """keepalived names no reasons that could be asked for: its word is that it did not obey."""
        if self._run_dir is None:
            return True
        overview = await ask_all(str(self._run_dir))
        return any(reason in i.errors for i in overview.vrrp if i.name == name)


async def watch(link: Link) -> None:
    while True:
        link.read()
        await asyncio.sleep(LOOK)


async def trials(link: Link, daemon: str, cases: dict[int, Case]) -> dict[str, str]:
    """What was not as the table has it, by case."""
    text = configuration(CASES, only=cases)
    program = link.start(daemon, text)
    loaded = load(str(link.directory / f"{daemon}.conf"), config_id="host")
    assert loaded.config is not None
    confs = {i.name: i for i in loaded.config.vrrp_instances}
    last = max(number for number, case in cases.items() if "priority 255" not in case.conf)
    await program.says(rf"\(C{last}\) Entering BACKUP STATE", 20)
    view = View(link, link.directory / "run" if daemon == "lbd" else None)
    watching = asyncio.create_task(watch(link))
    running = {n: Trial(link, case, n, confs[f"C{n}"], view).run() for n, case in cases.items()}
    complaints = dict(zip(running, await asyncio.gather(*running.values()), strict=True))
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    link.adverts.clear()
    await program.end(20)
    link.read()
    assert any(heard.priority == 0 for heard in link.adverts), "no priority 0 at the end"
    assert not {a for a in link.addresses() if a.startswith(("10.88.1.", "fd88::", "fe80::88:"))}
    return {cases[n].name: said for n, said in complaints.items() if said}


async def test_lbd() -> None:
    cases = {n: c for n, c in enumerate(CASES, 1) if not c.machine}
    with Link("conf") as link:
        assert await trials(link, "lbd", cases) == {}


async def test_keepalived() -> None:
    """The table is what keepalived does; where lbd does otherwise the case says so, and why."""
    cases = {n: c for n, c in enumerate(CASES, 1) if not c.machine and not c.since}
    with Link("conf") as link:
        complaints = await trials(link, "keepalived", cases)
    differing = {c.name for c in cases.values() if c.differs}
    assert set(complaints) == differing, complaints
