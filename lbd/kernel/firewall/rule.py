# SPDX-License-Identifier: Apache-2.0
"""A firewall rule as values: which first packets of a connection it means, and what it does with them.

A ``Match`` is a product of sets, one of each dimension; a rule that means a union of products has several parts. It is
about the *first* packet of a connection as it comes in: of connection tracking's states it is NEW, of TCP's flags SYN.
"""

from __future__ import annotations

import fnmatch
from typing import Any

import msgspec

from lbd.kernel.firewall.spans import Spans, contains, intersection

EVERY_MARK = 0xFFFFFFFF
WITH_PORTS: Spans = ((6, 6), (17, 17), (33, 33), (132, 132), (136, 136))
"""TCP, UDP, DCCP, SCTP and UDP-Lite."""


class Interfaces(msgspec.Struct, frozen=True):
    """Patterns with ``*`` for what follows; not: any but these."""

    names: tuple[str, ...]
    but: bool = False

    def has(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.names) != self.but

    @property
    def listed(self) -> bool:
        """Whether these names are all that there are."""
        return not self.but and not any("*" in name for name in self.names)


class Macs(msgspec.Struct, frozen=True):
    addresses: tuple[bytes, ...]
    but: bool = False


class MarkIs(msgspec.Struct, frozen=True):
    """mark & mask == value; but: !=."""

    value: int
    mask: int = EVERY_MARK
    but: bool = False


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """None is anything. Addresses are numbers of ``family``; 0 is both."""

    family: int = 0
    saddr: Spans | None = None
    daddr: Spans | None = None
    protocols: Spans | None = None
    sport: Spans | None = None
    dport: Spans | None = None
    interfaces: tuple[Interfaces, ...] = ()
    """Of all of these."""
    macs: tuple[Macs, ...] = ()
    marks: tuple[MarkIs, ...] = ()
    local: bool | None = None
    """Whether the destination is an address of this machine."""
    unknown: tuple[str, ...] = ()
    """What else it asks, in its own words."""

    def both(self, other: Match) -> Match | None:
        """What both mean; None where that is nothing."""
        if self.family and other.family and self.family != other.family:
            return None
        if self.local is not None and other.local is not None and self.local != other.local:
            return None
        interfaces = _interfaces(self.interfaces, other.interfaces)
        if interfaces is None:
            return None
        shared: dict[str, Spans | None] = {}
        for name in ("saddr", "daddr", "protocols", "sport", "dport"):
            one, two = getattr(self, name), getattr(other, name)
            shared[name] = two if one is None else one if two is None else intersection(one, two)
            if shared[name] == ():
                return None
        return Match(
            family=self.family or other.family,
            interfaces=interfaces,
            macs=_merged(self.macs, other.macs),
            marks=_merged(self.marks, other.marks),
            local=self.local if other.local is None else other.local,
            unknown=_merged(self.unknown, other.unknown),
            **shared,
        )

    def has_all_of(self, other: Match) -> bool:
        """Whether every packet of the other one is of this one; False where nobody can know."""
        if self.unknown or self.macs or self.marks:
            return False
        if (self.family and self.family != other.family) or (
            self.local is not None and self.local != other.local
        ):
            return False
        for name in ("saddr", "daddr", "protocols", "sport", "dport"):
            one, two = getattr(self, name), getattr(other, name)
            if one is not None and (two is None or not contains(one, two)):
                return False
        names = {name for one in other.interfaces if one.listed for name in one.names}
        return not self.interfaces or (
            bool(names) and all(one.has(name) for one in self.interfaces for name in names)
        )


def _merged(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _interfaces(one: tuple[Interfaces, ...], other: tuple[Interfaces, ...]) -> tuple[Interfaces, ...] | None:
    """One list of names where there is such a one; None where nothing is left of it."""
    every = _merged(one, other)
    listed = next((these for these in every if these.listed), None)
    if listed is None:
        return every
    names = tuple(name for name in listed.names if all(these.has(name) for these in every))
    return (Interfaces(names),) if names else None


class SetMark(msgspec.Struct, frozen=True):
    """mark = (mark & ~mask) ^ value, as the target MARK's --set-xmark."""

    value: int
    mask: int = EVERY_MARK


class Accept(msgspec.Struct, frozen=True):
    """Of this base chain; those of later priority are asked."""


class Drop(msgspec.Struct, frozen=True):
    word: str = "drop"


class Divert(msgspec.Struct, frozen=True):
    """To another address or port: DNAT, REDIRECT, TPROXY."""

    word: str


class Return(msgspec.Struct, frozen=True):
    pass


class Jump(msgspec.Struct, frozen=True):
    chain: str
    back: bool = True
    """False: goto."""


class Unknown(msgspec.Struct, frozen=True):
    """It may set a mark or end the packet."""

    word: str


Action = SetMark | Accept | Drop | Divert | Return | Jump | Unknown
Part = tuple[Match, tuple[Action, ...]]


class Rule(msgspec.Struct, frozen=True):
    text: str
    parts: tuple[Part, ...]
    """No packet is of two of them."""


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    rules: tuple[Rule, ...] = ()
    hook: str = ""
    """Of a base chain: ``ingress``, ``prerouting``, ``input`` …"""
    priority: int = 0
    drops: bool = False
    """By policy."""
    devices: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    """``nft``, ``iptables-nft`` or ``iptables-legacy`` (with ``ip6`` for IPv6)."""
    family: str
    """``ip``, ``ip6``, ``inet`` or ``netdev``."""
    name: str
    chains: dict[str, Chain]

    def where(self, chain: Chain) -> str:
        return (
            f"{self.source}: {'' if 'tables' in self.source else self.family + ' '}{self.name} {chain.name}"
        )


Ruleset = tuple[Table, ...]
