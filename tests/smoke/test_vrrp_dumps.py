# SPDX-License-Identifier: Apache-2.0
"""Dump files of lbd and of keepalived 2.2.7 under one configuration, line by line."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.smoke.program import becomes
from tests.smoke.vrrp_link import Link

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

TEXT = """global_defs {
    router_id r1
    script_user root
}
static_ipaddress {
    192.0.2.8/32 dev eth0
}
static_routes {
    198.51.100.0/24 dev eth0 table 77
}
static_rules {
    from 192.0.2.1 table 77 preference 700
}
vrrp_script chk {
    script "/usr/bin/true"
    interval 2
}
track_file tf {
    file FILE
    weight 2
    init_file 0
}
vrrp_track_process tp {
    process lbdnobody
    weight 3
    quorum 9000
}
vrrp_sync_group G {
    group {
        A
        B
    }
    notify_master "/usr/bin/true g"
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    version 3
    advert_int 0.1
    priority 150
    garp_master_refresh 60
    virtual_ipaddress {
        10.88.4.1/24 label eth0:1
    }
    virtual_ipaddress_excluded {
        fd88::1/64
    }
    virtual_routes {
        203.0.113.0/25 via 10.88.0.20 dev eth0
    }
    virtual_rules {
        from 10.88.4.0/24 table 1000 priority 500
    }
    notify "/usr/bin/true all"
    notify_backup "/usr/bin/true b"
    smtp_alert
}
vrrp_instance B {
    interface eth0
    virtual_router_id 2
    advert_int 1
    nopreempt
    unicast_src_ip 10.88.0.10
    unicast_peer {
        10.88.0.20
    }
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        10.88.4.2
    }
}
vrrp_instance C {
    interface eth0
    virtual_router_id 3
    version 3
    native_ipv6
    track_script {
        chk weight 5
    }
    track_file {
        tf
    }
    track_process {
        tp
    }
    track_interface {
        lo weight 10
    }
    virtual_ipaddress {
        fe80::3/64
    }
}
"""
TRACKED = f"/run/lbd-{os.getpid()}-tracked"
OF_THE_MOMENT = re.compile(
    r"(   Last transition = |   Read timeout = |   Master down timer = |   Password = |   State = |   Result = ).*"
)
ITS_OWN = re.compile(
    r"   fd_in \d+, fd_out \d+|   Weight = \d+|   VRRP instances :|   (Fork|Terminate) delay timer not running"
)
"""Lines that lbd has not: descriptors, weights that it keeps with who tracks, timers."""
NOT_OURS = {
    "------< Global definitions >------",
    "------< VRRP Sockpool >------",
    "------< Interfaces >------",
}


async def dumped(link: Link, daemon: str) -> dict[str, Any]:
    """The texts of the dump files, by name."""
    directory = Path(link.directory) / f"dumps of {daemon}"
    directory.mkdir()
    text = TEXT.replace("FILE", TRACKED)
    program = link.start(daemon, text, "env", f"TMPDIR={directory}")
    for name in "ABC":
        await program.says(rf"\({name}\) Entering MASTER STATE", 15)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMIN + 2):
        os.kill(program.process.pid, number)
    names = ("keepalived.data", "keepalived.stats", "keepalived.json", "keepalived_parent.data")
    paths = [directory / name for name in names]
    await becomes(
        lambda: all(path.exists() and path.read_text().endswith("\n") for path in paths), "dumps", 10
    )
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert await program.end(15) == 0
    return {path.name: path.read_text() for path in paths}


def sections(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    title = ""
    for line in text.splitlines():
        if line.startswith("------<"):
            title = line
            found[title] = []
        elif not ITS_OWN.fullmatch(line):
            found[title].append(OF_THE_MOMENT.sub(r"\1", line))
    return found


async def test_the_same_lines_and_keys() -> None:
    dumps = {}
    try:
        for daemon in ("lbd", "keepalived"):
            with Link("dumps") as link:
                dumps[daemon] = await dumped(link, daemon)
    finally:
        Path(TRACKED).unlink(missing_ok=True)
    ours, theirs = (sections(dumps[daemon]["keepalived.data"]) for daemon in ("lbd", "keepalived"))
    assert list(ours) == [title for title in theirs if title not in NOT_OURS or title in ours]
    for title in theirs.keys() - NOT_OURS:
        assert ours[title] == theirs[title], title
    known = set(theirs["------< Global definitions >------"])
    assert {line for line in ours["------< Global definitions >------"] if line not in known} == set()
    stats = [re.sub(r"\d+$", "", dumps[daemon]["keepalived.stats"], flags=re.MULTILINE) for daemon in dumps]
    assert stats[0] == stats[1]
    ours_json, theirs_json = (
        json.loads(dumps[daemon]["keepalived.json"]) for daemon in ("lbd", "keepalived")
    )
    for our, their in zip(ours_json, theirs_json, strict=True):
        assert list(our["stats"]) == list(their["stats"])
        mine = {k: v for k, v in our["data"].items() if k != "track_process"}  # of later keepaliveds
        assert list(mine) == list(their["data"])
        differing = {name for name, value in mine.items() if value != their["data"][name]}
        assert differing <= {"last_transition", "auth_data"}
    assert "secret" not in "".join(dumps["lbd"].values())
