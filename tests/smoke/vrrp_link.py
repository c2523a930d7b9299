# SPDX-License-Identifier: Apache-2.0
"""A router under test and a scripted peer on one link: lbd or keepalived there, a packet socket here.

router 10.88.0.10, fe80::10  eth0 ─── p0  peer 10.88.0.20 and .5, fe80::20 and ::5
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import tempfile
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec

from lbd.model.net import packed
from lbd.vrrp.advert import Datagram
from lbd.vrrp.checksum import ones_sum
from tests.smoke.namespace import Namespace, run
from tests.smoke.program import Program
from tests.smoke.topology import ROOT

ETH_P_ALL, ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 3, 0x0800, 0x0806, 0x86DD
PACKET_OUTGOING = 4
NEIGHBOUR_ADVERTISEMENT = 136


class Heard(NamedTuple):
    """An advert that the router sent."""

    family: int
    virtual_router_id: int
    priority: int


class Link:
    """``with Link("conformance") as link``: two namespaces, gone at the end with all that runs in them."""

    def __init__(self, name: str) -> None:
        prefix = f"lbd-{os.getpid()}-{name}-"
        self.router, self.peer = Namespace(f"{prefix}r"), Namespace(f"{prefix}p")
        self.directory = Path(tempfile.mkdtemp(prefix=prefix))
        self.programs: list[Program] = []
        self.adverts: Counter[Heard] = Counter()
        self.sources: dict[tuple[int, int], set[str]] = {}
        """MAC addresses that adverts came from, by family and VRID."""
        self.announcements: Counter[str] = Counter()
        """By the address that was announced."""
        self.announced: dict[str, str] = {}
        """The MAC address that an IPv4 address was announced with last."""

    def __enter__(self) -> Link:
        try:
            for host in (self.router, self.peer):
                host.create()
            run("ip", "link", "add", "eth0", "netns", self.router.name, "type", "veth",
                "peer", "name", "p0", "netns", self.peer.name)  # fmt: skip
            self.router.ip("link set eth0 addrgenmode none up", "addr add 10.88.0.10/16 dev eth0",
                           "addr add fe80::10/64 dev eth0 nodad")  # fmt: skip
            self.peer.ip("link set p0 addrgenmode none up", "addr add 10.88.0.20/16 dev p0",
                         "addr add 10.88.0.5/16 dev p0", "addr add fe80::20/64 dev p0 nodad",
                         "addr add fe80::5/64 dev p0 nodad")  # fmt: skip
            self._mac = {end: _mac(host, end) for host, end in ((self.router, "eth0"), (self.peer, "p0"))}
            with self.peer.entered():
                self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
                self.socket.bind(("p0", ETH_P_ALL))
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in (self.router, self.peer):
            host.delete()
        for program in self.programs:
            program.process.wait(10)
        if hasattr(self, "socket"):
            self.socket.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- the router

    def start(self, daemon: str, text: str, *before: str) -> Program:
        """lbd or keepalived with this configuration; before: a command that runs it, setpriv(1) say."""
        self.programs.append(start(self.router, daemon, text, self.directory, *before))
        return self.programs[-1]

    def addresses(self) -> set[str]:
        """All that the router's kernel has on its interface."""
        shown = msgspec.json.decode(self.router.run("ip", "-j", "addr", "show", "dev", "eth0"))
        return {info["local"] for link in shown for info in link["addr_info"]}

    # --- the peer

    def send(self, datagram: Datagram) -> None:
        """As a frame, whatever the peer's kernel would make of it."""
        v6 = ":" in datagram.source
        data = _ip6(datagram) if v6 else _summed_ip4(datagram.data)
        multicast = {"224.0.0.18": "01005e000012", "ff02::12": "333300000012"}.get(datagram.destination)
        to = bytes.fromhex(multicast) if multicast else self._mac["eth0"]
        self.socket.send(to + self._mac["p0"] + struct.pack("!H", ETH_P_IPV6 if v6 else ETH_P_IP) + data)

    def read(self) -> None:
        """Count what the router has sent since the last time."""
        while True:
            try:
                frame, address = self.socket.recvfrom(2048)
            except BlockingIOError:
                return
            if address[2] != PACKET_OUTGOING:
                self._count(frame)

    def _heard(self, heard: Heard, frame: bytes) -> None:
        self.adverts[heard] += 1
        self.sources.setdefault(heard[:2], set()).add(frame[6:12].hex())

    def _count(self, frame: bytes) -> None:
        kind, data = struct.unpack_from("!H", frame, 12)[0], frame[14:]
        if kind == ETH_P_IP and data[9] in (51, 112):
            pdu = data[(data[0] & 15) * 4 + (24 if data[9] == 51 else 0) :]
            self._heard(Heard(4, pdu[1], pdu[2]), frame)
        elif kind == ETH_P_IPV6 and data[6] == 112:
            self._heard(Heard(6, data[41], data[42]), frame)
        elif kind == ETH_P_IPV6 and data[6] == socket.IPPROTO_ICMPV6 and data[40] == NEIGHBOUR_ADVERTISEMENT:
            if data[24] == 0xFF:
                self.announcements[socket.inet_ntop(socket.AF_INET6, data[48:64])] += 1
        elif kind == ETH_P_ARP and data[14:18] == data[24:28]:
            self.announcements[socket.inet_ntoa(data[14:18])] += 1
            self.announced[socket.inet_ntoa(data[14:18])] = data[8:14].hex()


def start(host: Namespace, daemon: str, text: str, directory: Path, *before: str) -> Program:
    """lbd or keepalived as a VRRP daemon; all its files are in the directory."""
    config = directory / f"{daemon}.conf"
    config.write_text(text)
    pids = [
        f"--pid={directory}/main.pid",
        *(f"--{role}_pid={directory}/{role}.pid" for role in ("vrrp", "bfd")),
    ]
    command = {
        "keepalived": ["keepalived", "-n", "-l", "-P", "-D", "-f", str(config), *pids],
        "lbd": [
            str(ROOT / ".venv/bin/lbd"), "-n", "-l", "-P", "-f", str(config),
            "--run-dir", str(directory / "run"), *pids,
        ],
    }[daemon]  # fmt: skip
    return Program(host, daemon, directory / f"{daemon}.log", *before, *command)


def _mac(host: Namespace, interface: str) -> bytes:
    shown = msgspec.json.decode(host.run("ip", "-j", "link", "show", "dev", interface))
    return bytes.fromhex(shown[0]["address"].replace(":", ""))


def _summed_ip4(data: bytes) -> bytes:
    length = (data[0] & 15) * 4
    head = data[:10] + b"\0\0" + data[12:length]
    return head[:10] + struct.pack("!H", ~ones_sum(head) & 0xFFFF) + data[10 + 2 :]


def _ip6(datagram: Datagram) -> bytes:
    head = struct.pack("!IHBB", 0x6C000000, len(datagram.data), 112, datagram.ttl)
    return head + packed(datagram.source) + packed(datagram.destination) + datagram.data
