# SPDX-License-Identifier: Apache-2.0
"""Frames that were right once: cut, overwritten, glued and repeated; and a run of many of them through a Bench."""

from __future__ import annotations

import random
from collections import Counter

from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import (
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.packets.bench import CLIENT_MAC, MAC0, NETS, Bench, reply_to, request

INTERESTING = (0, 1, 2, 5, 6, 17, 43, 44, 51, 58, 60, 63, 64, 127, 128, 254, 255)


def seeds(bench: Bench) -> list[tuple[int, bytes]]:
    """Requests, replies and errors of every kind, over live connections."""
    out: list[tuple[int, bytes]] = []
    for family, net in NETS.items():
        for protocol in ("TCP", "UDP"):
            bench.service("fnat", family, protocol)
            sent = bench.one(request(net, protocol, payload=b"0123456789" * 5))
            out.append((0, bytes(request(net, protocol, payload=b"0123456789" * 5))))
            out.append((1, bytes(reply_to(sent, protocol, payload=b"answer"))))
            quoted = Raw(bytes(sent)[14:100])
            ip = net.ip(src=net.real1, dst=sent.getlayer(1).src)
            error = ICMP(type=3, code=4, nexthopmtu=1400) if family == 4 else ICMPv6PacketTooBig(mtu=1400)
            out.append((1, bytes(Ether(src=sent.dst, dst=sent.src) / ip / error / quoted)))
    net = NETS[6]
    ether = Ether(src=CLIENT_MAC, dst=MAC0)
    chain = IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting() / IPv6ExtHdrFragment()
    out.append((0, bytes(ether / IPv6(src=net.client, dst=net.vip) / chain / Raw(bytes(40)))))
    out.append(
        (
            0,
            bytes(
                ether / IP(src="10.73.0.9", dst="10.73.0.100", options=b"\x44\x04\x05\x00") / Raw(bytes(40))
            ),
        )
    )
    return out


def mutate(chance: random.Random, frame: bytes) -> bytes:
    data = bytearray(frame)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(12, len(data)) if len(data) > 12 else 0
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = bytes([chance.choice(INTERESTING)])
            case 1:
                data[at : at + 2] = chance.randbytes(2)
            case 2:
                del data[max(1, at) :]
            case 3:
                data[at:at] = data[at : at + chance.randrange(40)]
            case 4:
                data += chance.randbytes(chance.randrange(3000))
            case 5 if len(data) > 24:
                # the header's checksum made right, so that what is behind it is reached
                length = (data[14] & 15) * 4
                data[24:26] = b"\0\0"
                total = sum(int.from_bytes(data[14 + n : 16 + n], "big") for n in range(0, length, 2))
                data[24:26] = (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
    return bytes(data)


def run(bench: Bench, frames: int, seed: int) -> Counter[str]:
    """That many mutated frames (in whole bursts) over live connections; how many ended by which name."""
    chance = random.Random(seed)
    known = seeds(bench)
    fed: Counter[str] = Counter()
    for _ in range(frames // 32):
        burst = []
        for _ in range(32):
            port, frame = chance.choice(known)
            header = bytes([chance.choice((0, 0, 0, 1)), chance.choice((0, 0, 0, 1, 4))]) + chance.randbytes(
                8
            )
            burst.append((port, mutate(chance, frame), header))
        bench.now += 0.001
        verdicts, _, _ = bench.dp.feed(burst, bench.now)
        fed.update(verdicts)
    bench.dp.feed([], bench.now + 10)
    return fed
