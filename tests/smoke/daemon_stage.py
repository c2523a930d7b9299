# SPDX-License-Identifier: Apache-2.0
"""lbd's real supervisor, children, sockets and command line, around roles that only write down what they are told.

``python daemon_stage.py lbd ARGS``, ``… role vrrp ARGS``, ``… dp ARGS`` and ``… parse FILE`` are the processes. The
configuration is a Config as JSON; the directory in ``STAGE`` takes one file a role with a line an event, and
``address`` stands for what the vrrp role has put into the kernel.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec

from lbd import wire
from lbd.cli import lbd as command
from lbd.cli.options import parser
from lbd.daemon import child, codes, logs, parse
from lbd.daemon.start import start
from lbd.fastpath import api
from lbd.fastpath.server import Server
from lbd.kernel.guard import Holder
from lbd.model import Config, VirtualServer
from lbd.model.status import (
    CheckRoleStatus,
    RealStatus,
    RoleStatus,
    ServiceStatus,
    VrrpRoleStatus,
    VrrpStatus,
)

STAGE = Path(os.environ.get("STAGE", "."))
COMMANDS = {
    "parse": [sys.executable, __file__, "parse"],
    "dp": [sys.executable, __file__, "dp"],
    "check": [sys.executable, __file__, "role", "check"],
    "vrrp": [sys.executable, __file__, "role", "vrrp"],
}


def note(role: str, event: str) -> None:
    with (STAGE / f"{role}.events").open("a") as file:
        file.write(f"{event}\n")


class Actor:
    """A Role."""

    def __init__(self, name: str, adopt: bool) -> None:
        self.name, self.adopt = name, adopt
        self.config = Config()

    async def start(self, config: Config) -> None:
        if config.global_defs.router_id == "impossible":
            raise codes.StartError(f"{self.name}: no such interface eth9", codes.CONFIG)
        if config.global_defs.router_id == "slow":
            note(self.name, "starting")
            await asyncio.sleep(0.5)
        self.config = config
        note(self.name, f"start {config.global_defs.router_id} adopt={self.adopt}")
        if self.name == "vrrp":
            (STAGE / "address").touch()

    async def reload(self, config: Config) -> None:
        if config.global_defs.router_id == "unwanted":
            raise ValueError("this is not to my liking")
        if config.global_defs.router_id == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        self.config = config
        note(self.name, f"reload {config.global_defs.router_id}")

    async def stop(self) -> None:
        note(self.name, "stop")
        if self.name == "vrrp":
            (STAGE / "address").unlink()

    def status(self) -> RoleStatus:
        if self.name == "check":
            return CheckRoleStatus(
                pid=os.getpid(), dp="connected", services=tuple(map(_service, self.config.virtual_servers))
            )
        return VrrpRoleStatus(
            pid=os.getpid(),
            instances=tuple(
                VrrpStatus(
                    name=one.name, interface=one.interface, virtual_router_id=one.virtual_router_id, state="MASTER",
                    priority=100, effective_priority=100, virtual_addresses=(), since=1.0,
                )
                for one in self.config.vrrp_instances
            ),
        )  # fmt: skip


def _service(server: VirtualServer) -> ServiceStatus:
    real = RealStatus(
        address="10.0.0.2", port=80, weight=1, effective_weight=0, healthy=False, reason="refused"
    )
    return ServiceStatus(
        name=server.name, addresses=("TCP 10.0.0.1:80",), lb_algo="rr", quorum_up=True, real_servers=(real,)
    )  # fmt: skip


def play_lbd(words: list[str]) -> int:
    chosen = parser().parse_args(words)
    options = command.options(chosen)
    return start(options, fork=not chosen.dont_fork, title="lbd", commands=COMMANDS, make_guard=play_holder)


def play_holder() -> Holder:
    """Like the guard's: it ends when its last descriptor is closed, and says so."""
    ours, its = socket.socketpair()
    os.set_inheritable(ours.fileno(), True)
    note("guard", "up")
    with its:
        script = f"cat > /dev/null; echo down >> {STAGE}/guard.events"
        pid = subprocess.Popen(["sh", "-c", script], stdin=its.fileno(), start_new_session=True).pid
    return Holder(fd=ours.detach(), pid=pid)


def play_role(words: list[str]) -> int:
    chosen = child.arguments(words)
    logs.from_environment(logs.IDENTS[chosen.role])
    return child.run(lambda: Actor(chosen.role, chosen.adopt), chosen)


def play_parse(words: list[str]) -> int:
    text = Path(words[0]).read_bytes()
    if text == b"endless":
        note("parse", "start")
        signal.pause()
    try:
        faults = tuple(msgspec.json.decode(text).get("faults", ()))
        config = msgspec.json.decode(text, type=Config)
        result = parse.Parsed(config=config, exit_code=5 if faults else 0, faults=faults)
    except msgspec.DecodeError as error:
        lines = (f"{words[0]}:1:1: error: {error} [LB0000]",)
        result = parse.Parsed(config=None, exit_code=codes.CONFIG, lines=lines)
    sys.stdout.buffer.write(wire.pack(result))
    return 0


def play_dp(words: list[str]) -> int:
    return asyncio.run(_dp(words[words.index("--run-dir") + 1], words))


async def _dp(run_dir: str, words: list[str]) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    os.fstat(int(words[words.index("--guard-fd") + 1]))
    path = Path(run_dir, "dp.sock")
    path.unlink(missing_ok=True)
    server = Server(str(path), _answer)
    await server.start()
    note("dp", "start")
    await stop.wait()
    note("dp", "stop")
    await server.close()
    return 0


def _answer(request: api.Request) -> api.Reply:
    if isinstance(request, api.GetStats):
        key = api.ServiceKey("10.0.0.1", 80, api.Protocol.TCP)
        real = api.RealStats("10.0.0.2", 80, 0, api.Method.FNAT, api.Counters(connections=7))
        return api.Stats((api.ServiceStats(key, True, api.Counters(connections=7), (real,)),))
    if isinstance(request, api.GetStatus):
        return api.Status(
            pid=os.getpid(), uptime=1.0, workers=(), connections=0, capacity=1, mbufs_in_use=0, mbufs=1, rx=3, tx=2,
            originated=0, waiting=0, drops={"TTL": 1}, punts={}, passes={}, ports=(), guard="standing",
        )  # fmt: skip
    return api.Refused("not on this stage")


if __name__ == "__main__":
    play = {"lbd": play_lbd, "role": play_role, "parse": play_parse, "dp": play_dp}[sys.argv[1]]
    sys.exit(play(sys.argv[2:]))
