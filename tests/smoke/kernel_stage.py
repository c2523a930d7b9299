# SPDX-License-Identifier: Apache-2.0
"""A host with one wire, and a mirror whose callback is awaited: for the tests of the kernel's adapters."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator

from lbd.kernel.mirror import EVERYTHING, Mirror
from tests.smoke.namespace import Namespace


@contextlib.contextmanager
def wired_host(prefix: str) -> Iterator[Namespace]:
    """a0 (10.9.0.1/24, fd09::1/64) on a wire to b0; the calling thread is in it meanwhile."""
    host = Namespace(f"{prefix}{os.getpid()}")
    host.create()
    try:
        host.ip("link add a0 type veth peer name b0", "link set a0 up", "link set b0 up")
        host.ip("addr add 10.9.0.1/24 dev a0", "addr add fd09::1/64 dev a0 nodad")
        with host.entered():
            yield host
    finally:
        host.delete()


class Watched:
    """A mirror and a way to await what it shows."""

    def __init__(self, what: frozenset[str] = EVERYTHING) -> None:
        self.changed = asyncio.Event()
        self.mirror = Mirror(self.changed.set, what=what)

    async def until(self, true: Callable[[Mirror], object]) -> None:
        async with asyncio.timeout(5):
            while not true(self.mirror):
                self.changed.clear()
                await self.changed.wait()

    def index(self, name: str) -> int:
        link = self.mirror.by_name(name)
        assert link is not None
        return link.ifindex
