# SPDX-License-Identifier: Apache-2.0
"""A standby that takes over, against a role that takes its time."""

from __future__ import annotations

import asyncio
from typing import cast

from lbd.daemon.vrrp import VrrpRole
from lbd.daemon.vrrp_standby import VrrpStandby
from lbd.model import Config


class SlowRole:
    def __init__(self) -> None:
        self.taking, self.go_on = asyncio.Event(), asyncio.Event()

    async def take_over(self, *_: object) -> None:
        self.taking.set()
        await self.go_on.wait()


async def test_it_has_taken_over_when_it_has_the_names_too() -> None:
    """Else the supervisor found it under its old name and took it for the next standby: the next death had none."""
    role, order = SlowRole(), list[str]()
    standby = VrrpStandby(cast(VrrpRole, role), "/nonexistent/vrrp.sock")
    standby.on_taken = lambda: order.append("named")
    standby._config = Config()
    standby._follower.death = _at_once  # type: ignore[method-assign]
    following = asyncio.create_task(standby._follow())
    await role.taking.wait()
    asked = asyncio.create_task(standby.succeed())
    asked.add_done_callback(lambda _: order.append("answered"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not asked.done()
    role.go_on.set()
    await following
    assert await asked
    assert order[0] == "named"


async def _at_once() -> None:
    return None
