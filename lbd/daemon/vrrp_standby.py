# SPDX-License-Identifier: Apache-2.0
"""The standby of the vrrp process: everything is loaded, the kernel is followed, the states are fed; nothing is sent.

When the process that it follows dies it takes over at once and by itself, whether or not there is a supervisor: it
goes on with the same states (``hold``), or gives up what they held (``yield``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from lbd.daemon.feed import FEED, Follower
from lbd.daemon.vrrp import VrrpRole
from lbd.model import Config
from lbd.model.status import VrrpRoleStatus

log = logging.getLogger("lbd.vrrp")

START_TIME = 5.0
"""Seconds in which the process that is followed should have fed us."""


class VrrpStandby:
    """A Role (``daemon/role.py``) and a Successor."""

    def __init__(self, role: VrrpRole, path: str) -> None:
        """path: the socket of the process that is followed."""
        self._role = role
        self._follower = Follower(path + FEED)
        self._config: Config | None = None
        self._following: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.taken = False
        self._named = asyncio.Event()
        """It has the names of the other, too: who looks for a standby by its name does not find this one."""
        self.on_taken: Callable[[], None] = lambda: None

    async def start(self, config: Config) -> None:
        """Returns when it is ready to take over, or after a while in which nobody fed it."""
        self._config = config
        await self._role.prepare(config)
        self._following = asyncio.get_running_loop().create_task(self._follow())
        try:
            await asyncio.wait_for(self._follower.fed.wait(), START_TIME)
        except TimeoutError:
            log.warning("the standby has nobody to stand by for yet")

    async def reload(self, config: Config) -> None:
        async with self._turn:
            self._config = config
            if self.taken:
                await self._role.reload(config)

    async def stop(self) -> None:
        async with self._turn:
            if self._following is not None and not self.taken:
                self._following.cancel()
                await asyncio.gather(self._following, return_exceptions=True)
            await self._role.stop()

    def status(self) -> VrrpRoleStatus:
        return self._role.status()

    async def succeed(self) -> bool:
        """Asked by the supervisor when the other is dead: True if its place is taken."""
        for _ in range(100):
            if self.taken or not self._follower.fed.is_set():
                break
            await asyncio.sleep(0.01)
        if self.taken:
            await self._named.wait()
        return self.taken

    async def _follow(self) -> None:
        await self._follower.death()
        async with self._turn:
            if self._config is None:
                return
            self.taken = True
            log.warning("The VRRP process died: its standby takes over")
            follower = self._follower
            await self._role.take_over(self._config, follower.states.values(), follower.sessions)
        self.on_taken()
        self._named.set()
