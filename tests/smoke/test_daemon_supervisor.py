# SPDX-License-Identifier: Apache-2.0
"""The table of deaths and reloads, with real processes, signals and sockets around actors (daemon_stage.py)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.smoke.daemon_house import SERVERS, VRRP, Stage, on_stage, until

pytestmark = pytest.mark.root


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with on_stage(tmp_path) as result:
        yield result


@pytest.mark.parametrize(("role", "option"), [("vrrp", "r"), ("check", "c")])
async def test_a_killed_role_is_started_again_and_told_to_adopt(stage: Stage, role: str, option: str) -> None:
    stage.write(**VRRP, **SERVERS)
    stage.start()
    await until(lambda: stage.events("vrrp"))
    others = {name: pid for name, pid in stage.status()["pids"].items() if name != role}
    os.kill(stage.pid(option), signal.SIGKILL)
    await until(lambda: len(stage.events(role)) == 2)
    assert stage.events(role) == ["start one adopt=False", "start one adopt=True"]
    assert others.items() <= stage.status()["pids"].items()
    assert "exited due to signal 9 (SIGKILL)" in stage.log.read_text()


async def test_a_killed_dataplane_is_started_again_under_the_same_guard(stage: Stage) -> None:
    stage.write(**SERVERS)
    stage.start()
    await until(lambda: stage.events("check"))
    os.kill(stage.dp_pid(), signal.SIGKILL)
    await until(lambda: stage.events("dp") == ["start", "start"])
    assert stage.events("guard") == ["up"]


async def test_a_guard_whose_holder_ended_is_made_anew(stage: Stage) -> None:
    stage.write(**SERVERS)
    parent = stage.start()
    await until(lambda: stage.events("check"))
    holders = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    names = {int(pid): Path(f"/proc/{pid}/comm").read_text().strip() for pid in holders}
    os.kill(next(pid for pid, name in names.items() if name == "sh"), signal.SIGKILL)
    os.kill(stage.dp_pid(), signal.SIGKILL)
    await until(lambda: stage.events("dp") == ["start", "start"])
    assert stage.events("guard").count("up") == 2


async def test_deaths_in_a_row_are_answered_ever_later(stage: Stage) -> None:
    stage.write(**VRRP)
    stage.start()
    await until(lambda: len(stage.events("vrrp")) == 1)
    os.kill(stage.pid("r"), signal.SIGKILL)
    await until(lambda: len(stage.events("vrrp")) == 2)
    since = time.monotonic()
    os.kill(stage.pid("r"), signal.SIGKILL)
    await until(lambda: len(stage.events("vrrp")) == 3)
    assert time.monotonic() - since >= 1.0


async def test_a_killed_supervisor_leaves_all_and_the_next_adopts_it(stage: Stage) -> None:
    stage.write(**VRRP, **SERVERS)
    first = stage.start()
    await until(lambda: stage.events("vrrp"))
    before = stage.status()["pids"]
    first.kill()
    first.wait()
    await until(lambda: "The parent process is gone" in stage.log.read_text())
    assert stage.status()["pids"] == before
    second = stage.start()
    await until(lambda: "Adopted VRRP child process" in stage.log.read_text())
    assert stage.status()["pids"] == before
    assert [len(stage.events(role)) for role in ("vrrp", "check", "dp")] == [1, 1, 1]
    os.kill(before["dp"], signal.SIGKILL)  # the second holds the guard, too
    await until(lambda: stage.events("dp") == ["start", "start"])
    assert stage.events("guard") == ["up"]
    second.send_signal(signal.SIGTERM)
    assert second.wait(10) == 0
    await until(lambda: stage.events("guard") == ["up", "down"])
    assert stage.processes() == []


async def test_adopted_children_get_a_changed_file_and_missing_ones_are_started(stage: Stage) -> None:
    stage.write(**VRRP)
    first = stage.start()
    await until(lambda: stage.events("vrrp"))
    first.kill()
    first.wait()
    stage.write("two", **VRRP, **SERVERS)
    stage.start()
    await until(lambda: "reload two" in stage.events("vrrp"))
    assert stage.events("check") == ["start two adopt=False"]


async def test_an_adopted_child_is_watched(stage: Stage) -> None:
    stage.write(**VRRP)
    first = stage.start()
    await until(lambda: stage.events("vrrp"))
    first.kill()
    first.wait()
    stage.start()
    await until(lambda: "Adopted VRRP" in stage.log.read_text())
    os.kill(stage.pid("r"), signal.SIGKILL)
    await until(lambda: stage.events("vrrp") == ["start one adopt=False", "start one adopt=True"])


async def test_a_reload_starts_reloads_and_stops_what_the_file_says(stage: Stage) -> None:
    stage.write(**VRRP)
    parent = stage.start()
    await until(lambda: stage.events("vrrp"))
    stage.write("two", **VRRP, **SERVERS)
    parent.send_signal(signal.SIGHUP)
    await until(lambda: "Reload finished" in stage.log.read_text())
    assert stage.events("vrrp")[-1] == "reload two"
    assert stage.events("check") == ["start two adopt=False"]
    stage.write("three", **SERVERS)
    parent.send_signal(signal.SIGHUP)
    await until(lambda: stage.log.read_text().count("Reload finished") == 2)
    assert stage.events("vrrp")[-1] == "stop"
    assert stage.status()["processes"]["vrrp"] == "not running"


async def test_a_broken_file_changes_nothing_and_says_why(stage: Stage) -> None:
    stage.write(**VRRP)
    parent = stage.start()
    await until(lambda: stage.events("vrrp"))
    stage.file.write_text("{ broken")
    parent.send_signal(signal.SIGHUP)
    await until(lambda: "Reload refused" in stage.log.read_text())
    assert f"{stage.file}:1:1: error:" in stage.log.read_text()
    assert stage.events("vrrp") == ["start one adopt=False"]
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 0


async def test_a_reload_that_brings_faults_is_refused_unless_forced(stage: Stage) -> None:
    stage.write(**VRRP, faults=["an old fault [LB0107]"])
    parent = stage.start()
    await until(lambda: stage.events("vrrp"))
    stage.write("two", **VRRP, faults=["an old fault [LB0107]"])
    parent.send_signal(signal.SIGHUP)
    await until(lambda: "Reload finished" in stage.log.read_text())
    faults = ["an old fault [LB0107]", "a new fault [LB0201]"]
    stage.write("three", **VRRP, faults=faults)
    parent.send_signal(signal.SIGHUP)
    await until(lambda: "Reload refused" in stage.log.read_text())
    said = stage.log.read_text()
    assert "does not have this fault" in said
    assert "a new fault [LB0201]" in said
    assert "an old fault" not in said
    assert stage.events("vrrp") == ["start one adopt=False", "reload two"]
    assert stage.lbctl("reload", "--force", "--pid", f"{stage.directory}/p.pid").returncode == 0
    await until(lambda: stage.events("vrrp")[-1] == "reload three")
    stage.write("four", **VRRP, faults=[*faults, "another [LB0201]"])
    parent.send_signal(signal.SIGHUP)  # the force was for one reload
    await until(lambda: stage.log.read_text().count("Reload refused") == 2)


async def test_a_role_that_cannot_reload_keeps_its_work(stage: Stage) -> None:
    stage.write(**VRRP)
    parent = stage.start()
    await until(lambda: stage.events("vrrp"))
    stage.write("unwanted", **VRRP)
    parent.send_signal(signal.SIGHUP)
    await until(
        lambda: "did not take the new configuration: this is not to my liking" in stage.log.read_text()
    )
    assert stage.status()["processes"]["vrrp"] == "running"


async def test_a_role_that_refused_a_reload_is_started_again_with_what_it_ran(stage: Stage) -> None:
    stage.write(**VRRP)
    parent = stage.start()
    await until(lambda: stage.events("vrrp"))
    stage.write("unwanted", **VRRP)
    parent.send_signal(signal.SIGHUP)
    await until(lambda: "did not take" in stage.log.read_text())
    os.kill(stage.pid("r"), signal.SIGKILL)
    await until(lambda: stage.events("vrrp")[-1] == "start one adopt=True")


async def test_a_role_that_dies_of_a_reload_comes_back_with_the_new_file(stage: Stage) -> None:
    stage.write(**VRRP)
    parent = stage.start()
    await until(lambda: stage.events("vrrp"))
    stage.write("deadly", **VRRP)
    parent.send_signal(signal.SIGHUP)
    await until(lambda: stage.events("vrrp")[-1] == "start deadly adopt=True")


async def test_dont_respawn_ends_with_the_first_death(stage: Stage) -> None:
    stage.write(**VRRP)
    parent = stage.start("-R")
    await until(lambda: stage.events("vrrp"))
    os.kill(stage.pid("r"), signal.SIGKILL)
    assert parent.wait(10) == 1
    assert stage.events("vrrp") == ["start one adopt=False"]


async def test_lbctl_shows_what_answers_and_names_what_does_not(stage: Stage) -> None:
    stage.write(**VRRP, **SERVERS)
    stage.start()
    await until(lambda: stage.events("vrrp"))
    status = stage.status()
    service = status["services"][0]
    assert service["address"] == "TCP 10.0.0.1:80"
    assert service["real_servers"][0]["counters"]["connections"] == 7
    assert service["real_servers"][0]["reason"] == "refused"
    assert status["dataplane"]["drops"] == {"TTL": 1}
    table = stage.lbctl("status").stdout
    for word in ("VI_1", "MASTER", "10.0.0.2:80", "down", "refused", "standing", "TTL 1"):
        assert word in table
    assert "\x1b" not in table
    assert "TTL" in stage.lbctl("drops").stdout
    os.kill(stage.pid("c"), signal.SIGSTOP)
    status = stage.status()
    assert str(status["processes"]["check"]).startswith("does not answer")
    assert status["processes"]["vrrp"] == "running"
    assert status["services"][0]["real_servers"][0]["counters"]["connections"] == 7


@pytest.mark.parametrize(
    "noise", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02\xc0\xc0", b"\x00\x00\x00\x09abc", b"GET / HTTP/1.0\r\n"]
)
async def test_noise_on_a_control_socket_harms_nobody(stage: Stage, noise: bytes) -> None:
    stage.write(**VRRP)
    stage.start()
    await until(lambda: stage.events("vrrp"))
    reader, writer = await asyncio.open_unix_connection(str(stage.run_dir / "vrrp.sock"))
    writer.write(noise)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    assert stage.status()["processes"]["vrrp"] == "running"
    assert "Traceback" not in stage.log.read_text()
    assert (stage.run_dir / "vrrp.sock").stat().st_mode & 0o777 == 0o600
    assert stage.run_dir.stat().st_mode & 0o777 == 0o700
