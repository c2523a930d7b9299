# SPDX-License-Identifier: Apache-2.0
"""Marks: the kernel marks thousands of packets by rules of each kind, and the program compiled of them agrees."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Iterator

import pytest

from lbd.control.marks import Program, compiled
from lbd.kernel.firewall.reading import read
from tests.marks_program import Packet, mark_of
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root

PACKETS = 2000
MACS = {"b0": "02:00:00:00:00:b0", "b1": "02:00:00:00:00:b1"}
SOURCES = ["10.9.0.2", "10.9.0.3", "10.9.1.2", "10.9.1.77"]
DESTINATIONS = ["10.9.0.1", "10.9.1.1", "10.0.0.1", "10.0.0.2"]
PORTS = [21, 53, 80, 81, 443, 1024, 8080, 40000, 65535]

SEEN = """
table ip zz_seen {
  set seen { type ipv4_addr . ipv4_addr . inet_service . inet_service . mark; size 65535; flags dynamic; }
  chain seen { type filter hook prerouting priority 10;
    udp sport 1-65535 add @seen { ip saddr . ip daddr . udp sport . udp dport . meta mark } drop
  }
}
"""
"""After all that marks: what the kernel made of each packet."""

IPTABLES = [
    "-N WEB",
    "-N LATE",
    "-N LATER",
    "-A PREROUTING -d 10.0.0.1/32 -p udp -m multiport --dports 21,1024:65535 -j MARK --set-mark 1",
    "-A PREROUTING -d 10.0.0.1/32 -p udp --dport 80 -j MARK --set-mark 2",
    "-A PREROUTING -d 10.0.0.1/32 -p udp --dport 443 -j MARK --set-mark 2",
    "-A PREROUTING -i a1 ! -s 10.9.1.77 -p udp -j WEB",
    "-A PREROUTING -m mac --mac-source 02:00:00:00:00:b0 -d 10.0.0.2 -m iprange --src-range 10.9.0.0-10.9.0.9 -j LATER",
    "-A PREROUTING -m set --match-set lbdtest src -p udp -m udp ! --dport 80:443 -j MARK --xor-mark 0x20",
    "-A PREROUTING -m mark ! --mark 0x0/0xf -g LATE",
    "-A PREROUTING -p udp --dport 53 -j MARK --set-mark 9",
    "-A WEB -p udp -m multiport --ports 80,81 -j RETURN",
    "-A WEB -d 10.9.1.1 -j MARK --set-mark 3",
    "-A WEB -m conntrack --ctstate NEW -p udp --dport 8080 -j ACCEPT",
    "-A WEB -j MARK --and-mark 0xf1",
    "-A LATER -j MARK --or-mark 0x10",
    "-A LATE -m addrtype --dst-type LOCAL -j MARK --set-xmark 0x100/0x100",
]
NFT = """
table inet fw {
  set admins { type ipv4_addr; flags interval; elements = { 10.9.0.3, 10.9.1.64/26 }; }
  set pairs { type ipv4_addr . inet_service; elements = { 10.0.0.1 . 53, 10.0.0.2 . 80 }; }
  map byport { type inet_service : mark; elements = { 80 : 0x2, 443 : 0x2, 21 : 0x1 }; }
  chain web { udp dport 81 return
    ip daddr 10.0.0.1 meta mark set 0x30
    udp sport < 30000 meta mark set meta mark and 0xf0 or 0x5
  }
  chain pre { type filter hook prerouting priority mangle;
    ip daddr { 10.0.0.1, 10.0.0.2 } meta mark set udp dport map @byport
    iifname "a1" ip saddr != @admins jump web
    ip daddr . udp dport @pairs meta mark set meta mark or 0x40
    ether saddr 02:00:00:00:00:b0 udp dport vmap { 8080 : accept, 53 : goto web, 40000-65535 : jump web }
    meta mark 0 ip saddr 10.9.0.0/24 meta mark set 0x77
    meta mark & 0xf == 0x2 ct state new meta mark set mark xor 0x1000
    fib daddr type local udp dport != { 21, 80-90 } meta mark set 0x99
  }
}
"""


@pytest.fixture
def host() -> Iterator[Namespace]:
    """a0 and a1 on wires to b0 and b1 in the same namespace: frames are written at the far ends."""
    host = Namespace("lbdmarks")
    host.create("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
    try:
        for n in "01":
            host.ip(
                f"link add a{n} type veth peer name b{n}",
                f"link set b{n} address {MACS['b' + n]} up",
                f"link set a{n} address 02:00:00:00:00:a{n} up",
                f"addr add 10.9.{n}.1/24 dev a{n}",
            )
        host.ip("addr add 10.0.0.1/32 dev lo", "route add 10.0.0.2/32 via 10.9.0.9")
        host.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        yield host
    finally:
        host.delete()


def packets() -> list[Packet]:
    """Each by one end, and none like another in its addresses and ports."""
    chosen = random.Random(6)
    found: dict[tuple[str, str, int, int], str] = {}
    while len(found) < PACKETS:
        sport = chosen.choice([80, 81, chosen.randint(1025, 65535)])
        key = chosen.choice(SOURCES), chosen.choice(DESTINATIONS), sport, chosen.choice(PORTS)
        found[key] = chosen.choice("01")
    return [
        Packet(saddr, daddr, 17, sport, dport, f"a{end}", MACS[f"b{end}"], local=daddr != "10.0.0.2")
        for (saddr, daddr, sport, dport), end in found.items()
    ]


def send(host: Namespace, wanted: list[Packet]) -> None:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether

    with host.entered():
        wires = {n: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) for n in "01"}
        for n, wire in wires.items():
            wire.bind((f"b{n}", 0))
    for one in wanted:
        end = one.iif[1]
        frame = Ether(src=one.mac, dst=f"02:00:00:00:00:a{end}") / IP(src=one.saddr, dst=one.daddr)
        wires[end].send(bytes(frame / UDP(sport=one.sport, dport=one.dport)))
    for wire in wires.values():
        wire.close()


def seen(host: Namespace) -> dict[tuple[str, str, int, int], int]:
    listed = host.run("nft", "-nn", "list", "set", "ip", "zz_seen", "seen")
    found = re.findall(r"([\d.]+) \. ([\d.]+) \. (\d+) \. (\d+) \. (0x[0-9a-f]+)", listed)
    return {
        (saddr, daddr, int(sport), int(dport)): int(mark, 16) for saddr, daddr, sport, dport, mark in found
    }


async def compile_in(host: Namespace) -> Program:
    with host.entered():
        reading = await read(ours="lbd")
    assert reading.problems == ()
    return compiled(reading.ruleset)


async def agrees(host: Namespace, program: Program, least_marks: int) -> None:
    wanted = packets()
    host.run("nft", "-f", "-", stdin=SEEN)
    send(host, wanted)
    kernel = seen(host)
    assert len(kernel) == PACKETS
    theirs = {p: kernel[p.saddr, p.daddr, p.sport, p.dport] for p in wanted}
    assert len(set(theirs.values())) >= least_marks, "the rules are to make many marks"
    differing = {
        p: (mark_of(program.steps, p), mark)
        for p, mark in theirs.items()
        if mark_of(program.steps, p) != mark
    }
    assert differing == {}


@pytest.mark.parametrize("kind", ["nft", "legacy"])
async def test_iptables(host, kind):
    host.run("ipset", "create", "lbdtest", "hash:net")
    host.run("ipset", "add", "lbdtest", "10.9.0.2")
    host.run("ipset", "add", "lbdtest", "10.9.1.64/26")
    for rule in IPTABLES:
        host.run(f"iptables-{kind}", "-t", "mangle", *rule.split())
    program = await compile_in(host)
    assert program.problems == ()
    await agrees(host, program, 8)


async def test_nft(host):
    host.run("nft", "-f", "-", stdin=NFT)
    program = await compile_in(host)
    assert program.problems == ()
    await agrees(host, program, 8)
