# SPDX-License-Identifier: Apache-2.0
"""interface_up_down_delays: a link that bounces changes nothing, one that stays down counts when its time is over."""

from __future__ import annotations

import asyncio

from lbd.daemon.link_delays import LinkDelays
from lbd.model import LinkDelay


def made() -> tuple[LinkDelays, asyncio.Event]:
    settled = asyncio.Event()
    delays = LinkDelays(settled.set)
    delays.configure([LinkDelay(interface="eth0", down=0.05, up=0.02)])
    return delays, settled


async def test_it_counts_when_its_time_is_over_and_not_before():
    delays, settled = made()
    loop = asyncio.get_running_loop()
    assert delays.up("eth0", True)
    for now, seconds in ((False, 0.05), (True, 0.02)):
        began = loop.time()
        assert delays.up("eth0", now) is not now
        async with asyncio.timeout(5):
            await settled.wait()
        settled.clear()
        assert loop.time() - began >= seconds - 0.002
        assert delays.up("eth0", now) is now


async def test_a_bounce_is_none():
    delays, settled = made()
    assert delays.up("eth0", True)
    assert delays.up("eth0", False)
    assert delays.up("eth0", True)
    assert not delays._changing, "nothing is waited for any more"
    assert not settled.is_set()


async def test_what_counts_at_once():
    delays, settled = made()
    assert not delays.up("eth0", False), "seen for the first time"
    assert delays.up("eth1", True), "no delay"
    assert not delays.up("eth1", False)
    delays.up("eth0", True)
    delays.configure([])
    assert delays.up("eth0", True)
    assert not delays.up("eth0", False), "no delay any more"
    delays.close()
    assert not settled.is_set()
