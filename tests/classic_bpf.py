# SPDX-License-Identifier: Apache-2.0
"""A small interpreter of classic BPF: filters and fanout programs are tested frame by frame without a kernel."""

from __future__ import annotations

from collections.abc import Iterable

SIZES = {0x20: 4, 0x28: 2, 0x30: 1, 0x40: 4, 0x48: 2, 0x50: 1}
INDIRECT = {0x40, 0x48, 0x50}
NET_OFF = 0xFFF00000
AD_OFF = 0xFFFFF000
VLAN_TAG_PRESENT = AD_OFF + 48
WORD = 0xFFFFFFFF
ETHER = 14


def run(program: Iterable[tuple[int, int, int, int]], frame: bytes, *, tagged: bool = False) -> int:
    """What it returns; 0 where it loads from beyond the frame, as in the kernel."""
    code = list(program)
    a = x = at = 0
    memory = [0] * 16
    while True:
        op, jt, jf, k = code[at]
        at += 1
        match op:
            case _ if op in SIZES:
                if op not in INDIRECT and k >= AD_OFF:
                    a = int(tagged) if k == VLAN_TAG_PRESENT else 0
                    continue
                start = _place(k) + (x if op in INDIRECT else 0)
                if start + SIZES[op] > len(frame):
                    return 0
                a = int.from_bytes(frame[start : start + SIZES[op]], "big")
            case 0xB1 | 0x61:
                x = memory[k] if op == 0x61 else 4 * (frame[_place(k)] & 15)
            case 0x02:
                memory[k] = a
            case 0x07:
                x = a
            case 0x15 | 0x45 | 0x25 | 0x35:
                holds = {0x15: a == k, 0x45: bool(a & k), 0x25: a > k, 0x35: a >= k}[op]
                at += jt if holds else jf
            case 0x05:
                assert k >= 0, "the kernel knows no jump back"
                at += k
            case 0x06 | 0x16:
                return k if op == 0x06 else a
            case _:
                a = _calculate(op, a, x if op & 8 else k)


def _place(k: int) -> int:
    return k - NET_OFF + ETHER if k >= NET_OFF else k


def _calculate(op: int, a: int, b: int) -> int:
    match op & 0xF0:
        case 0x00:
            return a + b & WORD
        case 0x20:
            return a * b & WORD
        case 0x50:
            return a & b
        case 0x60:
            return a << b & WORD
        case 0x70:
            return a >> b
        case 0x90:
            return a % b
        case 0xA0:
            return a ^ b
    raise AssertionError(f"no instruction {op:#x} here")
