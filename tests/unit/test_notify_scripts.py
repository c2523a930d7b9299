# SPDX-License-Identifier: Apache-2.0
"""What a role holds of its launcher, against one that is only a socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lbd import wire
from lbd.model.script import Script
from lbd.notify import Ended, Outcome, Scripts
from lbd.notify.messages import Finished, Run, Start, decode_request

TRUE = Script(argv=("/bin/true",))


class Launcher:
    """The other end, and how often one was asked for."""

    def __init__(self) -> None:
        self.launched = 0
        self.there = asyncio.Event()

    def launch(self) -> tuple[socket.socket, asyncio.Future[None]]:
        self.launched += 1
        ours, self._theirs = socket.socketpair()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.there.set()
        return ours, self._ended

    async def open(self) -> None:
        await asyncio.wait_for(self.there.wait(), 5)
        self.there.clear()
        self.reader, self.writer = await asyncio.open_unix_connection(sock=self._theirs)

    async def asked(self) -> Run | Start | None:
        return await asyncio.wait_for(wire.receive(self.reader, decode_request), 5)

    def answer(self, number: int, outcome: Outcome, command: str = "") -> None:
        self.writer.write(wire.pack(Finished(number, outcome, command)))

    async def end(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
        self._ended.set_result(None)


@pytest.fixture
def launcher() -> Launcher:
    return Launcher()


@pytest_asyncio.fixture
async def scripts(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scripts]:
    monkeypatch.setattr("lbd.notify.scripts.PAUSE", 0.01)
    scripts = Scripts(launcher.launch)
    yield scripts
    await scripts.close()


async def test_answers_find_who_asked(scripts, launcher):
    runs = [asyncio.create_task(scripts.run(TRUE, str(n), timeout=n)) for n in (1, 2)]
    await launcher.open()
    first, second = await launcher.asked(), await launcher.asked()
    assert (first.arguments, first.timeout, second.arguments) == (("1",), 1, ("2",))
    launcher.answer(second.number, Outcome(Ended.EXITED, 2))
    launcher.answer(first.number, Outcome(Ended.EXITED, 1))
    assert [one.code for one in await asyncio.gather(*runs)] == [1, 2]
    await launcher.end()


async def test_a_lost_launcher_is_an_outcome_and_the_next_script_gets_another(scripts, launcher, caplog):
    run = asyncio.create_task(scripts.run(TRUE, timeout=1))
    await launcher.open()
    await launcher.asked()
    await launcher.end()
    lost = await run
    assert (lost.ended, lost.ok) == (Ended.NOT_RUN, False)
    assert launcher.launched == 1
    scripts.start(TRUE, "again")
    await launcher.open()
    assert await launcher.asked() == Start(TRUE, ("again",))
    assert "is gone" in caplog.text
    await launcher.end()


async def test_a_launcher_that_does_not_read_is_refused_more(scripts, launcher, monkeypatch, caplog):
    monkeypatch.setattr("lbd.notify.scripts.UNSENT", 1000)
    for _ in range(100):
        scripts.start(TRUE)
    assert "not run" in caplog.text
    await launcher.open()
    await launcher.end()


async def test_what_stands_against_a_script_is_said_once(scripts, launcher, caplog):
    scripts.start(TRUE)
    await launcher.open()
    await launcher.asked()
    for _ in range(3):
        launcher.answer(0, Outcome(Ended.EXITED, warning="x is writable"), "x")
    run = asyncio.create_task(scripts.run(TRUE, timeout=1))
    launcher.answer((await launcher.asked()).number, Outcome(Ended.EXITED))
    await run
    assert [r.message for r in caplog.records] == ["Unsafe permissions found for script `x`: x is writable"]
    await launcher.end()


async def test_a_stranger_on_the_socket_is_no_crash(scripts, launcher, caplog):
    run = asyncio.create_task(scripts.run(TRUE, timeout=1))
    await launcher.open()
    launcher.writer.write(b"\xff" * 100)
    assert (await asyncio.wait_for(run, 5)).ended is Ended.NOT_RUN
    assert "announced" in caplog.text
    await launcher.end()


def test_ends_in_words():
    words = {
        Outcome(Ended.EXITED, 1): "exited with status 1",
        Outcome(Ended.SIGNALLED, 15): "ended by SIGTERM",
        Outcome(Ended.SIGNALLED, 40): "ended by signal 40",
        Outcome(Ended.TIMED_OUT, reason="timed out after 3 s"): "timed out after 3 s",
    }
    assert {outcome: str(outcome) for outcome in words} == words
