# SPDX-License-Identifier: Apache-2.0
"""Start and stop, with real processes, signals, sockets and PID files around actors (daemon_stage.py)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.smoke.daemon_house import SERVERS, VRRP, Stage, alive, on_stage, until

pytestmark = pytest.mark.root


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with on_stage(tmp_path) as result:
        yield result


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


async def test_a_run_directory_that_others_may_write_is_refused(stage: Stage) -> None:
    stage.write(**VRRP)
    stage.run_dir.mkdir()
    stage.run_dir.chmod(0o777)
    answer = stage.run("-n")
    assert answer.returncode == 1
    assert "chmod it to 700" in answer.stderr


async def test_sigterm_while_the_file_is_read_ends_the_reader_too(stage: Stage) -> None:
    stage.file.write_text("endless")
    parent = stage.start()
    await until(lambda: stage.events("parse"))
    since = time.monotonic()
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 0
    assert time.monotonic() - since < 2.0
    assert stage.processes() == []


async def test_systemd_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.write(**VRRP)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(stage.directory / "notify"))
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(stage.directory / "notify"))
        parent = stage.start()
        assert await asyncio.to_thread(systemd.recv, 1024) == f"READY=1\nMAINPID={parent.pid}".encode()
        assert stage.events("vrrp") == ["start one adopt=False"]
        parent.send_signal(signal.SIGHUP)
        assert (await asyncio.to_thread(systemd.recv, 1024)).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert await asyncio.to_thread(systemd.recv, 1024) == b"READY=1"
        parent.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(systemd.recv, 1024) == b"STOPPING=1"
        assert parent.wait(10) == 0
