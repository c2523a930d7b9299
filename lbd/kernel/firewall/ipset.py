# SPDX-License-Identifier: Apache-2.0
"""The text of ``ipset save`` as matches for the direction ``src``; see ipset(8)."""

from __future__ import annotations

import socket

from lbd.kernel.firewall.rule import Match
from lbd.kernel.firewall.spans import addresses, union

ADDRESSES = frozenset({"hash:ip", "hash:net", "bitmap:ip"})
WITH_PORT = frozenset({"hash:ip,port", "hash:net,port"})
MOST_PAIRS = 1024


def sets(text: str) -> dict[str, tuple[Match, ...]]:
    """Those that can be told by address, port, or both. A set of a kind that is not known is left out."""
    kinds: dict[str, str] = {}
    families: dict[str, int] = {}
    entries: dict[str, list[str]] = {}
    beyond: set[str] = set()
    for line in text.splitlines():
        word, name, *rest = line.split()
        if word == "create":
            kinds[name], entries[name] = rest[0], []
            families[name] = 6 if "inet6" in rest else 4
        elif word == "add":
            entries[name].append(rest[0])
            if "nomatch" in rest:
                beyond.add(name)
    found: dict[str, tuple[Match, ...]] = {}
    for name, kind in kinds.items():
        made = None if name in beyond else _matches(kind, families[name], entries[name])
        if made is not None:
            found[name] = made
    for name, kind in kinds.items():
        if kind == "list:set" and all(member in found for member in entries[name]):
            found[name] = tuple(one for member in entries[name] for one in found[member])
    return found


def _matches(kind: str, family: int, entries: list[str]) -> tuple[Match, ...] | None:
    if kind in ADDRESSES:
        spans = union(addresses(entry)[1] for entry in entries)
        return (Match(family=family, saddr=spans),) if spans else ()
    if kind == "bitmap:port":
        return (Match(sport=union((int(entry), int(entry)) for entry in entries)),) if entries else ()
    if kind in WITH_PORT and len(entries) <= MOST_PAIRS:
        return tuple(_pair(family, entry) for entry in entries)
    return None


def _pair(family: int, entry: str) -> Match:
    """``10.0.0.1,tcp:80``."""
    address, _, rest = entry.partition(",")
    protocol, _, port = rest.rpartition(":")
    number = 6 if not protocol else int(protocol) if protocol.isdecimal() else socket.getprotobyname(protocol)
    return Match(
        family=family,
        saddr=union([addresses(address)[1]]),
        protocols=((number, number),),
        sport=((int(port), int(port)),),
    )
