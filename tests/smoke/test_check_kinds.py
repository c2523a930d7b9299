# SPDX-License-Identifier: Apache-2.0
"""Every kind of check against a real server of that kind, both families: nginx with and without TLS, dnsmasq, aiosmtpd.

One director, one configuration, and one real server to which everything happens in turn; after each turn the reasons
stand in the status in words.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.smoke.configurations import pools, write
from tests.smoke.director import Director
from tests.smoke.program import Program, becomes
from tests.smoke.topology import PYTHON, VIP, Topology
from tests.unit.checks_stage import certificate

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module")]

TIMEOUT = 0.6
FAMILIES = (4, 6)
KINDS = {
    # name: (port of the server, check)
    "tcp": (80, "TCP_CHECK {{ {0} }}"),
    "http": (80, "HTTP_GET {{ url {{ path /\n status_code 200\n regex ^rs1\n }}\n {0} }}"),
    "https": (443, "SSL_GET {{ url {{ path /\n status_code 200\n }}\n enable_sni\n {0} }}"),
    "smtp": (25, "SMTP_CHECK {{ {0} }}"),
    "dns": (53, "DNS_CHECK {{ type A\n name www.example.org\n {0} }}"),
    "udp": (7, "UDP_CHECK {{ payload 6869\n require_reply 6869\n {0} }}"),
    "ping": (80, "PING_CHECK {{ {0} }}"),
    "misc": (80, "MISC_CHECK {{ misc_path {1}/misc\n misc_timeout 1\n }}"),
    "file": (80, "FILE_CHECK {{ track_file switch\n weight 0\n }}"),
}
NGINX = """daemon off; master_process off; pid {dir}/pid; error_log stderr crit;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type text/plain; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 0.0.0.0:80; listen [::]:80; listen 0.0.0.0:443 ssl; listen [::]:443 ssl;
    ssl_certificate {crt}; ssl_certificate_key {key}; return {code} "rs1\\n";
  }}
}}
"""
WEB, MAIL, NAMES, ECHO = {"tcp", "http", "https"}, {"smtp"}, {"dns"}, {"udp"}
NETWORK = WEB | MAIL | NAMES | ECHO
ALL = set(KINDS)


class Stand:
    """The real server's programs, good ones and wrong ones."""

    def __init__(self, net: Topology) -> None:
        self.net = net
        self.directory = net.directory
        self.crt, self.key = certificate(self.directory)
        self.lb1 = Director(net, "lb1")
        self.programs: dict[str, Program] = {}
        self.fifo = -1
        """An end of lvs_notify_fifo."""

    def start(self, *, good: bool = True) -> None:
        addresses = [self.net.address("rs1", family) for family in FAMILIES]
        config = self.directory / "check-nginx.conf"
        text = NGINX.format(dir=self.directory, crt=self.crt, key=self.key, code=200 if good else 503)
        config.write_text(text)
        self._run("nginx", "nginx", "-c", str(config), "-p", str(self.directory), "-e", "stderr")
        record = ["--host-record=www.example.org,10.0.0.1"] if good else []
        listen = [f"--listen-address={address}" for address in addresses]
        self._run("dns", "dnsmasq", "-k", "-u", "root", "-C", "/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
                  "--bind-interfaces", *listen, *record)  # fmt: skip
        for family, address in zip(FAMILIES, addresses, strict=True):
            shown = f"[{address}]" if family == 6 else address
            answer = "cat" if good else "tr hi no"
            self._run(
                f"echo-{family}", "socat", f"UDP{family}-RECVFROM:7,bind={shown},fork", f"SYSTEM:{answer}"
            )
            if good:
                self._run(f"smtp-{family}", str(PYTHON), "-m", "aiosmtpd", "-n", "-l", f"{address}:25")
            else:
                self._run(f"smtp-{family}", "socat", f"TCP{family}-LISTEN:25,bind={shown},fork,reuseaddr",
                          "SYSTEM:echo 554 no service")  # fmt: skip

    def _run(self, name: str, *command: str) -> None:
        self.programs[name] = self.net.start(f"check-{name}", "rs1", *command)

    async def end(self) -> None:
        for program in self.programs.values():
            program.send(signal.SIGCONT)
        await asyncio.gather(*(program.end(number=signal.SIGKILL) for program in self.programs.values()))
        self.programs.clear()

    def send(self, number: signal.Signals) -> None:
        for program in self.programs.values():
            program.send(number)

    def script(self, code: int) -> None:
        path = self.directory / "misc"
        path.write_text(f"#!/bin/sh\nexit {code}\n")
        path.chmod(0o755)

    def note(self) -> str:
        """What the notify scripts wrote down."""
        path = self.directory / "notes"
        return path.read_text() if path.exists() else ""

    def write_notifier(self) -> None:
        path = self.directory / "notify"
        path.write_text(f'#!/bin/sh\necho "$@" >>{self.directory}/notes\n')
        path.chmod(0o755)

    def switch(self, value: int) -> None:
        (self.directory / "switch").write_text(f"{value}\n")

    def configuration(self) -> Path:
        common = f"connect_timeout {TIMEOUT}\n retry 0\n"
        fifo = f"global_defs {{\n lvs_notify_fifo {self.directory}/fifo\n}}\n"
        parts = [fifo, f"track_file switch {{\n file {self.directory}/switch\n}}\n", pools("lb1")]
        for family in FAMILIES:
            for number, (name, (port, check)) in enumerate(KINDS.items()):
                address = self.net.address("rs1", family)
                parts.append(f"""virtual_server {VIP[family]} {8000 + number} {{
    delay_loop 0.4
    warmup 0
    lb_algo rr
    lb_kind FNAT
    protocol TCP
    laddr_group_name local_{family}
    alpha
    quorum_up "{self.directory}/notify vs {name}-{family} up"
    quorum_down "{self.directory}/notify vs {name}-{family} down"
    real_server {address} {port} {{
        weight 1
        notify_up "{self.directory}/notify rs {name}-{family} up"
        notify_down "{self.directory}/notify rs {name}-{family} down"
        {check.format(common, self.directory)}
    }}
}}
# {name}
""")
        return write(self.net, "lb1", "".join(parts))

    async def shows(self, up: set[str], words: dict[str, str], timeout: float = 10.0) -> None:
        """Until these are up in both families and the others down, for reasons that match."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while wrong := await self._differs(up, words):
            assert loop.time() < until, wrong
            await asyncio.sleep(0.05)

    async def _differs(self, up: set[str], words: dict[str, str]) -> list[str]:
        services = (await self.lb1.overview()).services
        names = [name for _ in FAMILIES for name in KINDS]
        known = sum(bool(service.real_servers) for service in services)
        if known < len(names):
            return [f"{known} services of {len(names)}"]  # it is only starting
        wrong = []
        for name, service in zip(names, services, strict=True):
            real = service.real_servers[0]
            pattern = words.get(name, "")
            if real.healthy != (name in up) or not re.search(pattern, real.reason):
                wrong.append(f"{service.address} {name}: {real.reason or 'up'}")
        return wrong


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Stand]:
    with Topology("fnat") as net:
        stand = Stand(net)
        stand.script(0)
        stand.switch(0)
        stand.write_notifier()
        os.mkfifo(net.directory / "fifo")
        stand.fifo = os.open(net.directory / "fifo", os.O_RDWR | os.O_NONBLOCK)
        stand.start()
        stand.lb1.start(stand.configuration(), "-C")
        yield stand
        os.close(stand.fifo)


async def test_up(stand: Stand) -> None:
    await stand.shows(ALL, {}, 30)


async def test_who_is_told_of_it(stand: Stand) -> None:
    """Each server and each quorum once; a FILE_CHECK is known at the start, so only its quorum is news."""
    wanted = [f"vs {name}-{family} up" for name in KINDS for family in FAMILIES]
    wanted += [f"rs {name}-{family} up" for name in ALL - {"file"} for family in FAMILIES]
    await becomes(lambda: sorted(stand.note().splitlines()) == sorted(wanted), "each script once")
    lines = os.read(stand.fifo, 65536).decode().splitlines()
    assert len(lines) == len(wanted)
    assert lines.count("RS [10.73.0.51]:tcp:25 [10.73.0.100]:tcp:8003 UP") == 1
    assert lines.count("VS [fd73::100]:tcp:8008 UP") == 1


async def test_silence_of_programs(stand: Stand) -> None:
    """The kernel goes on answering for them, so TCP_CHECK and PING_CHECK see nothing of it."""
    stand.send(signal.SIGSTOP)
    late = rf"timed out after {TIMEOUT} s$"
    down = {"http": rf": /: answer {late}", "https": f"TLS handshake {late}", "smtp": f"greeting {late}",
            "dns": f"answer to A www.example.org {late}", "udp": f"reply {late}"}  # fmt: skip
    await stand.shows(ALL - down.keys(), down)
    stand.send(signal.SIGCONT)
    await stand.shows(ALL, {})


async def test_refusal(stand: Stand) -> None:
    await stand.end()
    stand.script(7)
    stand.switch(3)
    down = dict.fromkeys(NETWORK, r"_(CHECK|GET) \S+:\d+: connection refused$")
    down |= {"misc": r"MISC_CHECK /\S+/misc: exited with status 7$", "file": "FILE_CHECK switch: it holds 3$"}
    await stand.shows({"ping"}, down)


async def test_wrong_answers(stand: Stand) -> None:
    stand.start(good=False)
    stand.script(0)
    stand.switch(0)
    down = {"http": "/: status code 503$", "https": "/: status code 503$",
            "smtp": "greeting, not 220: '554 no service'$", "dns": r"rcode 5 \(REFUSED\)$",
            "udp": "the reply differs from require_reply at byte 0$"}  # fmt: skip
    await stand.shows(ALL - down.keys(), down)


async def test_recovery(stand: Stand) -> None:
    await stand.end()
    stand.start()
    await stand.shows(ALL, {}, 20)


async def test_silence_of_the_wire(stand: Stand) -> None:
    """Packets to the server's addresses are dropped: nothing is up any more that goes over the wire."""
    rs1 = stand.net["rs1"]
    what = "meta l4proto { tcp, udp } drop; icmp type echo-request drop; icmpv6 type echo-request drop;"
    table = f"table inet silence {{ chain in {{ type filter hook input priority 0; {what} }}\n}}"
    rs1.run("nft", "-f", "-", stdin=table + "\n")
    down = dict.fromkeys(NETWORK - {"dns", "udp"}, rf"connect timed out after {TIMEOUT} s$")
    down |= {"ping": "PING_CHECK .*echo reply timed out", "dns": "timed out", "udp": "timed out"}
    await stand.shows({"misc", "file"}, down)
    rs1.run("nft", "delete", "table", "inet", "silence")
    await stand.shows(ALL, {}, 20)
