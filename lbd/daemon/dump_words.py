# SPDX-License-Identifier: Apache-2.0
"""Addresses, routes, rules, commands and times in the words of keepalived 2.2.7's dump files."""

from __future__ import annotations

import shlex
import time

from lbd.model import Script, VirtualAddress
from lbd.model.route import MAIN_TABLE, Route, Rule


def address(one: VirtualAddress, held: bool) -> str:
    """``10.0.0.1/24 dev eth0 scope global set``; the prefix of a single host is not said."""
    v6 = ":" in one.address
    words = [one.address if one.prefix == (128 if v6 else 32) else f"{one.address}/{one.prefix}"]
    words += [f"peer {one.peer}/{one.peer_prefix}"] if one.peer else []
    words += [f"brd {one.brd}"] if one.brd else []
    words += [f"dev {one.dev}", f"scope {one.scope or 'global'}"]
    words += [f"label {one.label}"] if one.label else []
    words += ["no_track"] if one.no_track else []
    if v6:
        lifetime = one.preferred_lft if one.preferred_lft is not None else (0 if one.prefix == 128 else -1)
        words += [f"preferred_lft {'forever' if lifetime < 0 else lifetime}"]
    words += [f"track_group {one.track_group}"] if one.track_group else []
    return " ".join([*words, *(["set"] if held else [])])


def route(one: Route) -> str:
    words = [one.placement, *([one.type] if one.type != "unicast" else []), one.destination]
    words += [f"from {one.source}"] if one.source else []
    words += [f"via inet{'6' if ':' in one.via else ''} {one.via}"] if one.via else []
    words += [f"dev {one.dev}"] if one.dev else []
    words += [f"table {one.table}"] if one.table != MAIN_TABLE else []
    words += [f"tos 0x{one.tos:x}"] if one.tos else []
    words += [f"proto {one.protocol}"]
    words += [f"src {one.src}"] if one.src else []
    words += [f"metric {one.metric}"] if one.metric is not None else []
    for hop in one.nexthops:
        words += ["nexthop", *([f"via inet{'6' if ':' in hop.via else ''} {hop.via}"] if hop.via else [])]
        words += [*([f"dev {hop.dev}"] if hop.dev else []), f"weight {hop.weight}"]
    words += ["no_track"] if one.no_track else []
    words += [f"track_group {one.track_group}"] if one.track_group else []
    return " ".join(words)


def rule(one: Rule) -> str:
    words = ["not"] if one.invert else []
    words += [f"from {_network(one.source)}"] if one.source else []
    words += [f"to {_network(one.destination)}"] if one.destination else []
    words += [f"priority {one.preference}", f"tos 0x{one.tos:x}"]
    if one.fwmark is not None:
        words += [f"fwmark 0x{one.fwmark:x}" + (f"/0x{one.fwmask:x}" if one.fwmask is not None else "")]
    words += [f"iif {one.iif}"] if one.iif else []
    words += [f"oif {one.oif}"] if one.oif else []
    words += [f"protocol {one.protocol}"]
    words += [f"lookup {one.table}" if one.action == "table" else one.action]
    words += [str(one.goto)] if one.goto is not None else []
    words += ["no_track"] if one.no_track else []
    words += [f"track_group {one.track_group}"] if one.track_group else []
    return " ".join(words)


def _network(written: str) -> str:
    """Without the prefix of a single host."""
    host, _, prefix = written.partition("/")
    return host if prefix == ("128" if ":" in host else "32") else written


def command(script: Script) -> str:
    return " ".join(f"'{word}'" if "'" not in word else shlex.quote(word) for word in script.argv)


def clock(at: float) -> str:
    """Seconds since 1970, and the same as people say it."""
    local = time.localtime(at)
    said = time.strftime("%a %b %e %H:%M:%S", local)
    return f"{at:.6f} ({said}.{at % 1 * 1e6:06.0f} {local.tm_year})"


def truth(value: bool) -> str:
    return "true" if value else "false"


def ability(value: bool) -> str:
    return "enabled" if value else "disabled"


def affirmation(value: bool) -> str:
    return "yes" if value else "no"
