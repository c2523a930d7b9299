# SPDX-License-Identifier: Apache-2.0
"""Which server a scheduler chooses: clients of a DR service in plain bytes, and whose MAC address they leave to."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

from lbd.fastpath import api
from tests.packets.bench import CLIENT_MAC, MAC0, NETS, Bench, mac, ones

SYN, ACK, RST = 2, 16, 4
CRITICAL = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47, 9: 27.88}
"""Of chi-square, by degrees of freedom: theory is beyond it once in a thousand draws. Draws are repeatable here."""


class Client(NamedTuple):
    address: str
    port: int


def clients(family: int, n: int, seed: int = 1, port: int | None = None) -> list[Client]:
    """Distinct addresses all over the net beside the VIP's."""
    draw = random.Random(seed)
    prefix = "10.73.{}.{}" if family == 4 else "fd73::{:x}:{:x}"
    numbers = draw.sample(range(300, 65000), n)
    return [Client(prefix.format(i >> 8, i & 255), port or draw.randrange(1024, 65536)) for i in numbers]


def server(family: int, i: int) -> str:
    return NETS[family].prefix.format(4, 60 + i)


def farm(bench: Bench, family: int, weights: Sequence[int], scheduler: str, **more: Any) -> api.Service:
    """A DR service on port 80 with a server for each weight; ``limits`` are pairs of upper and lower."""
    limits = more.pop("limits", ((0, 0),) * len(weights))
    protocol = more.pop("protocol", api.Protocol.UDP)
    reals = []
    for i, (weight, (upper, lower)) in enumerate(zip(weights, limits, strict=True)):
        bench.neighbour(2, server(family, i), f"02:00:00:00:02:{i:02x}")
        reals.append(api.Real(server(family, i), 80, weight, api.Method.DR, upper=upper, lower=lower))
    key = api.ServiceKey(NETS[family].vip, 80, protocol)
    service = api.Service(key=key, scheduler=scheduler, reals=tuple(reals), **more)
    bench.conf.apply([api.SetService(service)])
    return service


def frame(family: int, client: Client, flags: int | None = None, payload: bytes = b"") -> bytes:
    """From a client to port 80 of the VIP: a datagram, or with flags a TCP segment."""
    src, dst = ip_address(client.address).packed, ip_address(NETS[family].vip).packed
    if flags is None:
        proto, l4 = 17, struct.pack("!HHHH", client.port, 80, 8 + len(payload), 0) + payload
    else:
        proto, l4 = 6, struct.pack("!HHIIBBHHH", client.port, 80, 7, 7, 0x50, flags, 8192, 0, 0) + payload
    if family == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(l4), 1, 0, 64, proto, 0) + src + dst
        head = head[:10] + struct.pack("!H", ~ones(head) & 0xFFFF) + head[12:]
        return mac(MAC0) + mac(CLIENT_MAC) + b"\x08\x00" + head + l4
    head = struct.pack("!IHBB", 0x60000000, len(l4), proto, 64) + src + dst
    return mac(MAC0) + mac(CLIENT_MAC) + b"\x86\xdd" + head + l4


def choices(bench: Bench, frames: Iterable[bytes], worker: int = 0) -> list[int | None]:
    """The number of the server that each frame went to, in order; None: to no server.

    With several workers one frame at a time: those that are handed over come out later.
    """
    out: list[int | None] = []
    every = list(frames)
    for at in range(0, len(every), 500):
        bench.now += 0.001
        raw = [(0, f) for f in every[at : at + 500]]
        verdicts, sent, _ = bench.dp.feed(raw, bench.now, worker)
        gone = iter(data[5] for port, data, _ in sent if port == 1)
        out += [next(gone, None) if v in ("tx", "handed") else None for v in verdicts]
    return out


def shares(chosen: Iterable[int | None], n: int) -> list[int]:
    found = list(chosen)
    return [found.count(i) for i in range(n)]


def chi_square(counts: Sequence[int], weights: Sequence[int]) -> float:
    """How far counts are from what weights promise, where there is a weight."""
    total, expected = sum(counts), sum(weights)
    pairs = [(c, total * w / expected) for c, w in zip(counts, weights, strict=True) if w]
    return sum((c - e) ** 2 / e for c, e in pairs)
