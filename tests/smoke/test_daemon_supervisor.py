# SPDX-License-Identifier: Apache-2.0
"""The table of deaths, with real processes, signals, sockets and PID files (the roles are actors, daemon_stage.py)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

STAGE = Path(__file__).with_name("daemon_stage.py")
ROOT = STAGE.parents[2]
pytestmark = pytest.mark.root

VRRP: dict[str, Any] = {"vrrp_instances": [{"name": "VI_1", "interface": "lo", "virtual_router_id": 1}]}
SERVERS: dict[str, Any] = {
    "virtual_servers": [
        {"name": "[10.0.0.1]:tcp:80", "addresses": [{"address": "10.0.0.1", "port": 80, "protocol": "TCP"}]}
    ]
}


class Stage:
    """One lbd on its own files; everything it started is gone afterwards."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "conf.json"
        self.run_dir = directory / "run"
        self.log = directory / "log"
        self.started: list[subprocess.Popen[bytes]] = []

    def write(self, router_id: str = "one", **config: Any) -> None:
        self.file.write_text(json.dumps({"global_defs": {"router_id": router_id}, **config}))

    def command(self, *words: str) -> list[str]:
        pids = [f"{option}{self.directory}/{option[1]}.pid" for option in ("-p", "-r", "-c", "-b")]
        places = ["-f", str(self.file), "--run-dir", str(self.run_dir), *pids]
        return [sys.executable, str(STAGE), "lbd", "-l", *places, *words]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "STAGE": str(self.directory), "PYTHONPATH": str(ROOT)}

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command("-n", *words), env=self.environment, stdout=log, stderr=log
            )
        self.started.append(process)
        return process

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*words)
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )

    def events(self, role: str) -> list[str]:
        path = self.directory / f"{role}.events"
        return path.read_text().splitlines() if path.exists() else []

    def pid(self, option: str) -> int:
        return int((self.directory / f"{option}.pid").read_text())

    def dp_pid(self) -> int:
        return int(self.status()["pids"]["dp"])

    def status(self) -> dict[str, Any]:
        answer = self.lbctl("status", "-o", "json")
        result: dict[str, Any] = json.loads(answer.stdout)
        return result

    def lbctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lbd.cli.lbctl", "--run-dir", str(self.run_dir), *words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )

    def processes(self) -> list[int]:
        """All processes whose command line names this stage's directory."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(self.directory).encode() in entry.read_bytes():
                    found.append(int(entry.parent.name))
            except OSError:
                continue
        return found

    def clean(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.wait()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    result = Stage(tmp_path)
    try:
        yield result
    finally:
        result.clean()


async def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    """Files and exits have no event to await."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """A zombie is not alive, whoever has yet to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_all_is_cleaned_up_within_2_s_of_sigterm(stage: Stage) -> None:
    stage.write(**VRRP, **SERVERS)
    parent = stage.start()
    await until(lambda: stage.events("vrrp"))
    since = time.monotonic()
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 0
    assert time.monotonic() - since < 2.0
    assert [stage.events(role)[-1] for role in ("vrrp", "check", "dp")] == ["stop"] * 3
    assert stage.processes() == []
    assert not (stage.directory / "address").exists()
    assert list(stage.directory.glob("*.pid")) == []
    assert list(stage.run_dir.glob("*.sock")) == []


async def test_only_vrrp_without_virtual_servers(stage: Stage) -> None:
    stage.write(**VRRP)
    stage.start()
    await until(lambda: stage.events("vrrp"))
    assert stage.status()["processes"] == {"vrrp": "running", "check": "not running", "dp": "not running"}


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


async def test_sigterm_in_the_middle_of_a_start_leaves_nothing(stage: Stage) -> None:
    stage.write("slow", **VRRP, **SERVERS)
    parent = stage.start()
    await until(lambda: stage.events("check") == ["starting"])
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 0
    assert stage.processes() == []
    assert stage.events("dp") == ["start", "stop"]


async def test_a_second_start_is_refused_in_a_sentence(stage: Stage) -> None:
    stage.write(**VRRP)
    stage.start()
    await until(lambda: stage.events("vrrp"))
    second = stage.run("-n")
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert "another lbd" in second.stderr
    elsewhere = stage.run("-n", "--run-dir", str(stage.directory / "other"))
    assert elsewhere.returncode == 1
    assert "daemon is already running" in elsewhere.stderr
    assert stage.events("vrrp") == ["start one adopt=False"]


async def test_a_refused_file_starts_nothing(stage: Stage) -> None:
    stage.file.write_text("{ broken")
    answer = stage.run("-n")
    assert answer.returncode == 2
    assert f"{stage.file}:1:1: error:" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert stage.processes() == []
    assert list(stage.directory.glob("*.pid")) == []


async def test_no_file_is_keepalived_s_exit_code_6(stage: Stage) -> None:
    answer = stage.run("-n")
    assert answer.returncode == 6
    assert "Config files missing" in answer.stderr


async def test_a_child_that_cannot_work_ends_everything_with_its_sentence(stage: Stage) -> None:
    stage.write("impossible", **VRRP)
    answer = stage.run("-n")
    assert answer.returncode == 2
    assert "no such interface eth9" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert stage.processes() == []


async def test_dont_release_ipvs_leaves_the_dataplane(stage: Stage) -> None:
    stage.write(**VRRP, **SERVERS)
    parent = stage.start("-I")
    await until(lambda: stage.events("vrrp"))
    dp = stage.dp_pid()
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 0
    assert alive(dp)
    assert stage.events("dp") == ["start"]
    assert stage.events("guard") == ["up"]
    stage.start()
    await until(lambda: "Adopted Dataplane" in stage.log.read_text())


async def test_dont_release_vrrp_leaves_the_address(stage: Stage) -> None:
    stage.write(**VRRP)
    parent = stage.start("-V")
    await until(lambda: stage.events("vrrp"))
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 0
    assert (stage.directory / "address").exists()
    assert stage.processes() == []


async def test_dont_respawn_ends_with_the_first_death(stage: Stage) -> None:
    stage.write(**VRRP)
    parent = stage.start("-R")
    await until(lambda: stage.events("vrrp"))
    os.kill(stage.pid("r"), signal.SIGKILL)
    assert parent.wait(10) == 1
    assert stage.events("vrrp") == ["start one adopt=False"]


async def test_as_a_daemon_the_command_returns_when_all_runs(stage: Stage) -> None:
    stage.write(**VRRP)
    with (stage.directory / "out").open("wb") as out:
        code = subprocess.run(
            stage.command(), env=stage.environment, stdout=out, stderr=out, timeout=30, check=False
        )
    assert code.returncode == 0
    assert stage.events("vrrp") == ["start one adopt=False"]
    parent = stage.pid("p")
    assert os.getsid(parent) != os.getsid(0)
    os.kill(parent, signal.SIGTERM)
    await until(lambda: not stage.processes())


async def test_as_a_daemon_the_command_fails_when_lbd_does(stage: Stage) -> None:
    stage.write("impossible", **VRRP)
    answer = stage.run()
    assert answer.returncode == 2
    assert "no such interface eth9" in answer.stderr


async def test_as_pid_1_it_reaps_what_others_leave_behind(stage: Stage) -> None:
    stage.write(**VRRP)
    with stage.log.open("ab") as log:
        command = ["unshare", "--pid", "--fork", "--mount-proc", *stage.command("-n")]
        outer = subprocess.Popen(command, env=stage.environment, stdout=log, stderr=log)
    stage.started.append(outer)
    await until(lambda: stage.events("vrrp"))
    parent = next(pid for pid in stage.processes() if pid != outer.pid and _inner(pid) == 1)
    orphan = ["nsenter", f"--target={parent}", "--pid", "--mount", "sh", "-c", "(sleep 0.05 &) ; exit 0"]
    subprocess.run(orphan, check=True)
    children = Path(f"/proc/{parent}/task/{parent}/children")
    await until(lambda: len(children.read_text().split()) == 1)
    os.kill(parent, signal.SIGTERM)
    assert outer.wait(10) == 0


def _inner(pid: int) -> int:
    """Its number in its own PID namespace."""
    line = next(
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("NSpid:")
    )
    return int(line.split()[-1])


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


async def test_without_capabilities_it_says_so(stage: Stage) -> None:
    stage.write(**VRRP)
    command = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", *stage.command("-n")]
    answer = subprocess.run(
        command, env=stage.environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert answer.returncode == 4
    assert "lacking NET_ADMIN" in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/usr/sbin/keepalived").exists(), reason="needs Debian's keepalived")
async def test_neither_starts_beside_the_other(stage: Stage) -> None:
    """The real keepalived, in a network namespace, with the PID files that lbd is given."""
    namespace = f"lbdsup{os.getpid()}"
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    real: subprocess.Popen[bytes] | None = None
    try:
        for words in ("link add veth0 type veth peer veth1", "link set veth0 up", "link set veth1 up"):
            subprocess.run(["ip", "-n", namespace, *words.split()], check=True)
        config = stage.directory / "keepalived.conf"
        config.write_text(
            "vrrp_instance VI_1 {\n interface veth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.9.9.9\n }\n}\n"
        )
        pids = [f"{option}{stage.directory}/{option[1]}.pid" for option in ("-p", "-r", "-c", "-b")]
        theirs = ["ip", "netns", "exec", namespace, "keepalived", "-n", "-l", "-f", str(config), *pids]
        with (stage.directory / "keepalived.log").open("wb") as log:
            real = subprocess.Popen(theirs, stdout=log, stderr=log)
        await until(
            lambda: (stage.directory / "r.pid").exists() and (stage.directory / "r.pid").read_text().strip()
        )
        stage.write(**VRRP)
        refused = stage.run("-n")
        assert refused.returncode == 1
        assert "keepalived (PID" in refused.stderr
        real.send_signal(signal.SIGTERM)
        real.wait(20)
        stage.start()
        await until(lambda: stage.events("vrrp"))
        answer = subprocess.run(theirs, capture_output=True, text=True, timeout=20, check=False)
        assert "daemon is already running" in answer.stdout + answer.stderr
    finally:
        if real is not None and real.poll() is None:
            real.kill()
            real.wait()
        subprocess.run(["ip", "netns", "del", namespace], check=True)


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


async def test_a_run_directory_that_others_may_write_is_refused(stage: Stage) -> None:
    stage.write(**VRRP)
    stage.run_dir.mkdir()
    stage.run_dir.chmod(0o777)
    answer = stage.run("-n")
    assert answer.returncode == 1
    assert "chmod it to 700" in answer.stderr
