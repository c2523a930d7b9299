# SPDX-License-Identifier: Apache-2.0
"""One dataplane in memory: scapy frames in, scapy frames out, on a virtual clock.

    client ──port 0── lbd ──port 1── real servers          lbd0: what is punted
    C .9             VIP .100         R1 .51  R2 .52

After every test no mbuf may be left, and every frame must have ended by exactly one name.
"""

from __future__ import annotations

import functools
import os
from typing import Any, NamedTuple

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from lbd.fastpath import _dp, api
from lbd.fastpath.configuration import Configuration
from lbd.fastpath.forwarding import Forwarding, Link, Path, Route

EAL = ["--no-huge", "--no-shconf", "-m", "256", "--no-pci", "--no-telemetry", "--log-level=critical"]
MAC0, MAC1 = "02:00:00:00:01:00", "02:00:00:00:01:01"
CLIENT_MAC, TAP_MAC = "02:00:00:00:00:09", "02:00:00:00:ff:ff"
REAL_MACS = {"51": "02:00:00:00:00:51", "52": "02:00:00:00:00:52", "53": "02:00:00:00:00:53"}


class Net(NamedTuple):
    """The addresses of one family."""

    ip: type[Packet]
    client: str
    vip: str
    local: str
    real1: str
    real2: str
    prefix: str


NETS = {
    4: Net(IP, "10.73.0.9", "10.73.0.100", "10.74.0.21", "10.74.0.51", "10.74.0.52", "10.7{}.0.{}"),
    6: Net(IPv6, "fd73::9", "fd73::100", "fd74::21", "fd74::51", "fd74::52", "fd7{}::{}"),
}


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


@functools.cache
def start_eal() -> None:
    """DPDK's environment can be started once in a process."""
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    _dp.eal_init([*EAL, f"--lcores=0@({cpus}),1@({cpus})"])


class Fed(NamedTuple):
    verdicts: list[str]
    sent: list[tuple[int, Packet]]
    punted: list[Packet]
    headers: list[bytes]


class Bench:
    def __init__(self, **sizes: int) -> None:
        sizes = {"capacity": 4095, "slots": 1024, "laddrs": 16, "mbufs": 2047, "jumbos": 63} | sizes
        self.dp = _dp.Dataplane(**sizes)
        self.conf = Configuration(self.dp, slots=sizes["slots"], laddrs=sizes["laddrs"])
        self.asked: list[tuple[int, str, bool]] = []
        self.forwarding = Forwarding(self.dp, lambda *a: self.asked.append(a))
        self.now = 1.0
        for index, address in enumerate((MAC0, MAC1)):
            self.dp.add_memory_port(index, mac(address), 1500)
        self.dp.set_tap(-1, mac(TAP_MAC))
        self.links = {1: Link("eth0", mac(MAC0), 1500), 2: Link("eth1", mac(MAC1), 1500)}
        self.forwarding.set_ports(self.links, {1: 0, 2: 1})
        self.forwarding.set_routes(
            Route(
                net.prefix.format(port + 2, "0" if net.ip is IP else ""),
                24 if net.ip is IP else 64,
                (Path(port, None),),
            )
            for net in NETS.values()
            for port in (1, 2)
        )
        for net in NETS.values():
            self.neighbour(1, net.client, CLIENT_MAC)
            for last, address in REAL_MACS.items():
                self.neighbour(2, net.prefix.format(4, last), address)
        self.conf.set_host({net.vip: frozenset({"eth0"}) for net in NETS.values()})

    def neighbour(self, ifindex: int, address: str, to: str | None) -> None:
        self.forwarding.set_neighbours({(ifindex, address): mac(to) if to else None})

    def service(
        self, method: str = "fnat", family: int = 4, protocol: str = "TCP", **more: Any
    ) -> api.Service:
        """A service on port 80 with two real servers on port 8080 (DR: 80), configured and returned."""
        net = NETS[family]
        pool = api.LocalPool("p", tuple(api.LocalAddress(n.local, "eth1") for n in NETS.values()))
        port = 80 if method == "dr" else 8080
        reals = tuple(api.Real(a, port, 1, api.Method(method)) for a in (net.real1, net.real2))
        key = api.ServiceKey(net.vip, 80, api.Protocol[protocol])
        service = api.Service(**({"key": key, "scheduler": "rr", "reals": reals, "pool": "p"} | more))
        self.conf.apply([api.SetPool(pool), api.SetService(service)])
        return service

    def feed(
        self,
        *frames: Packet | bytes,
        port: int = 0,
        at: float | None = None,
        header: bytes = b"",
        worker: int = 0,
    ) -> Fed:
        """Frames in by a port; time goes on by a millisecond, or to ``at`` seconds after the start."""
        self.now = 1.0 + at if at is not None else self.now + 0.001
        raw = [(port, bytes(f), header) if header else (port, bytes(f)) for f in frames]
        verdicts, sent, punted = self.dp.feed(raw, self.now, worker)
        out = [(p, Ether(data)) for p, data, _ in sent]
        return Fed(verdicts, out, [Ether(data) for data, _ in punted], [h for _, _, h in sent])

    def one(self, frame: Packet, port: int = 0) -> Packet:
        """One frame in, one out by the other side; its checksums are right."""
        fed = self.feed(frame, port=port)
        assert fed.verdicts == ["tx"]
        ((_, out),) = fed.sent
        assert out == sums_made_anew(out)
        return out

    def counts(self) -> dict[str, int]:
        return {n: c for n, c in zip(_dp.NAMES, self.dp.verdicts(), strict=True) if c}

    def counters(self) -> api.Counters:
        return self.conf.stats().services[0].counters

    def check_sums(self) -> None:
        """rx + originated = tx + drops + punts + passes + waiting, and no mbuf beyond those that wait."""
        rx, originated, waiting, _, in_use = self.dp.totals()
        assert rx + originated == sum(self.dp.verdicts()) - self.counts().get("handed", 0) + waiting
        assert in_use == waiting


def sums_made_anew(packet: Packet) -> Packet:
    """The same packet with every checksum computed by scapy."""
    copy = Ether(bytes(packet))
    for layer in (IP, TCP, UDP, ICMP):
        if layer in copy and copy[layer].chksum is not None:
            del copy[layer].chksum
    for layer in ("ICMPv6DestUnreach", "ICMPv6PacketTooBig", "ICMPv6TimeExceeded"):
        if layer in copy:
            del copy[layer].cksum
    return Ether(bytes(copy))


def l4(protocol: str, sport: int, dport: int, flags: str = "S") -> Packet:
    if protocol == "TCP":
        return TCP(sport=sport, dport=dport, flags=flags, seq=7)
    return UDP(sport=sport, dport=dport)


def request(
    net: Net, protocol: str = "TCP", sport: int = 1000, flags: str = "S", payload: bytes = b""
) -> Packet:
    """From the client to port 80 of the VIP."""
    ether = Ether(src=CLIENT_MAC, dst=MAC0)
    return ether / net.ip(src=net.client, dst=net.vip) / l4(protocol, sport, 80, flags) / Raw(payload)


def reply_to(out: Packet, protocol: str = "TCP", flags: str = "SA", payload: bytes = b"") -> Packet:
    """What the real server answers to a packet that it got."""
    ip, t = out.getlayer(1), out.getlayer(2)
    ether = Ether(src=out.dst, dst=out.src)
    return ether / type(ip)(src=ip.dst, dst=ip.src) / l4(protocol, t.dport, t.sport, flags) / Raw(payload)


def addresses(packet: Packet) -> tuple[str, int, str, int]:
    """Source, its port, destination, its port."""
    ip, t = packet.getlayer(1), packet.getlayer(2)
    return ip.src, t.sport, ip.dst, t.dport


def ones(data: bytes) -> int:
    """The one's complement sum of 16-bit words (RFC 1071), not complemented."""
    data += b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
