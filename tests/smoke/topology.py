# SPDX-License-Identifier: Apache-2.0
"""The one network of the smoke tests and of the demo: a client, two directors, three real servers.

    client .9 ─┐                          ┌─ rs1 .51        FullNAT and DR: one LAN, eth0 everywhere,
    lb1   .11 ─┼── 10.73.0.0/24, fd73:: ──┼─ rs2 .52        the VIP is 10.73.0.100, fd73::100; for DR
    lb2   .12 ─┘    a bridge, eth0        └─ rs3 .53        it stands on lo of the real servers, too

NAT: the real servers stand on a second LAN (10.74.0.0/24, fd74::/64, eth1 of both directors and of the real
servers), and their default gateway is the VRRP address 10.74.0.1, fd74::1. ``keepalived.conf.examples`` are written
to exactly this picture. All dirt of namespaces is here and in ``namespace.py``; nothing outlives ``remove()``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from tests.smoke.namespace import Namespace, names, run
from tests.smoke.program import Program

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "keepalived.conf.examples"
PYTHON = ROOT / ".venv/bin/python"

VIP = {4: "10.73.0.100", 6: "fd73::100"}
GATEWAY = {4: "10.74.0.1", 6: "fd74::1"}
REAL_SERVERS = ("rs1", "rs2", "rs3")
DIRECTORS = ("lb1", "lb2")
NUMBERS = {"client": 9, "lb1": 11, "lb2": 12, "rs1": 51, "rs2": 52, "rs3": 53}
HTTP, ECHO, TRANSFER = 80, 7, 9000
"""Ports of the real servers: nginx, and the two of ``peer.py``."""

NGINX = """daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr warn; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type text/plain; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{ listen 0.0.0.0:80; listen [::]:80; return 200 "{name}\\n"; }}
}}
"""


class Topology:
    """``with Topology("fnat") as net``: hosts by name in ``net.hosts``, programs in ``net.programs``."""

    living: list[Topology] = []  # noqa: RUF012  what a failed test shows the state of

    def __init__(self, mode: str, prefix: str | None = None) -> None:
        self.mode = mode
        self.prefix = prefix or f"lbd-{os.getpid()}-{len(self.living)}-"
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.prefix}"))
        self.hosts = {name: Namespace(self.prefix + name) for name in ("lan", *NUMBERS)}
        self.programs: dict[str, Program] = {}

    def __getitem__(self, host: str) -> Namespace:
        return self.hosts[host]

    def address(self, host: str, family: int) -> str:
        """Of a host on the LAN where it serves or asks."""
        net = "74" if self.mode == "nat" and host in REAL_SERVERS else "73"
        return f"10.{net}.0.{NUMBERS[host]}" if family == 4 else f"fd{net}::{NUMBERS[host]}"

    def build(self) -> None:
        for name, host in self.hosts.items():
            forwards = self.mode == "nat" and name in DIRECTORS
            settings = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] if forwards else []
            if self.mode == "dr" and name in REAL_SERVERS:
                # The VIP on lo answers no ARP (the usual set-up of an LVS-DR real server).
                settings += ["net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2"]
            host.create(*settings)
        self._wire(0, [name for name in NUMBERS if self.mode != "nat" or name not in REAL_SERVERS])
        if self.mode == "nat":
            self._wire(1, [*DIRECTORS, *REAL_SERVERS])
        for name in REAL_SERVERS:
            if self.mode == "dr":
                self[name].ip(f"addr add {VIP[4]}/32 dev lo", f"addr add {VIP[6]}/128 dev lo nodad")
            elif self.mode == "nat":
                self[name].ip(*(f"route add default via {address}" for address in GATEWAY.values()))

    def _wire(self, number: int, members: list[str]) -> None:
        """One LAN: a bridge that forwards at once and knows no multicast groups, and ``ethN`` of every member."""
        lan = self["lan"]
        lan.ip(f"link add lan{number} type bridge forward_delay 0 stp_state 0 mcast_snooping 0")
        net = 73 + number
        for name in members:
            run("ip", "link", "add", f"eth{number}", "netns", self[name].name, "type", "veth",
                "peer", "name", f"{name}-{number}", "netns", lan.name)  # fmt: skip
            lan.ip(f"link set {name}-{number} master lan{number} up")
            host = NUMBERS[name]
            self[name].ip(
                f"link set eth{number} up",
                f"addr add 10.{net}.0.{host}/24 brd + dev eth{number}",
                f"addr add fd{net}::{host}/64 dev eth{number} nodad",
            )
        lan.ip(f"link set lan{number} up")

    def start(self, name: str, host: str, *command: str) -> Program:
        """A program in a host; its log is ``DIRECTORY/NAME.log``, and it ends with the topology."""
        program = Program(self[host], name, self.directory / f"{name}.log", *command)
        self.programs[name] = program
        return program

    def start_nginx(self, host: str) -> Program:
        """It answers every request with its own name."""
        directory = self.directory / f"nginx-{host}"
        directory.mkdir(exist_ok=True)
        config = directory / "nginx.conf"
        config.write_text(NGINX.format(dir=directory, name=host))
        return self.start(
            f"nginx-{host}", host, "nginx", "-c", str(config), "-p", str(directory), "-e", "stderr"
        )

    def start_peer(self, host: str) -> Program:
        vips = VIP.values() if self.mode == "dr" else ()
        addresses = [self.address(host, 4), self.address(host, 6), *vips]
        peer = Path(__file__).with_name("peer.py")
        return self.start(
            f"peer-{host}", host, str(PYTHON), "-I", str(peer), host, str(ECHO), str(TRANSFER), *addresses
        )

    async def serve(self) -> None:
        """All real servers answer when this returns."""
        for host in REAL_SERVERS:
            self.start_nginx(host)
            self.start_peer(host)
        for host in REAL_SERVERS:
            await self.programs[f"peer-{host}"].says("^ready", 10)

    def state(self) -> str:
        """What a person would look at first: addresses, guards, the ends of the logs."""
        parts = []
        for name in DIRECTORS:
            for command in (["ip", "-br", "addr"], ["nft", "list", "ruleset"], ["ip", "neigh"]):
                with contextlib.suppress(Exception):
                    parts.append(f"--- {name}: {' '.join(command)}\n{self[name].run(*command)}")
        logs = [f"--- {program.log.name}\n{program.text()[-6000:]}" for program in self.programs.values()]
        return "\n".join(parts + logs)

    def remove(self) -> None:
        """Never half: what one host's end raises does not keep the others."""
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            for host in self.hosts.values():
                stack.callback(host.delete)
        for program in self.programs.values():
            program.process.wait(10)

    def __enter__(self) -> Topology:
        self.living.append(self)
        try:
            self.build()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.living.remove(self)
        self.remove()


def sweep(prefix: str) -> int:
    """Take away what a killed run left: namespaces of that prefix, what runs in them, their directories."""
    left = names(prefix)
    for name in left:
        Namespace(name).delete()
    for directory in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(directory, ignore_errors=True)
    return len(left)


def sweep_dead() -> None:
    """Leftovers of test runs whose process is gone."""
    for name in names("lbd-"):
        if (found := re.match(r"lbd-(\d+)-", name)) and not Path(f"/proc/{found[1]}").exists():
            sweep(found[0])
