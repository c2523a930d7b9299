# SPDX-License-Identifier: Apache-2.0
"""The small parts of the daemon: messages, back-off, logs, processes, which children a file needs."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lbd import wire
from lbd.daemon import logs, messages, parse
from lbd.daemon.backoff import Backoff
from lbd.daemon.channel import Channel
from lbd.daemon.child import name_of
from lbd.daemon.keep_role import RoleKeeper, part
from lbd.daemon.options import Options
from lbd.daemon.paths import standard
from lbd.daemon.process import Process, python, reap_orphans, spawn
from lbd.daemon.supervisor import needed, shown
from lbd.model import (
    BfdInstance,
    Config,
    GlobalDefs,
    Protocol,
    ServiceAddress,
    TcpCheck,
    VirtualServer,
    VrrpInstance,
)
from lbd.model.service import RealServer
from lbd.model.status import CheckRoleStatus, RealStatus, ServiceStatus, VrrpRoleStatus

INSTANCE = VrrpInstance(name="VI_1", interface="eth0", virtual_router_id=51, auth_pass=b"\xff\x00key")
CHECK = TcpCheck(connect_ip="10.0.0.2", connect_port=80)
SERVER = VirtualServer(
    name="[10.0.0.1]:tcp:80",
    addresses=(ServiceAddress("10.0.0.1", 80, Protocol.TCP),),
    real_servers=(RealServer(address="10.0.0.2", port=80, checks=(CHECK,)),),
)
CONFIG = Config(vrrp_instances=(INSTANCE,), virtual_servers=(SERVER,))
WITH_BFD = msgspec.structs.replace(CONFIG, bfd_instances=(BfdInstance(name="b", neighbor_ip="10.0.0.9"),))
OPTIONS = Options(paths=standard())


@pytest.mark.parametrize(
    "command",
    [
        messages.Configure(CONFIG), messages.Reload(CONFIG), messages.Adopt(), messages.GetStatus(),
        messages.Stop(), messages.Stop(release=False),
    ],
)  # fmt: skip
def test_commands_come_back_equal(command: messages.Command) -> None:
    assert messages.decode_command(wire.pack(command)[4:]) == command


@pytest.mark.parametrize(
    "answer",
    [
        messages.Ready(), messages.Failed("no such interface eth9", 2), messages.Adopted(7, CONFIG),
        messages.Adopted(7, None), VrrpRoleStatus(pid=1, instances=()),
        CheckRoleStatus(pid=1, dp="connected", services=(
            ServiceStatus(name="s", addresses=(), lb_algo="rr", quorum_up=True, real_servers=(
                RealStatus(address="10.0.0.2", port=80, weight=1, effective_weight=0, healthy=False),)),)),
    ],
)  # fmt: skip
def test_answers_come_back_equal(answer: messages.Answer) -> None:
    assert messages.decode_answer(wire.pack(answer)[4:]) == answer


async def test_a_channel_says_when_the_other_end_is_gone() -> None:
    ours, theirs = socket.socketpair()
    channel = await Channel.over(ours)
    theirs.close()
    assert await channel.ask(messages.GetStatus()) is None
    assert await channel.ask(messages.GetStatus()) is None
    channel.close()


async def test_a_channel_takes_nonsense_for_silence() -> None:
    ours, theirs = socket.socketpair()
    channel = await Channel.over(ours)
    theirs.sendall(b"\x00\x00\x00\x01\xc0")
    assert await channel.ask(messages.GetStatus()) is None
    theirs.close()


async def test_nobody_listens(tmp_path: Path) -> None:
    assert await Channel.to(str(tmp_path / "vrrp.sock")) is None


def test_backoff_is_at_once_then_doubles_to_half_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.delay(0.1) for _ in range(8)] == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_backoff_forgets_after_a_minute_of_life() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.delay(0.1)
    assert backoff.delay(60.0) == 0.0
    assert backoff.delay(59.0) == 1.0


@pytest.mark.parametrize(
    ("config", "changes", "roles"),
    [
        (Config(), {}, ()),
        (Config(vrrp_instances=(INSTANCE,)), {}, ("vrrp",)),
        (Config(virtual_servers=(SERVER,)), {}, ("dp", "check")),
        (CONFIG, {}, ("dp", "check", "vrrp")),
        (CONFIG, {"check": False}, ("vrrp",)),
        (CONFIG, {"vrrp": False}, ("dp", "check")),
        (WITH_BFD, {"vrrp": False}, ("dp", "check", "vrrp")),
        (Config(), {"all_children": True}, ("dp", "check", "vrrp")),
    ],
)
def test_only_the_children_that_a_file_needs(
    config: Config, changes: dict[str, bool], roles: tuple[str, ...]
) -> None:
    assert needed(config, msgspec.structs.replace(OPTIONS, **changes)) == roles


async def test_a_found_process_is_told_from_our_own() -> None:
    child = subprocess.Popen(["sleep", "60"])
    found = Process(child.pid)
    found.send(signal.SIGKILL)
    assert await found.wait(10)
    assert found.ended.result() is None
    assert child.wait() == -signal.SIGKILL


async def test_a_started_process_tells_its_code() -> None:
    process = spawn([sys.executable, "-c", "raise SystemExit(4)"])
    assert await process.wait(10)
    assert process.ended.result() == 4
    process.send(signal.SIGTERM)


async def test_end_kills_what_ignores_sigterm() -> None:
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    process = spawn([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process._child is not None
    assert process._child.stdout is not None
    with process._child.stdout as output:
        await asyncio.to_thread(output.readline)
    await process.end(0.05)
    assert process.ended.result() == -signal.SIGKILL


async def test_orphans_are_reaped_and_children_of_ours_are_not() -> None:
    ours, orphan = spawn(["false"]), subprocess.Popen(["true"])
    for pid in (ours.pid, orphan.pid):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    reap_orphans()
    with pytest.raises(ChildProcessError):
        os.waitpid(orphan.pid, 0)
    orphan.returncode = 0
    assert await ours.wait(10)
    assert ours.ended.result() == 1


def test_vrrp_is_spared_the_real_servers_and_the_log_the_passwords() -> None:
    assert part("check", CONFIG, OPTIONS) is CONFIG
    assert part("vrrp", CONFIG, OPTIONS).virtual_servers[0].addresses == SERVER.addresses
    assert part("vrrp", CONFIG, OPTIONS).virtual_servers[0].real_servers == ()
    assert base64.b64encode(INSTANCE.auth_pass).decode() not in shown(CONFIG)


async def test_a_parser_that_dies_is_a_refused_file() -> None:
    command = [sys.executable, "-c", "raise RuntimeError('the parser broke')"]
    parsed = await parse.in_child(command, "/x.conf", parse.Asked())
    assert parsed.config is None
    assert parsed.exit_code == 70
    assert parsed.lines == ("/x.conf: the parser failed: RuntimeError: the parser broke",)


async def test_a_parsed_file_comes_over_the_pipe() -> None:
    frame = wire.pack(parse.Parsed(config=CONFIG, exit_code=5, lines=("x.conf:1:1: warning: so so",)))
    command = [sys.executable, "-c", f"import sys; sys.stdout.buffer.write({frame!r})"]
    parsed = await parse.in_child(command, "/x.conf", parse.Asked(config_id="id"))
    assert parsed == parse.Parsed(config=CONFIG, exit_code=5, lines=("x.conf:1:1: warning: so so",))


@pytest.mark.parametrize(
    ("ident", "name"),
    [
        ("Keepalived", "/var/log/lb.d/keep.log"),
        ("Keepalived_vrrp", "/var/log/lb.d/keep_vrrp.log"),
        ("Keepalived_healthcheckers", "/var/log/lb.d/keep_healthcheckers.log"),
    ],
)
def test_log_files_have_keepalived_s_names(ident: str, name: str) -> None:
    assert logs.file_of("/var/log/lb.d/keep.log", ident) == name


def test_a_log_file_without_a_dot() -> None:
    assert logs.file_of("/var/log/lb.d/keep", "Keepalived_vrrp") == "/var/log/lb.d/keep_vrrp"


def test_log_options_travel_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    options = logs.LogOptions(console=True, detail=2, facility=16)
    text = logs.to_environment(options)[logs.ENVIRONMENT]
    assert json.loads(text)["facility"] == 16
    monkeypatch.setenv(logs.ENVIRONMENT, text)
    assert msgspec.json.decode(text, type=logs.LogOptions) == options


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("lbd", level, __file__, 1, text, None, None)


def test_syslog_never_waits_and_tells_what_was_lost(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(path)
        daemon.setblocking(False)
        handler = logs.Syslog(16, path)
        handler.emit(record("(VI_1) Entering MASTER STATE"))
        assert daemon.recv(1024) == b"<134>(VI_1) Entering MASTER STATE"
        while not handler._lost:
            handler.emit(record("flood", logging.WARNING))
        while not handler._send(logging.INFO, "there is room"):
            daemon.recv(1024)
        while daemon.recv(1024) != b"<134>there is room":
            pass
        handler.emit(record("again", logging.ERROR))
        assert daemon.recv(1024) == b"<132>1 messages before this one were lost"
        assert daemon.recv(1024) == b"<131>again"
        handler.close()


def test_syslog_finds_a_restarted_daemon(tmp_path: Path) -> None:
    path = tmp_path / "log"
    handler = logs.Syslog(3, str(path))
    for text in (b"one", b"two"):
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(str(path))
            handler.emit(record(text.decode()))
            assert daemon.recv(1024) == b"<30>" + text
    handler.close()


def test_our_processes_ignore_the_working_directory() -> None:
    """A module of the directory in which root happens to stand must not be run."""
    assert "-P" in python("lbd.daemon.child", "vrrp")


def test_keepers_use_keepalived_s_pid_files() -> None:
    keeper = RoleKeeper("check", OPTIONS, CONFIG, lambda code: None, [])
    assert keeper._pid_file == "/run/checkers.pid"


def test_without_vrrp_there_are_sessions_and_no_instance() -> None:
    given = part("vrrp", WITH_BFD, msgspec.structs.replace(OPTIONS, vrrp=False))
    assert (given.vrrp_instances, given.bfd_instances) == ((), WITH_BFD.bfd_instances)


def test_processes_have_the_names_that_they_are_given() -> None:
    named = Config(global_defs=GlobalDefs(vrrp_process_name="ha", checker_process_name="watch"))
    assert [name_of(role, named) for role in ("vrrp", "check")] == ["ha", "watch"]
    assert [name_of(role, Config()) for role in ("vrrp", "check")] == ["lbd_vrrp", "lbd_check"]


async def test_a_name_is_seen_by_others() -> None:
    code = "from lbd.daemon.process import set_name; set_name('ha'); print(open('/proc/self/comm').read())"
    assert (
        await asyncio.to_thread(subprocess.check_output, [sys.executable, "-c", code], text=True) == "ha\n\n"
    )
