# SPDX-License-Identifier: Apache-2.0
"""Asking nft, iptables and ipset what there is. Nothing is changed; the programs run beside the loop.

nft cannot tell what rules of iptables-nft mean (their matches are xtables'), so tables that have such rules are read by
``iptables-nft-save``. iptables-legacy is asked only where the kernel says that it has tables: the question alone would
make it load them.
"""

from __future__ import annotations

import asyncio
import os

import msgspec

from lbd.kernel.firewall import ipset, iptables, nft
from lbd.kernel.firewall.rule import Ruleset, Table

TIMEOUT = 30.0
NFT_FAMILIES = ("inet", "ip", "ip6")
LEGACY = {
    4: ("iptables-legacy-save", "/proc/net/ip_tables_names"),
    6: ("ip6tables-legacy-save", "/proc/net/ip6_tables_names"),
}
NFT_COMPATIBLE = {4: "iptables-nft-save", 6: "ip6tables-nft-save"}
FAMILY_NAMES = {4: "ip", 6: "ip6"}


class Reading(msgspec.Struct, frozen=True):
    ruleset: Ruleset
    problems: tuple[str, ...] = ()
    """What could not be read, each a sentence."""


async def read(*, ours: str) -> Reading:
    """ours: the netdev table that is the guard; it is none of the host's. Never raises for what a program says."""
    problems: list[str] = []
    found, foreign = await _nft(ours, problems)
    wanted = {family for family, name in FAMILY_NAMES.items() if any(key[0] == name for key in foreign)}
    legacy = {family for family in LEGACY if _has_legacy(family)}
    sets = ipset.sets(await _run("ipset", "save") or "") if wanted or legacy else {}
    for family in sorted(wanted):
        text = await _run(NFT_COMPATIBLE[family])
        if text is None:
            problems.append(
                f"{NFT_COMPATIBLE[family]} cannot be run, and nft does not say what the rules of iptables-nft mean: "
                "install iptables"
            )
            continue
        kind = "iptables-nft" if family == 4 else "ip6tables-nft"
        readable = iptables.tables(text, source=kind, family=family, sets=sets)
        found = _instead(found, tuple(t for t in readable if (t.family, t.name) in foreign))
    for family in sorted(legacy):
        text = await _run(LEGACY[family][0])
        if text is None:
            problems.append(f"{LEGACY[family][0]} cannot be run, and there are rules of it: install iptables")
            continue
        kind = "iptables-legacy" if family == 4 else "ip6tables-legacy"
        found += iptables.tables(text, source=kind, family=family, sets=sets)
    return Reading(found, tuple(problems))


def _has_legacy(family: int) -> bool:
    try:
        with open(LEGACY[family][1], encoding="ascii") as file:
            return bool(file.read().split())
    except OSError:
        return False


def legacy() -> bool:
    """Whether there are rules whose changes nobody tells."""
    return any(_has_legacy(family) for family in LEGACY)


def _instead(tables: Ruleset, others: Ruleset) -> Ruleset:
    keys = {(table.family, table.name) for table in others}
    return (*(t for t in tables if (t.family, t.name) not in keys), *others)


async def _nft(ours: str, problems: list[str]) -> tuple[Ruleset, frozenset[tuple[str, str]]]:
    """Of netdev tables without their sets: the guard's own may have tens of thousands of elements."""
    found: list[Table] = []
    foreign: set[tuple[str, str]] = set()
    said = nft.texts(await _run("nft", "-a", "-t", "list", "ruleset") or "")
    for family in (*NFT_FAMILIES, "netdev"):
        terse = ["-t"] if family == "netdev" else []
        text = await _run("nft", "-j", *terse, "list", "ruleset", family)
        if text is None:
            problems.append("nft cannot list the ruleset: what the host's firewall filters is not known")
            break
        try:
            tables, of_iptables = await asyncio.to_thread(_decoded, text, said)
        except (msgspec.DecodeError, KeyError, ValueError, TypeError) as error:
            problems.append(f"what nft lists of the family {family} cannot be understood: {error!r}")
            continue
        found += [t for t in tables if (t.family, t.name) != ("netdev", ours)]
        foreign |= of_iptables
    return tuple(found), frozenset(foreign)


def _decoded(text: str, said: nft.Texts) -> tuple[Ruleset, frozenset[tuple[str, str]]]:
    return nft.tables(msgspec.json.decode(text), said)


async def _run(*command: str) -> str | None:
    """What it prints; None if there is no such program, or it fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "LANG": "C"},
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(TIMEOUT):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return out.decode(errors="replace") if process.returncode == 0 else None
