# SPDX-License-Identifier: Apache-2.0
"""Balancers side by side between the same client and the same server, each in a namespace and on wires of its own.

    client ──front── lbd, haproxy, nginx, nftables, testpmd ──back── server
    10.80+n.0.1      .2, the VIP .100                     .2         10.90+n.0.1     IPv6: fd80+n:: and fd90+n::

All are of one make: two veths a balancer. Those that are not asked stand idle. testpmd is a bare wire in net_af_packet
(client and server on one subnet), for what such ports let through at all; it wants checksums, so offloads off.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from benchmarks.owned import PROMPT, Peer, pmd_command
from tests.smoke.namespace import Namespace, run

HTTP, PERF, ECHO = 80, 5201, 7
ROOT = Path(__file__).resolve().parents[1]
LARGE = (
    "net.ipv4.ip_local_port_range=1024 65535",
    "net.core.somaxconn=4096",
    "net.ipv4.tcp_max_syn_backlog=8192",
)


class Net(NamedTuple):
    """How one family is written."""

    prefix: str
    zero: str
    length: int
    whole: int
    ip: str
    forward: str


NETS = {
    4: Net("10.{}.0.", "0", 24, 32, "ip", "net.ipv4.ip_forward=1"),
    6: Net("fd{}::", "", 64, 128, "ip6", "net.ipv6.conf.all.forwarding=1"),
}

WEB = """daemon off; pid {dir}/web.pid; error_log stderr crit; worker_processes auto; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen [::]:80 ipv6only=off backlog=4096; location / {{ return 200 "0123456789"; }} }} }}
"""
STREAM = """load_module /usr/lib/nginx/modules/ngx_stream_module.so; daemon off; pid {dir}/stream.pid;
error_log stderr crit; worker_processes auto; worker_rlimit_nofile 16384; events {{ worker_connections 8192; }}
stream {{
  server {{ listen {at}:80 backlog=4096; proxy_pass {to}:80; }}
  server {{ listen {at}:5201; proxy_pass {to}:5201; }}
  server {{ listen {at}:5201 udp; proxy_pass {to}:5201; }}
}}
"""
HAPROXY = """global
  maxconn 8000
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen web
  bind {at}:80
  server s {to}:80
listen perf
  bind {at}:5201
  server s {to}:5201
"""
NFTABLES = """table {ip} nat {{ chain in {{ type nat hook prerouting priority dstnat;
  {ip} daddr {vip} meta l4proto {{ tcp, udp }} dnat to {server}
}}
}}
"""
LBD = """global_defs {{
    router_id bench
}}
local_address_group local {{
    {net}11-26 back
}}
"""
LBD_SERVICE = """virtual_server {vip} {port} {{
    lb_algo rr
    lb_kind FNAT
    protocol {protocol}
    laddr_group_name local
    real_server {server} {port} {{
        weight 1
    }}
}}
"""


class Way:
    """One balancer's place: its namespace, both its wires, and the address at which the client finds the server."""

    def __init__(self, wires: Wires, number: int, name: str) -> None:
        self.name, self.wires = name, wires
        self.host = Namespace(f"{wires.prefix}{name}")
        self.front, self.back = (wires.net.prefix.format(side + number) for side in (80, 90))
        self.vip, self.server = f"{self.front}100", f"{self.back}1"

    @property
    def at(self) -> str:
        """The virtual address as it stands before a port."""
        return f"[{self.vip}]" if self.wires.family == 6 else self.vip

    def build(self) -> None:
        net = self.wires.net
        self.host.create(*LARGE, *([net.forward] if self.name == "nftables" else []))
        self._wire("front", self.wires.client, self.front)
        self._wire("back", self.wires.server, self.back)
        self.wires.server.ip(f"route add {self.front}{net.zero}/{net.length} via {self.back}2")
        self.host.ip(f"addr add {self.vip}/{net.whole} dev front")

    def _wire(self, end: str, other: Namespace, prefix: str) -> None:
        run("ip", "link", "add", end, "netns", self.host.name, "type", "veth",
            "peer", "name", self.name, "netns", other.name)  # fmt: skip
        length = self.wires.net.length
        other.ip(f"addr add {prefix}1/{length} dev {self.name}", f"link set {self.name} up")
        self.host.ip(f"addr add {prefix}2/{length} dev {end}", f"link set {end} up")

    def plain(self) -> None:
        """Offloads off at all four ends."""
        for host, end in ((self.host, "front"), (self.host, "back"), (self.wires.client, self.name),
                          (self.wires.server, self.name)):  # fmt: skip
            host.run("ethtool", "-K", end, "tx", "off", "gro", "off", "gso", "off", "tso", "off")

    def text(self, template: str, **more: object) -> str:
        server = f"[{self.server}]" if self.wires.family == 6 else self.server
        words = {
            "dir": self.wires.directory,
            "vip": self.vip,
            "at": self.at,
            "server": self.server,
            "to": server,
        }
        words |= {"net": self.back, "ip": self.wires.net.ip}
        return template.format(**(words | more))

    def config(self, text: str) -> Path:
        path = self.wires.directory / f"{self.name}.conf"
        path.write_text(text)
        return path


class Wire(Way):
    """testpmd as a wire, idle until it is asked: the server is at an address of the client's own subnet."""

    def __init__(self, wires: Wires, number: int, name: str) -> None:
        super().__init__(wires, number, name)
        self.vip = f"{self.front}200"

    def build(self) -> None:
        super().build()
        net = self.wires.net
        self.host.ip("addr flush dev front", "addr flush dev back")
        self.wires.server.ip(
            f"route del {self.front}{net.zero}/{net.length}",
            f"addr add {self.vip}/{net.length} dev {self.name}",
        )

    def start(self) -> Peer:
        vdevs = [f"net_af_packet{n},iface={end}" for n, end in enumerate(("front", "back"))]
        command = pmd_command(256, vdevs, "--total-num-mbufs=16384")
        return Peer(self.host.command(*command), prompt=PROMPT, last="quit")


class Wires:
    """``with Wires(…) as wires``: everything is there and answers; ``wires.ways`` by name."""

    def __init__(self, plain: bool, family: int = 4) -> None:
        self.plain, self.family, self.net = plain, family, NETS[family]
        self.prefix = f"lbd-{os.getpid()}-bench-"
        self.directory = Path(tempfile.mkdtemp(prefix=self.prefix))
        self.client, self.server = (Namespace(f"{self.prefix}{name}") for name in ("client", "server"))
        names = ("lbd", "haproxy", "nginx", "nftables")
        self.ways: dict[str, Way] = {name: Way(self, n, name) for n, name in enumerate(names)}
        if plain:
            self.ways["testpmd"] = Wire(self, len(names), "testpmd")
        self.programs: list[subprocess.Popen[bytes]] = []
        self._log = (self.directory / "log").open("wb")
        self.testpmd: Peer | None = None

    def start(self, host: Namespace, *command: str) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            host.command(*command),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )
        self.programs.append(program)
        return program

    def build(self) -> None:
        self.client.create(*LARGE)
        self.server.create(*LARGE)
        for way in self.ways.values():
            way.build()
            if self.plain:
                way.plain()
        web = self.directory / "web.conf"
        web.write_text(WEB.format(dir=self.directory))
        self.start(self.server, "nginx", "-c", str(web), "-e", "stderr")
        self.start(self.server, "iperf3", "-s")
        peer, addresses = ROOT / "tests/smoke/peer.py", [way.server for way in self.ways.values()]
        self.start(self.server, sys.executable, "-I", str(peer), "echo", str(ECHO), "9000", *addresses)
        self._balance()
        for way in self.ways.values():
            self.answers(way)

    def _balance(self) -> None:
        way = self.ways["haproxy"]
        self.start(way.host, "haproxy", "-db", "-f", str(way.config(way.text(HAPROXY))))
        way = self.ways["nginx"]
        self.start(way.host, "nginx", "-c", str(way.config(way.text(STREAM))), "-e", "stderr")
        way = self.ways["nftables"]
        way.host.run("nft", "-f", "-", stdin=way.text(NFTABLES))
        way = self.ways["lbd"]
        kinds = [("TCP", HTTP), ("TCP", PERF), ("UDP", PERF), ("UDP", ECHO)]
        text = way.text(LBD) + "".join(way.text(LBD_SERVICE, protocol=p, port=port) for p, port in kinds)
        pids = [f"--{what}={self.directory}/{what}.pid" for what in ("pid", "vrrp_pid", "checkers_pid")]
        self.start(
            way.host, str(ROOT / ".venv/bin/lbd"), "-n", "-l", "-f", str(way.config(text)),
            "--run-dir", str(self.directory / "run"), *pids,
        )  # fmt: skip
        wire = self.ways.get("testpmd")
        if isinstance(wire, Wire):
            self.testpmd = wire.start()

    def answers(self, way: Way, timeout: float = 20.0) -> None:
        """Wait until the server is found behind a balancer. Raises RuntimeError with everybody's words."""
        until = time.monotonic() + timeout
        with self.working(way):
            while True:
                with self.client.entered(), contextlib.suppress(OSError):
                    socket.create_connection((way.vip, HTTP), timeout=0.5).close()
                    return
                if time.monotonic() > until:
                    raise RuntimeError(
                        f"nobody answers behind {way.name}: {(self.directory / 'log').read_text()}"
                    )
                time.sleep(0.05)

    @contextlib.contextmanager
    def working(self, way: Way) -> Iterator[None]:
        """testpmd spins, so it runs only while it is asked."""
        if isinstance(way, Wire) and self.testpmd is not None:
            self.testpmd.ask("start")
            yield
            self.testpmd.ask("stop")
        else:
            yield

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self.remove)
            self.build()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            stack.callback(self._log.close)
            for program in self.programs:
                stack.callback(program.wait, 20)
            for host in (self.client, self.server, *(way.host for way in self.ways.values())):
                stack.callback(host.delete)
            if self.testpmd is not None:
                stack.callback(self.testpmd.kill)
