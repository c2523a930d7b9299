# SPDX-License-Identifier: Apache-2.0
"""What a FIFO is told of the same events by lbd and by keepalived 2.2.7, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lbd.model import VirtualAddress, VrrpInstance
from lbd.vrrp.advert import GROUP4
from tests.machines.wire import datagram
from tests.smoke.program import Program, becomes
from tests.smoke.vrrp_link import Link

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

TEXT = """global_defs {{
    vrrp_notify_fifo {fifo}
    fifo_write_vrrp_states_on_reload
}}
track_file tf {{
    file {tracked}
    weight 1
}}
vrrp_sync_group G {{
    group {{
        A
    }}
}}
vrrp_instance A {{
    interface eth0
    virtual_router_id 1
    version 3
    advert_int 0.2
    priority 100
    notify_priority_changes
    virtual_ipaddress {{
        10.88.4.1
    }}
}}
vrrp_instance B {{
    interface eth0
    virtual_router_id 2
    version 3
    advert_int 0.2
    priority 100
    notify_priority_changes
    track_file {{
        tf
    }}
    virtual_ipaddress {{
        10.88.4.2
    }}
}}
{more}"""
DELETED = """vrrp_instance C {{
    interface eth0
    virtual_router_id 3
    version 3
    advert_int 0.2
    {word}
    virtual_ipaddress {{
        10.88.4.3
    }}
}}
"""


RELOADED = {
    "lbd": ('INSTANCE "A" MASTER 100', 'INSTANCE "B" MASTER 107'),
    "keepalived": ('INSTANCE "B" BACKUP_PRIORITY 107',),
}
"""fifo_write_vrrp_states_on_reload: lbd does what keepalived.conf(5) says. 2.2.7 repeats groups alone, and says of a
master's priority, which is what it was, that it has become a backup's."""


def advert(number: int, priority: int) -> VrrpInstance:
    held = VirtualAddress(address=f"10.88.4.{number}", prefix=32, dev="eth0")
    return VrrpInstance(
        name="peer",
        interface="p0",
        virtual_router_id=number,
        version=3,
        advert_int=0.2,
        priority=priority,
        virtual_ipaddress=(held,),
    )


class Story:
    """One daemon, one FIFO, and what happens to them."""

    def __init__(self, link: Link, daemon: str) -> None:
        self.link, self.daemon = link, daemon
        self.fifo, self.tracked = link.directory / "fifo", link.directory / "tracked"
        self.tracked.write_text("0\n")
        os.mkfifo(self.fifo, 0o600)
        self.end = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        self.told = b""
        self.program: Program | None = None

    def text(self, more: str = "") -> str:
        return TEXT.format(fifo=self.fifo, tracked=self.tracked, more=more)

    async def says(self, *lines: str) -> None:
        """Waits until these lines have come since the last time, in whatever order those of two instances do."""
        wanted = sorted(f"{line}\n".encode() for line in lines)

        def so() -> bool:
            with contextlib.suppress(BlockingIOError):
                self.told += os.read(self.end, 65536)
            return sorted(self.told.splitlines(keepends=True)) == wanted

        try:
            await becomes(so, "told", 10)
        except TimeoutError:
            raise AssertionError(f"{self.daemon}: {self.told!r}, expected {lines}") from None
        self.told = b""

    def hears(self, number: int, priority: int) -> Callable[[], None]:
        conf = advert(number, priority)
        return lambda: self.link.send(datagram(conf, priority, "10.88.0.20", GROUP4))

    async def reload(self, text: str) -> None:
        assert self.program is not None
        Path(self.link.directory / f"{self.daemon}.conf").write_text(text)
        self.program.send(signal.SIGHUP)


@pytest.mark.parametrize("daemon", ["lbd", "keepalived"])
@pytest.mark.parametrize(("word", "last"), [("", "FAULT"), ("notify_deleted", "DELETED")])
async def test_a_life(daemon: str, word: str, last: str) -> None:
    with Link("fifo") as link:
        story = Story(link, daemon)
        story.program = link.start(daemon, story.text(DELETED.format(word=word)))
        await story.says(
            *(f'INSTANCE "{name}" {state} 100' for name in "ABC" for state in ("BACKUP", "MASTER")),
            'GROUP "G" BACKUP 0',
            'GROUP "G" MASTER 0',
        )
        story.tracked.write_text("7\n")
        await story.says('INSTANCE "B" MASTER_PRIORITY 107')
        story.hears(2, 50)()
        await story.says('INSTANCE "B" MASTER_RX_LOWER_PRI 107')
        story.hears(1, 200)()
        await story.says('INSTANCE "A" BACKUP 100', 'GROUP "G" BACKUP 0')
        await story.says('INSTANCE "A" MASTER 100', 'GROUP "G" MASTER 0')
        link.router.ip("link set eth0 down")
        await story.says(
            'INSTANCE "A" FAULT 100', 'GROUP "G" FAULT 0', 'INSTANCE "B" FAULT 107', 'INSTANCE "C" FAULT 100'
        )
        link.router.ip("link set eth0 up")
        await story.says(
            *(
                f'INSTANCE "{n}" {s} {p}'
                for n, p in (("A", 100), ("B", 107), ("C", 100))
                for s in ("BACKUP", "MASTER")
            ),
            'GROUP "G" BACKUP 0',
            'GROUP "G" MASTER 0',
        )
        await story.reload(story.text())
        await story.says(f'INSTANCE "C" {last} 100', 'GROUP "G" MASTER 0', *RELOADED[daemon])
        ended = asyncio.create_task(story.program.end(15))
        await story.says('INSTANCE "A" STOP 100', 'INSTANCE "B" STOP 107', 'GROUP "G" STOP 0')
        assert await ended == 0
        os.close(story.end)
