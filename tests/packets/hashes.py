# SPDX-License-Identifier: Apache-2.0
"""The hashing schedulers in plain Python, from the descriptions in ip_vs_sh.c, ip_vs_mh.c and of DPVS's conhash."""

from __future__ import annotations

import bisect
import hashlib
import math
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

MASK = (1 << 64) - 1
KEY1, KEY2 = 2654435761, 2654446892


def fold(address: str) -> int:
    """As a host-order number; of IPv6 the four words together."""
    a = ip_address(address)
    number = int(a)
    if not isinstance(a, IPv6Address):
        return number
    words = [number >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)]
    return words[0] ^ words[1] ^ words[2] ^ words[3]


def hash_32(value: int, bits: int = 8) -> int:
    return (value * 0x61C88647 & 0xFFFFFFFF) >> (32 - bits)


def rotl(x: int, n: int) -> int:
    return (x << n | x >> (64 - n)) & MASK


def sip13(key: int, number: int) -> int:
    """SipHash-1-3 over one 32-bit number with both halves of the key alike, folded to 32 bits."""
    v0, v1, v2, v3 = (
        key ^ c for c in (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    )

    def turn(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
        v0, v2 = (v0 + v1) & MASK, (v2 + v3) & MASK
        v1, v3 = rotl(v1, 13) ^ v0, rotl(v3, 16) ^ v2
        v0 = rotl(v0, 32)
        v2, v0 = (v2 + v1) & MASK, (v0 + v3) & MASK
        v1, v3 = rotl(v1, 17) ^ v2, rotl(v3, 21) ^ v0
        return v0, v1, rotl(v2, 32), v3

    block = 4 << 56 | number & 0xFFFFFFFF
    v0, v1, v2, v3 = turn(v0, v1, v2, v3 ^ block)
    v0, v2 = v0 ^ block, v2 ^ 0xFF
    for _ in range(3):
        v0, v1, v2, v3 = turn(v0, v1, v2, v3)
    return (v0 ^ v1 ^ v2 ^ v3) & 0xFFFFFFFF


Server = tuple[str, int, int]
"""Address, port, weight."""


def buckets(weights: Sequence[int], size: int = 256) -> list[int]:
    """sh: every server in a row as often as its weight says, once at least."""
    row = [i for i, w in enumerate(weights) for _ in range(max(w, 1))]
    return [row[i % len(row)] for i in range(size)]


def maglev(servers: Sequence[Server], size: int = 4093) -> list[int]:
    weights = [w for *_, w in servers]
    divisor = math.gcd(*weights)
    shift = max(0, (max(weights) // divisor).bit_length() - size.bit_length() // 2)
    table: dict[int, int] = {}
    walks = []
    for address, port, weight in servers:
        number = (fold(address) + port) & 0xFFFFFFFF
        turns = weight // divisor >> shift or int(weight > 0)
        walks.append([sip13(KEY1, number) % size, sip13(KEY2, number) % (size - 1) + 1, turns])
    while True:
        for who, walk in enumerate(walks):
            for _ in range(walk[2]):
                while walk[0] in table:
                    walk[0] = (walk[0] + walk[1]) % size
                table[walk[0]] = who
                if len(table) == size:
                    return [table[i] for i in range(size)]


def place(text: str) -> int:
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    a = sum(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
    a = (a + 0x7ED55D16 + (a << 12)) & MASK
    a = (a ^ 0xC761C23C) ^ (a >> 19)
    a = (a + 0x165667B1 + (a << 5)) & MASK
    a = (a + 0xD3A2646C & MASK) ^ (a << 9 & MASK)
    a = (a + 0xFD7046C5 + (a << 3)) & MASK
    a = (a ^ 0xB55A4F09) ^ (a >> 16)
    return a * 3221225473 & MASK


class Ring:
    def __init__(self, servers: Sequence[Server]) -> None:
        divisor = math.gcd(*(w for *_, w in servers))
        self._points = sorted(
            (place(f"{address}{int.from_bytes(port.to_bytes(2, 'big'), 'little')}-{n:03d}"), who)
            for who, (address, port, weight) in enumerate(servers)
            for n in range(weight // divisor * 160)
        )

    def of(self, number: int) -> int:
        at = bisect.bisect_left(self._points, (place(str(number)), -1))
        return self._points[at % len(self._points)][1]


def memory_order(address: str) -> int:
    """A folded address as a little-endian machine reads it."""
    return int.from_bytes(fold(address).to_bytes(4, "big"), "little")
