# SPDX-License-Identifier: Apache-2.0
"""Whose a packet is, as the fanout program of a shared port: the kernel gives each frame to its owner's socket.

The same function as ``stage/steer.pxd``. What it does not look into (fragments, IPv6 extension headers), and a number
of addresses that no program holds, goes to some worker, which hands it over.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lbd.fastpath.port.bpf import (
    ADD_X,
    AND,
    JSET,
    LD_B,
    LD_B_X,
    LD_H,
    LD_H_X,
    LD_W,
    LD_W_X,
    LDX_IHL,
    LDX_M,
    LONGEST,
    LSH,
    MOD,
    MUL,
    RET,
    RET_A,
    RSH,
    ST,
    TAX,
    XOR,
    XOR_X,
    Instruction,
    Program,
    words,
)

BLOCK_BITS = 6
"""Local ports are dealt out in blocks of 64 (``table/laddr.pxd``)."""
NET = 0xFFF00000
"""SKF_NET_OFF: loads from here on count from the network header, wherever the frame begins."""
ICMP, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132
ANYONE = (RET, 0, 0, 0)


class Steering(msgspec.Struct, frozen=True):
    """To how many workers packets are dealt out, and by what."""

    workers: int
    key: tuple[int, int, int]
    locals: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()


class _Packet:
    """Where things stand in the packet that decides: the one that came, or the one that an ICMP error embeds, turned
    round. Offsets from the network header; ports also from X, which holds the length of an IPv4 header."""

    def __init__(self, name: str, source: int, destination: int, ports: tuple[int, int]) -> None:
        self.name = name
        self.source, self.destination = source, destination
        self.source_port, self.destination_port = ports


class _Family:
    def __init__(self, program: Program, steering: Steering, family: int) -> None:
        self._p = program
        self._steering = steering
        self._n = 1 if family == 4 else 4
        self._locals = self._of(steering.locals, family)
        self._services = self._of(steering.services, family)

    @staticmethod
    def _of(addresses: Iterable[str], family: int) -> list[tuple[int, ...]]:
        return sorted(words(a) for a in addresses if (":" in a) == (family == 6))

    def decide(self, packet: _Packet, *, embedded: bool = False) -> None:
        """Ends in a return. In IPv4 X holds the header's length, and that of both headers where it is embedded."""
        p, name = self._p, packet.name
        self._any_of(self._locals, packet.destination, embedded, f"{name}-local")
        self._any_of(self._services, packet.destination, embedded, f"{name}-service")
        self._client(packet.destination, packet.destination_port, embedded)
        p.label(f"{name}-service")
        self._client(packet.source, packet.source_port, embedded)
        p.label(f"{name}-local")
        self._to_ports(embedded)
        self._load_port(packet.destination_port)
        p.put(RSH, BLOCK_BITS)
        p.put(MOD, self._steering.workers)
        p.put(RET_A)

    def _load_word(self, at: int, embedded: bool) -> None:
        self._p.put(LD_W_X if embedded and self._n == 1 else LD_W, NET + at)

    def _load_port(self, at: int) -> None:
        self._p.put(LD_H_X if self._n == 1 else LD_H, NET + at)

    def _to_ports(self, embedded: bool) -> None:
        """X: past both headers, where an embedded IPv4 packet's are."""
        if embedded and self._n == 1:
            for code, k in ((LD_B_X, NET + 8), (AND, 15), (LSH, 2), (ADD_X, 0), (TAX, 0)):
                self._p.put(code, k)

    def _any_of(self, addresses: list[tuple[int, ...]], at: int, embedded: bool, label: str) -> None:
        if self._n == 1 and addresses:
            self._load_word(at, embedded)
        for number, address in enumerate(addresses):
            if self._n == 1:
                self._p.goto_if(address[0], label)
                continue
            other = f"{label}-{number}"
            for i, word in enumerate(address):
                self._p.put(LD_W, NET + at + 4 * i)
                self._p.goto_if(word, f"{other}-{i}")
                self._p.goto(other)
                self._p.label(f"{other}-{i}")
            self._p.goto(label)
            self._p.label(other)

    def _client(self, address: int, port: int, embedded: bool) -> None:
        """The keyed hash of the client's address and port."""
        p, key = self._p, self._steering.key
        for i in range(self._n):
            self._load_word(address + 4 * i, embedded)
            if i == 0:
                p.put(XOR, key[0])
            else:
                p.put(LDX_M, 0)
                p.put(XOR_X)
            p.put(MUL, key[1])
            p.put(ST, 0)
        self._to_ports(embedded)
        self._load_port(port)
        p.put(LDX_M, 0)
        for code, k in ((XOR_X, 0), (MUL, key[1]), (TAX, 0), (RSH, 15), (XOR_X, 0), (MUL, key[2]), (RSH, 16)):
            p.put(code, k)
        p.put(MOD, self._steering.workers)
        p.put(RET_A)


def _ipv4(p: Program, steering: Steering) -> None:
    family = _Family(p, steering, 4)
    p.put(LD_H, NET + 6)
    p.goto_if(0x3FFF, "anyone", JSET)
    p.put(LDX_IHL, NET)
    p.put(LD_B, NET + 9)
    p.goto_if(ICMP, "icmp4")
    family.decide(_Packet("v4", 12, 16, (0, 2)))
    p.label("icmp4")
    p.put(LD_B_X, NET)
    for kind in (3, 11, 12):
        p.goto_if(kind, "error4")
    p.goto("anyone")
    p.label("error4")
    # turned round: its source is what the embedded packet went to
    family.decide(_Packet("e4", 8 + 16, 8 + 12, (8 + 2, 8)), embedded=True)


def _ipv6(p: Program, steering: Steering) -> None:
    family = _Family(p, steering, 6)
    p.put(LD_B, NET + 6)
    for proto in (TCP, UDP, SCTP):
        p.goto_if(proto, "plain6")
    p.goto_if(ICMP6, "icmp6")
    p.goto("anyone")
    p.label("plain6")
    family.decide(_Packet("v6", 8, 24, (40, 42)))
    p.label("icmp6")
    p.put(LD_B, NET + 40)
    for kind in (1, 2, 3, 4):
        p.goto_if(kind, "error6")
    p.goto("anyone")
    p.label("error6")
    at = 40 + 8
    family.decide(_Packet("e6", at + 24, at + 8, (at + 40 + 2, at + 40)), embedded=True)


def _spread(steering: Steering) -> list[Instruction]:
    """By the addresses alone, both ways alike: for more of them than a program can tell apart."""
    p = Program()
    p.put(LD_B, NET)
    p.put(RSH, 4)
    p.goto_if(6, "six")
    for first, second, label in ((12, 16, ""), (20, 36, "six")):
        if label:
            p.label(label)
        p.put(LD_W, NET + first)
        p.put(ST, 0)
        p.put(LD_W, NET + second)
        p.put(LDX_M, 0)
        for code, k in ((XOR_X, 0), (MUL, steering.key[1]), (RSH, 16), (MOD, steering.workers), (RET_A, 0)):
            p.put(code, k)
    return p.instructions()


def fanout_program(steering: Steering) -> list[Instruction]:
    """Returns the number of the owner's socket."""
    if steering.workers == 1:
        return [ANYONE]
    p = Program()
    p.put(LD_B, NET)
    p.put(RSH, 4)
    p.goto_if(4, "ipv4")
    p.goto_if(6, "ipv6")
    p.goto("anyone")
    p.label("ipv4")
    _ipv4(p, steering)
    p.label("ipv6")
    _ipv6(p, steering)
    p.label("anyone")
    p.put(RET)
    out = p.instructions()
    return out if len(out) <= LONGEST else _spread(steering)
