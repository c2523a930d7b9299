# SPDX-License-Identifier: Apache-2.0
"""The vrrp process is killed: what scripts, files and processes have added to the priority counts on without a gap."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from tests.smoke.program import Program, becomes
from tests.smoke.vrrp_link import Link

pytestmark = [pytest.mark.root, pytest.mark.timeout(90)]

TEXT = """vrrp_script slow {{
    script "/usr/bin/sleep 1"
    interval 3
    timeout 2
    weight 10
}}
vrrp_script bad {{
    script "/usr/bin/false"
    interval 1
    weight -3
}}
track_file number {{
    file {file}
    weight 2
}}
vrrp_track_process us {{
    process {process}
    weight 5
}}
vrrp_instance A {{
    interface eth0
    virtual_router_id 1
    version 3
    priority 100
    advert_int 0.1
    virtual_ipaddress {{
        10.88.1.1
    }}
    track_script {{
        slow
        bad
    }}
    track_file {{
        number
    }}
    track_process {{
        us
    }}
}}
"""
EFFECTIVE = 100 + 10 - 3 + 2 * 4 + 5


async def test_the_priority_stays_what_it_was() -> None:
    with Link("weights") as link:
        (link.directory / "number").write_text("4\n")
        name = f"track{os.getpid()}"
        shutil.copy("/usr/bin/sleep", link.directory / name)
        link.programs.append(
            Program(link.router, name, link.directory / "sleep.log", str(link.directory / name), "300")
        )
        program = link.start("lbd", TEXT.format(file=link.directory / "number", process=name))
        await program.says(r"\(A\) Entering MASTER STATE", 20)

        def adverts() -> dict[int, int]:
            link.read()
            return {heard.priority: n for heard, n in link.adverts.items()}

        await becomes(lambda: EFFECTIVE in adverts(), "all trackers count", 10)
        await program.says("Standby of VRRP child process", 15)
        link.adverts.clear()
        mark = program.mark()
        os.kill(int((link.directory / "vrrp.pid").read_text()), signal.SIGKILL)
        await program.says("Standby took over as VRRP child process", 5, mark)
        await becomes(lambda: sum(adverts().values()) >= 40, "adverts go on", 10)
        assert set(adverts()) == {EFFECTIVE}
        assert "Changing effective priority" not in program.text(mark)
        assert await program.end(15) == 0
