# SPDX-License-Identifier: Apache-2.0
"""The vrrp process is killed: its BFD sessions go on in the standby, and the peer sees nothing of it."""

from __future__ import annotations

import asyncio
import os
import re
import signal

import pytest

from lbd.daemon.bfd_feed import BfdFollower
from tests.smoke.program import becomes
from tests.smoke.vrrp_link import Link, start

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

OURS = """bfd_instance peer {
    neighbor_ip 10.88.0.20
    source_ip 10.88.0.10
    min_rx 300
    min_tx 300
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    version 3
    priority 150
    advert_int 0.5
    virtual_ipaddress {
        10.88.1.1
    }
    track_bfd {
        peer
    }
}
"""
THEIRS = """bfd_instance peer {
    neighbor_ip 10.88.0.10
    source_ip 10.88.0.20
    min_rx 300
    min_tx 300
}
vrrp_instance unused {
    interface p0
    virtual_router_id 250
    virtual_ipaddress {
        10.88.1.250
    }
}
"""


async def test_sessions_outlive_the_process():
    with Link("bfd") as link:
        (there := link.directory / "keepalived").mkdir()
        peer = start(link.peer, "keepalived", THEIRS, there)
        link.programs.append(peer)
        program = link.start("lbd", OURS)
        await program.says(r"\(A\) Entering MASTER STATE", 20)
        await program.says("Standby of VRRP child process", 15)
        told: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        follower = BfdFollower(
            str(link.directory / "run" / "vrrp.sock"), lambda *state: told.put_nowait(state)
        )
        follower.start()
        async with asyncio.timeout(5):
            assert await told.get() == ("peer", True)
        marks = program.mark(), peer.mark()
        os.kill(int((link.directory / "vrrp.pid").read_text()), signal.SIGKILL)
        await program.says("Standby took over as VRRP child process", 5, marks[0])
        link.adverts.clear()

        def adverts() -> int:
            link.read()
            return sum(link.adverts.values())

        await becomes(lambda: adverts() >= 8, "it leads on", 10)
        assert "Entering" not in program.text(marks[0])
        assert not re.search("(?i)entering (admin)?down", peer.text(marks[1]))
        pids = {(link.directory / f"{role}.pid").read_text() for role in ("vrrp", "bfd")}
        assert len(pids) == 1, "bfd.pid has the number of the successor"
        link.peer.kill(signal.SIGKILL)
        await program.says(r"BFD_Instance\(peer\) Entering Down", 10, marks[0])
        await program.says(r"\(A\) Entering FAULT STATE", 5, marks[0])
        async with asyncio.timeout(5):
            assert await told.get() == ("peer", False)
        await follower.close()
