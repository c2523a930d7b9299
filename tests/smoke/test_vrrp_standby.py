# SPDX-License-Identifier: Apache-2.0
"""The vrrp process is killed: its standby goes on, or gives way, before the link misses an advert."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbd.cli.status import ask_all
from tests.smoke.program import Program, becomes
from tests.smoke.vrrp_link import Heard, Link

pytestmark = pytest.mark.root

INTERVAL = 0.1
ALIKE = "10.88.1.1"


def text(policy: str) -> str:
    return f"""global_defs {{
    @lbd vrrp_on_death {policy}
}}
vrrp_instance A {{
    interface eth0
    virtual_router_id 1
    version 3
    priority 150
    advert_int {INTERVAL}
    virtual_ipaddress {{
        {ALIKE}
    }}
}}
vrrp_instance B {{
    interface eth0
    virtual_router_id 2
    version 3
    advert_int 1
    virtual_ipaddress {{
        fe80::88:2/64
    }}
}}
"""


@pytest.fixture
def link() -> Iterator[Link]:
    with Link("standby") as link:
        yield link


async def master(link: Link, policy: str) -> Program:
    program = link.start("lbd", text(policy))
    for name in "AB":
        await program.says(rf"\({name}\) Entering MASTER STATE", 15)
    await program.says("Standby of VRRP child process", 15)
    await becomes(lambda: ALIKE in link.addresses(), "the address is there", 5)
    return program


def kill(link: Link) -> int:
    pid = int((link.directory / "vrrp.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    return pid


def adverts(link: Link) -> dict[int, int]:
    """Numbers of adverts of instance A, by priority."""
    link.read()
    return {heard.priority: n for heard, n in link.adverts.items() if heard[:2] == (4, 1)}


async def test_it_goes_on_in_the_same_state(link: Link) -> None:
    program = await master(link, "hold")
    before = (await ask_all(str(link.directory / "run"))).vrrp
    for _ in range(2):
        mark = program.mark()
        link.adverts.clear()
        killed, since = kill(link), time.monotonic()
        await program.says("Standby took over as VRRP child process", 5, mark)
        await becomes(lambda: adverts(link).get(150, 0) >= 5, "adverts go on", 3)
        assert time.monotonic() - since < 3
        assert 0 not in adverts(link)
        assert ALIKE in link.addresses()
        assert "Entering" not in program.text(mark)
        assert int((link.directory / "vrrp.pid").read_text()) != killed
        await program.says("Standby of VRRP child process", 15, mark)
    after = (await ask_all(str(link.directory / "run"))).vrrp
    assert [(i.name, i.state, i.became_master) for i in after] == [
        (i.name, i.state, i.became_master) for i in before
    ]
    assert await program.end(15) == 0
    assert link.router.pids() == []
    assert adverts(link)[0] == 1
    assert ALIKE not in link.addresses()
    left = {path.name for path in (link.directory / "run").iterdir()}
    assert not [name for name in left if name.startswith("vrrp")], left


async def test_it_goes_on_without_a_supervisor(link: Link) -> None:
    program = await master(link, "hold")
    program.process.kill()
    await program.ended()
    link.adverts.clear()
    kill(link)
    await becomes(lambda: adverts(link).get(150, 0) >= 5, "adverts go on", 3)
    assert 0 not in adverts(link)
    assert ALIKE in link.addresses()


async def test_it_gives_way(link: Link) -> None:
    program = await master(link, "yield")
    mark = program.mark()
    link.adverts.clear()
    kill(link)
    await becomes(lambda: 0 in adverts(link), "priority 0 is said", 3)
    assert link.adverts[Heard(6, 2, 0)] == 1
    await program.says(r"\(A\) Entering BACKUP STATE", 3, mark)
    # nobody else is there: it leads again after its own master-down interval
    await program.says(r"\(A\) Entering MASTER STATE", 5, mark)


async def test_a_reload_reaches_the_standby(link: Link) -> None:
    program = await master(link, "hold")
    mark = program.mark()
    Path(link.directory / "lbd.conf").write_text(text("hold").replace("priority 150", "priority 90"))
    program.send(signal.SIGHUP)
    await program.says("Reload finished", 10, mark)
    await becomes(lambda: adverts(link).get(90, 0) >= 2, "adverts say the new priority", 3)
    assert 0 not in adverts(link)
    link.adverts.clear()
    kill(link)
    await becomes(lambda: adverts(link).get(90, 0) >= 5, "the standby knows it", 3)
    assert set(adverts(link)) == {90}


async def test_three_capabilities_are_enough(link: Link) -> None:
    """As in a container with NET_ADMIN, NET_RAW and NET_BROADCAST alone: it leads, and cleans up."""
    few = "--bounding-set=-all,+net_admin,+net_raw,+net_broadcast"
    program = link.start("lbd", text("hold"), "setpriv", few, "--inh-caps=-all")
    for name in "AB":
        await program.says(rf"\({name}\) Entering MASTER STATE", 15)
    await becomes(lambda: ALIKE in link.addresses() and adverts(link).get(150, 0) >= 3, "it leads", 5)
    pid = int((link.directory / "vrrp.pid").read_text())
    status = Path(f"/proc/{pid}/status").read_text()
    held = int(next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16)
    assert held == 1 << 11 | 1 << 12 | 1 << 13
    assert await program.end(15) == 0
    assert adverts(link)[0] == 1
    assert ALIKE not in link.addresses()
