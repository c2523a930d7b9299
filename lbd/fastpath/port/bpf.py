# SPDX-License-Identifier: Apache-2.0
"""Classic BPF (linux/filter.h): instructions, a program with labels, and giving it to a socket."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterable
from ipaddress import ip_address

LONGEST = 4096
"""Instructions that the kernel takes (BPF_MAXINSNS)."""

LD_W, LD_H, LD_B = 0x20, 0x28, 0x30
LD_W_X, LD_H_X, LD_B_X = 0x40, 0x48, 0x50
LDX_IHL, LDX_M, ST = 0xB1, 0x61, 0x02
JEQ, JSET, JGT, JGE, JA, RET, RET_A = 0x15, 0x45, 0x25, 0x35, 0x05, 0x06, 0x16
MUL, MOD, AND, LSH, RSH, XOR = 0x24, 0x94, 0x54, 0x64, 0x74, 0xA4
XOR_X, ADD_X, TAX = 0xAC, 0x0C, 0x07

Instruction = tuple[int, int, int, int]


class Program:
    """Instructions one after another; jumps name labels that may come later. Only JA reaches further than 255."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int | str]] = []
        self._labels: dict[str, int] = {}

    def put(self, code: int, k: int = 0) -> None:
        self._code.append((code, 0, 0, k))

    def label(self, name: str) -> None:
        self._labels[name] = len(self._code)

    def goto(self, label: str) -> None:
        self._code.append((JA, 0, 0, label))

    def goto_if(self, k: int, label: str, test: int = JEQ) -> None:
        self._code.append((test, 0, 1, k))
        self.goto(label)

    def instructions(self) -> list[Instruction]:
        out: list[Instruction] = []
        for at, (code, jt, jf, k) in enumerate(self._code):
            out.append((code, jt, jf, self._labels[k] - at - 1 if isinstance(k, str) else k))
        return out


def words(address: str) -> tuple[int, ...]:
    """The 32-bit words of an address as BPF loads them."""
    raw = ip_address(address).packed
    return struct.unpack(f"!{len(raw) // 4}I", raw)


def attach(sock: socket.socket, level: int, option: int, program: Iterable[Instruction]) -> None:
    """Sets a socket option that takes a struct sock_fprog."""
    code = b"".join(struct.pack("=HBBI", *i) for i in program)
    buffer = ctypes.create_string_buffer(code)
    sock.setsockopt(level, option, struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)))
