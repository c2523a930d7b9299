# SPDX-License-Identifier: Apache-2.0
"""A program of ``api.MarkRule`` run over a packet, step by step as its docstring says: what the fastpath is to do."""

from __future__ import annotations

import fnmatch
from ipaddress import ip_address

import msgspec

from lbd.fastpath.api import MarkRule


class Packet(msgspec.Struct, frozen=True):
    saddr: str
    daddr: str
    protocol: int
    sport: int
    dport: int
    iif: str
    mac: str
    local: bool = True


def mark_of(steps: tuple[MarkRule, ...], packet: Packet) -> int:
    mark, at = 0, 0
    while at < len(steps):
        step = steps[at]
        assert step.then > at, "a step leads forward"
        if means(step, packet, mark):
            mark = (mark & ~step.mask & 0xFFFFFFFF) ^ step.mark
            at = step.then
        else:
            at += 1
    return mark


def means(step: MarkRule, packet: Packet, mark: int) -> bool:
    source, destination = ip_address(packet.saddr), ip_address(packet.daddr)
    asked = (
        step.family in (0, source.version),
        step.saddr is None or any(ip_address(a) <= source <= ip_address(b) for a, b in step.saddr),
        step.daddr is None or any(ip_address(a) <= destination <= ip_address(b) for a, b in step.daddr),
        step.protocols is None or any(a <= packet.protocol <= b for a, b in step.protocols),
        step.sport is None or any(a <= packet.sport <= b for a, b in step.sport),
        step.dport is None or any(a <= packet.dport <= b for a, b in step.dport),
        step.iif is None or any(fnmatch.fnmatchcase(packet.iif, name) for name in step.iif) != step.iif_but,
        step.mac is None or (packet.mac in step.mac) != step.mac_but,
        step.marked is None or (mark & step.marked[1] == step.marked[0]) != step.marked_but,
        step.local is None or step.local == packet.local,
    )
    return all(asked)
