# SPDX-License-Identifier: Apache-2.0
"""What is played to the kernel's IPVS and to lbd: services, and clients that open, establish and reset connections.

Everything follows from the scenario's name. Servers stand in ascending order of their addresses.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

SYN, ACK, RST = 2, 16, 4
PORT = 80


class Server(NamedTuple):
    weight: int
    upper: int = 0
    lower: int = 0


class Step(NamedTuple):
    """A segment of client number ``client`` to virtual address number ``vip``; or so many seconds of silence."""

    flags: int
    client: int = 0
    vip: int = 0
    wait: int = 0


class Scenario(NamedTuple):
    name: str
    family: int
    scheduler: str
    servers: tuple[Server, ...]
    steps: tuple[Step, ...]
    flags: tuple[str, ...] = ()
    """``fallback`` and ``port``."""
    vips: int = 1
    persistence: int = 0
    mask: str = ""
    """As ipvsadm takes it: a netmask, or the length of a prefix."""
    addresses: int = 0
    """So many have the clients together, by turns; 0: each has its own."""


def virtual(family: int, i: int) -> str:
    return f"10.73.9.{i + 1}" if family == 4 else f"fd73::9:{i + 1:x}"


def real(family: int, i: int) -> str:
    return f"10.74.0.{60 + i}" if family == 4 else f"fd74::{0x60 + i:x}"


def client(scenario: Scenario, number: int) -> tuple[str, int]:
    """Address and port; distinct within a scenario."""
    if scenario.addresses and number >= scenario.addresses:
        return client(scenario, number % scenario.addresses)[0], 1000 + number
    draw = random.Random(f"{scenario.name} {number}")
    high, low, port = (
        number + 256 * draw.randrange(1, 200),
        draw.randrange(1, 255),
        draw.randrange(1024, 65536),
    )
    if scenario.family == 4:
        return f"10.{75 + (high & 63)}.{high >> 8}.{low}", port
    return f"fd75::{high:x}:{draw.randrange(65536):x}", port


def segment(scenario: Scenario, step: Step) -> bytes:
    """The IP packet of a step, checksums included."""
    address, port = client(scenario, step.client)
    src, dst = ip_address(address).packed, ip_address(virtual(scenario.family, step.vip)).packed
    tcp = struct.pack("!HHIIBBHHH", port, PORT, 7, 7, 0x50, step.flags, 8192, 0, 0)
    check = _sum(src + dst + struct.pack("!HH", 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
    if scenario.family == 6:
        return struct.pack("!IHBB", 0x60000000, len(tcp), 6, 64) + src + dst + tcp
    head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + src + dst
    return head[:10] + struct.pack("!H", _sum(head)) + head[12:] + tcp


def _sum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def opening(n: int, vips: int = 1) -> tuple[Step, ...]:
    return tuple(Step(SYN, i, i % vips) for i in range(n))


def living(name: str, n: int) -> Iterator[Step]:
    """Connections that are established, and some of them reset, in disorder."""
    draw = random.Random(name)
    alive = []
    for i in range(n):
        yield Step(SYN, i)
        if draw.random() < 0.7:
            yield Step(ACK, i)
            alive.append(i)
        if alive and draw.random() < 0.4:
            yield Step(RST, alive.pop(draw.randrange(len(alive))))


def weighted(*weights: int) -> tuple[Server, ...]:
    return tuple(Server(w) for w in weights)


def scenarios() -> list[Scenario]:
    return [
        s
        for family in (4, 6)
        for s in (*_by_load(family), *_by_hash(family), *_limited(family), *_sticky(family))
    ]


def _by_load(family: int) -> Iterator[Scenario]:
    for scheduler in ("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "lblc", "lblcr"):
        for kind, weights in (("mixed", (3, 1, 0, 5, 1, 3)), ("equal", (1, 1, 1)), ("none", (0, 0))):
            name = f"{scheduler}{family} {kind}"
            yield Scenario(name, family, scheduler, weighted(*weights), tuple(living(name, 150)))


def _by_hash(family: int) -> Iterator[Scenario]:
    for scheduler in ("sh", "mh"):
        for flags in ((), ("port",), ("fallback",), ("fallback", "port")):
            for kind, weights in (
                ("mixed", (3, 1, 2, 40)),
                ("with 0", (2, 0, 1)),
                ("heavy", (300, 65535, 7)),
            ):
                name = f"{scheduler}{family} {'+'.join(flags) or 'plain'} {kind}"
                yield Scenario(name, family, scheduler, weighted(*weights), opening(200), flags)
    yield Scenario(f"dh{family} mixed", family, "dh", weighted(3, 1, 2, 1), opening(80, 40), vips=40)
    yield Scenario(f"dh{family} with 0", family, "dh", weighted(1, 0, 2), opening(80, 40), vips=40)


def _limited(family: int) -> Iterator[Scenario]:
    """A server that is full, and one that is full no longer: closed connections are gone after 10 s."""
    for scheduler in ("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "lblc", "lblcr"):
        servers = (Server(2, 20), Server(1, 10, 5), Server(1))
        yield Scenario(f"{scheduler}{family} limited", family, scheduler, servers, opening(100))
    for scheduler in ("sh", "mh"):
        for flags in ((), ("fallback",)):
            servers = (Server(1, 10), Server(1), Server(1, 20, 10))
            name = f"{scheduler}{family} {'+'.join(flags) or 'plain'} limited"
            yield Scenario(name, family, scheduler, servers, opening(120), flags)
    for kind, lower, gone in (
        ("three quarters", 0, 3),
        ("not yet", 0, 2),
        ("lower", 5, 6),
        ("not lower", 5, 5),
    ):
        servers = (Server(1, 10, lower), Server(1))
        steps = [Step(flags, i) for i in range(10) for flags in (SYN, ACK)]
        steps += [Step(RST, i) for i in range(gone)]
        steps += [Step(0, wait=14), *(Step(SYN, i) for i in range(20, 40))]
        yield Scenario(f"fo{family} {kind}", family, "fo", servers, tuple(steps))


def _sticky(family: int) -> Iterator[Scenario]:
    """A client stays, also while it has connections after the timeout, and at a server that is full."""
    mask = "255.240.0.0" if family == 4 else "100"
    full = (Server(1, 10), Server(2), Server(1, 20))
    late = (*opening(30), Step(0, wait=5), *(Step(SYN, i) for i in range(30, 60)))
    for scheduler in ("rr", "wlc", "mh"):
        common = Scenario(
            "", family, scheduler, weighted(1, 2, 0, 1), opening(120), persistence=60, addresses=30
        )
        named = f"{scheduler}{family} persistence"
        yield common._replace(name=named)
        yield common._replace(name=f"{named} masked", mask=mask)
        yield common._replace(name=f"{named} limited", servers=full)
        yield common._replace(name=f"{named} late", persistence=2, steps=late)
