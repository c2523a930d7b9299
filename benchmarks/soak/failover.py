# SPDX-License-Identifier: Apache-2.0
"""Failovers between two namespaces, lbd and keepalived (-P) in turns: how long nobody was master.

Each series is 30 runs (times --scale) at adverts of 1, 0.1 and 0.03 s, while two hogs take all processors and the
survivor reloads a file of 1,000 services with 10 real servers each:

    kill    all of the master is SIGKILLed        3 intervals + skew + 50 ms
    stop    the master is told to end             skew + 50 ms
    yield   its vrrp process alone is SIGKILLed   skew + 100 ms (lbd, vrrp_on_death yield)
    hold    the same, vrrp_on_death hold          no transition (lbd)

A witness runs along at real-time priority and looks every 5 ms. A run in which it was itself over 20 ms late is void;
at most a tenth may be. Below a scale of 1/30 only adverts of 0.1 s are tried, once. Ends with 1 where a run of lbd took
longer than its limit, or too many were void.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.smoke.namespace import Namespace, run
from tests.smoke.program import Program
from tests.smoke.vrrp_link import start

RUNS = 30
INTERVALS = (1.0, 0.1, 0.03)
HIGH, LOW = 150, 100
VIP = "10.88.1.1"
LATE = 0.020
LOOK = 0.005
PATIENCE = 30.0
SERVICES, REALS = 1000, 10
ETH_P_ALL = 3


def skew(interval: float) -> float:
    return (256 - LOW) / 256 * interval


LIMIT: dict[str, Callable[[float], float]] = {
    "kill": lambda i: 3 * i + skew(i) + 0.050,
    "stop": lambda i: skew(i) + 0.050,
    "yield": lambda i: skew(i) + 0.100,
}


def configuration(interface: str, interval: float, priority: int, *, policy: str, services: int = 0) -> str:
    own = "" if policy == "" else f"global_defs {{\n@lbd vrrp_on_death {policy}\n}}\n"
    instance = (
        f"vrrp_instance A {{\ninterface {interface}\nvirtual_router_id 1\nversion 3\npriority {priority}\n"
        f"advert_int {interval}\nvirtual_ipaddress {{\n{VIP}\n}}\n}}\n"
    )
    balanced = (
        f"virtual_server 10.200.{n // 250}.{n % 250 + 1} 80 {{\nprotocol TCP\nlb_kind NAT\nlb_algo rr\n"
        + "".join(f"real_server 10.201.{r}.{n % 250 + 1} 80 {{\nTCP_CHECK {{\n}}\n}}\n" for r in range(REALS))
        + "}\n"
        for n in range(services)
    )
    return own + instance + "".join(balanced)


class Witness(threading.Thread):
    """Sees every advert that arrives in the master's namespace, and how late it was itself."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(daemon=True)
        self._sock = sock
        self.heard: list[tuple[float, int]] = []
        """When, and of which priority; of the survivor."""
        self.worst = 0.0
        self.over = False

    def run(self) -> None:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
        due = time.monotonic() + LOOK
        while not self.over:
            select.select([self._sock], [], [], max(0.0, due - time.monotonic()))
            now = time.monotonic()
            self.worst = max(self.worst, now - due)
            if now >= due:
                due = now + LOOK
            self._read(now)

    def _read(self, now: float) -> None:
        while True:
            try:
                frame, address = self._sock.recvfrom(2048)
            except BlockingIOError:
                return
            if address[2] != socket.PACKET_OUTGOING and frame[12:14] == b"\x08\x00" and frame[23] == 112:
                self.heard.append((now, frame[14 + (frame[14] & 15) * 4 + 2]))


class Arena:
    """Two namespaces, a master and a survivor of one kind in them, a witness, and what disturbs them."""

    def __init__(self, daemon: str, interval: float, policy: str) -> None:
        self.daemon, self.interval, self.policy = daemon, interval, policy
        prefix = f"lbd-{os.getpid()}-failover-"
        self.hosts = {"master": Namespace(f"{prefix}m"), "survivor": Namespace(f"{prefix}s")}
        self.directory = Path(tempfile.mkdtemp(prefix=prefix))
        self.programs: dict[str, Program] = {}
        self.hogs: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Arena:
        master, survivor = self.hosts.values()
        for host in self.hosts.values():
            host.create()
        run("ip", "link", "add", "m0", "netns", master.name, "type", "veth", "peer", "name", "s0",
            "netns", survivor.name)  # fmt: skip
        for host, interface, number in ((master, "m0", 1), (survivor, "s0", 2)):
            host.ip(f"addr add 10.88.0.{number}/16 dev {interface}", f"link set {interface} up")
        with master.entered():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            sock.bind(("m0", ETH_P_ALL))
        sock.setblocking(False)
        self._sock, self.witness = sock, Witness(sock)
        self.witness.start()
        for role in self.hosts:
            self.start(role)
        busy = [sys.executable, "-c", "while True: pass"]
        self.hogs = [subprocess.Popen(busy) for _ in range(os.cpu_count() or 2)]
        return self

    def __exit__(self, *_: object) -> None:
        self.witness.over = True
        self.witness.join()
        for hog in self.hogs:
            hog.kill()
            hog.wait()
        for host in self.hosts.values():
            host.delete()
        for program in self.programs.values():
            program.process.wait(10)
        self._sock.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, role: str) -> None:
        directory = self.directory / role
        directory.mkdir(exist_ok=True)
        interface, priority = {"master": ("m0", HIGH), "survivor": ("s0", LOW)}[role]
        policy = self.policy if self.daemon == "lbd" else ""
        services = SERVICES if role == "survivor" else 0
        text = configuration(interface, self.interval, priority, policy=policy, services=services)
        self.programs[role] = start(self.hosts[role], self.daemon, text, directory)

    def holds(self, role: str) -> bool:
        return f" {VIP}/" in self.hosts[role].run("ip", "-4", "addr")

    def settle(self) -> None:
        """The master leads, the survivor backs it up, and both have a standby where they are of that kind."""
        until = time.monotonic() + PATIENCE
        while not (self.holds("master") and not self.holds("survivor") and all(map(self._ready, self.hosts))):
            if time.monotonic() > until:
                said = {role: program.text()[-500:] for role, program in self.programs.items()}
                raise TimeoutError(f"{self.daemon} does not settle: {said}")
            time.sleep(0.05)

    def _ready(self, role: str) -> bool:
        said = self.programs[role].text()
        return "Entering BACKUP STATE" in said and (
            self.daemon != "lbd" or "Standby of VRRP child process" in said
        )

    def trial(self, mode: str) -> tuple[float, bool]:
        """Seconds until the survivor's first advert, and whether the witness was late meanwhile."""
        self.settle()
        self.programs["survivor"].send(signal.SIGHUP)  # while it reads 1,000 services …
        time.sleep(self.interval * 1.5)
        self.witness.heard.clear()
        self.witness.worst = 0.0
        pids = self.hosts["master"].pids()
        began = time.monotonic()
        self._strike(mode, pids)
        wait = PATIENCE if mode != "hold" else 4 * self.interval + 1
        while not (taken := [at for at, priority in self.witness.heard if priority == LOW]):
            if time.monotonic() > began + wait:
                break
            time.sleep(0.002)
        late = self.witness.worst > LATE
        self._again(mode)
        return (taken[0] - began if taken else math.inf), late

    def _strike(self, mode: str, pids: list[int]) -> None:
        if mode == "kill":
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        elif mode == "stop":
            self.programs["master"].send(signal.SIGTERM)
        else:
            os.kill(int((self.directory / "master/vrrp.pid").read_text()), signal.SIGKILL)

    def _again(self, mode: str) -> None:
        if mode in ("kill", "stop"):
            if mode == "kill":
                self.hosts["master"].kill()
            self.programs["master"].process.wait(PATIENCE)
            if self.holds("master"):
                self.hosts["master"].ip(f"addr del {VIP}/32 dev m0")
            (self.directory / f"master/{self.daemon}.log").unlink()
            self.start("master")


def series(daemon: str, mode: str, interval: float, runs: int) -> tuple[list[float], int]:
    """The seconds of all runs that count, and how many were void."""
    times: list[float] = []
    void = 0
    with Arena(daemon, interval, "yield" if mode == "yield" else "hold") as arena:
        while len(times) < runs and void <= runs:
            seconds, late = arena.trial(mode)
            if late:
                void += 1
            else:
                times.append(seconds)
    print(
        f"failover: {daemon} {mode} at {interval} s: worst {max(times, default=math.nan) * 1000:.0f} ms"
        f" of {len(times)}, {void} void",
        file=sys.stderr,
    )
    return times, void


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args().scale
    runs = max(1, round(RUNS * scale))
    bad = 0
    for interval in INTERVALS if scale * RUNS >= 1 else INTERVALS[1:2]:
        for mode in ("kill", "stop", "yield", "hold"):
            times, void = series("lbd", mode, interval, runs)
            bad += void > max(1, runs // 10)
            if mode == "hold":
                transitions = sum(math.isfinite(seconds) for seconds in times)
                bad += transitions > 0
                row = {"value": transitions, "unit": "transitions"}
            else:
                bad += sum(seconds > LIMIT[mode](interval) for seconds in times)
                row = {"value": round(max(times, default=-1.0) * 1000, 1), "unit": "ms"}
            if mode in ("kill", "stop"):
                others, _ = series("keepalived", mode, interval, runs)
                row["baseline"] = round(max(others, default=-1.0) * 1000, 1)
            print(json.dumps({"name": f"soak/failover/{mode}/{interval}s", **row, "rounds": len(times)}))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
