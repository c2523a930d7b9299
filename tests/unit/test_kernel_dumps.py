# SPDX-License-Identifier: Apache-2.0
"""Dumps that a change interrupts, and how changes are told, with a kernel that says what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lbd.kernel.mirror import Mirror
from lbd.kernel.values import Addr, Path, Route

WHOLE, INTERRUPTED = 0x02, 0x12
"""NLM_F_MULTI, and NLM_F_DUMP_INTR with it."""


class Message(dict[str, Any]):
    def __init__(self, header_flags: int, attributes: dict[str, Any], **fields: Any) -> None:
        super().__init__(fields, header={"flags": header_flags})
        self._attributes = attributes

    def get_attr(self, name: str) -> Any:
        return self._attributes.get(name)


def address(last: int, flags: int = WHOLE) -> Message:
    return Message(flags, {"IFA_LOCAL": f"10.0.0.{last}"}, index=3, prefixlen=24, scope=0)


class Kernel:
    """Answers each dump with the next of the lists; the last one stays."""

    def __init__(self, *, addresses: list[list[Message]]) -> None:
        self.answers = {"get_addr": addresses, "get_rules": [[]]}
        self.asked = dict.fromkeys(self.answers, 0)

    async def _answer(self, command: str) -> AsyncIterator[Message]:
        self.asked[command] += 1
        answers = self.answers[command]
        messages = answers.pop(0) if len(answers) > 1 else answers[0]

        async def each() -> AsyncIterator[Message]:
            for message in messages:
                yield message

        return each()

    async def get_addr(self) -> AsyncIterator[Message]:
        return await self._answer("get_addr")

    async def get_rules(self) -> AsyncIterator[Message]:
        return await self._answer("get_rules")


class Told:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
async def told() -> Told:
    return Told()


@pytest.fixture(autouse=True)
def routes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dump_routes() -> list[Route]:
        return [Route("10.1.0.0", 16, 0, 254, (Path(3, None),))]

    monkeypatch.setattr("lbd.kernel.mirror.dump_routes", dump_routes)


def mirror_of(kernel: Kernel, told: Told) -> Mirror:
    mirror = Mirror(told, what=frozenset({"addresses", "routes"}))
    mirror._ask.close()
    mirror._ask = kernel
    return mirror


async def test_an_interrupted_dump_of_addresses_is_begun_anew(told):
    kernel = Kernel(addresses=[[address(1), address(9, INTERRUPTED)], [address(1), address(2)]])
    mirror = mirror_of(kernel, told)
    await mirror.read_all()
    assert mirror.addresses.keys() == {(3, "10.0.0.1"), (3, "10.0.0.2")}
    assert kernel.asked["get_addr"] == 2


async def test_one_that_is_always_interrupted_is_taken_in_the_end(told):
    kernel = Kernel(addresses=[[address(1, INTERRUPTED)]])
    mirror = mirror_of(kernel, told)
    await mirror.read_all()
    assert mirror.addresses.keys() == {(3, "10.0.0.1")}
    assert kernel.asked["get_addr"] == 4


async def test_one_turn_of_the_loop_is_told_once(told):
    mirror = mirror_of(Kernel(addresses=[[]]), told)
    for last in range(100):
        mirror._address_event(Addr(3, f"10.0.0.{last}", 24, 0), gone=False)
    mirror._note("routes")
    assert told.times == 0
    await asyncio.sleep(0)
    assert told.times == 1
    assert mirror.take_dirty() == {"addresses", "routes"}
    assert mirror.take_dirty() == frozenset()


async def test_what_changes_nothing_is_not_told(told):
    kernel = Kernel(addresses=[[address(1)]])
    mirror = mirror_of(kernel, told)
    await mirror.read_all()
    await asyncio.sleep(0)
    mirror.take_dirty()
    await mirror.read_all()
    mirror._address_event(
        Addr(3, "10.0.0.1", 24, 0), gone=False
    )  # as each advertisement of a router refreshes one
    await asyncio.sleep(0)
    assert told.times == 1
    assert mirror.take_dirty() == frozenset()


async def test_watchers_are_told_until_they_end_it(told):
    mirror = mirror_of(Kernel(addresses=[[]]), told)
    watcher = Told()
    unwatch = mirror.watch(watcher)
    mirror._note("links")
    await asyncio.sleep(0)
    unwatch()
    mirror._note("links")
    await asyncio.sleep(0)
    assert (told.times, watcher.times) == (2, 1)
