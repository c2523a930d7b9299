# SPDX-License-Identifier: Apache-2.0
"""What ``nft -j list ruleset`` prints (libnftables-json(5)) as rules."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import msgspec

from lbd.kernel.firewall.nft_match import Never, NotUnderstood, conditions, elements
from lbd.kernel.firewall.rule import (
    EVERY_MARK,
    Accept,
    Action,
    Chain,
    Divert,
    Drop,
    Jump,
    Match,
    Part,
    Return,
    Rule,
    SetMark,
    Table,
    Unknown,
)

Json = Any
Texts = Mapping[tuple[str, str, str, int], str]
"""(family, table, chain, handle) → the rule as nft writes it."""

PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
VERDICTS: dict[str, Action] = {"accept": Accept(), "drop": Drop(), "return": Return(), "continue": Return()}
HARMLESS = frozenset(
    {"counter", "log", "notrack", "set", "ct helper", "ct timeout", "ct expectation", "flow", "comment"}
    | {"masquerade", "snat", "dup", "last", "synproxy", "meter", "map"}
)
ASKING = frozenset({"limit", "quota", "ct count"})
"""Statements that let only some packets on."""


def texts(listing: str) -> dict[tuple[str, str, str, int], str]:
    """Of ``nft -a -t list ruleset``."""
    found: dict[tuple[str, str, str, int], str] = {}
    family = table = chain = ""
    for line in listing.splitlines():
        words = line.split()
        if line.startswith("table "):
            family, table = words[1], words[2]
        elif line.startswith("\tchain "):
            chain = words[1]
        elif line.startswith("\t\t") and " # handle " in line:
            text, _, handle = line.strip().rpartition(" # handle ")
            if handle.isdecimal():
                found[family, table, chain, int(handle)] = text
    return found


def tables(listing: Json, said: Texts) -> tuple[tuple[Table, ...], frozenset[tuple[str, str]]]:
    """The tables, and (family, name) of those with rules that only iptables can read."""
    rooms: dict[tuple[str, str], dict[str, list[Json]]] = {}
    sets: dict[tuple[str, str], dict[str, Json]] = {}
    bases: dict[tuple[str, str, str], Json] = {}
    foreign: set[tuple[str, str]] = set()
    for entry in listing["nftables"]:
        ((kind, value),) = entry.items()
        if kind == "table":
            rooms[value["family"], value["name"]] = {}
            sets[value["family"], value["name"]] = {}
        elif kind == "chain":
            rooms[value["family"], value["table"]][value["name"]] = []
            bases[value["family"], value["table"], value["name"]] = value
        elif kind in ("set", "map"):
            sets[value["family"], value["table"]][value["name"]] = value
        elif kind == "rule":
            rooms[value["family"], value["table"]][value["chain"]].append(value)
            if any("xt" in expression for expression in value["expr"]):
                foreign.add((value["family"], value["table"]))
    made = []
    for (family, name), chains in rooms.items():
        here = {
            chain: _chain(bases[family, name, chain], rules, sets[family, name], said)
            for chain, rules in chains.items()
        }
        made.append(Table(source="nft", family=family, name=name, chains=here))
    return tuple(made), frozenset(foreign)


def _chain(base: Json, rules: list[Json], sets: Mapping[str, Json], said: Texts) -> Chain:
    made = [one for rule in rules if (one := _rule(rule, sets, said)) is not None]
    priority = base.get("prio", 0)
    devices = base.get("dev", ())
    return Chain(
        name=base["name"],
        rules=tuple(made),
        hook=base.get("hook", ""),
        priority=priority if isinstance(priority, int) else PRIORITIES.get(str(priority), 0),
        drops=base.get("policy") == "drop",
        devices=(devices,) if isinstance(devices, str) else tuple(devices),
    )


def _rule(rule: Json, sets: Mapping[str, Json], said: Texts) -> Rule | None:
    family = {"ip": 4, "ip6": 6}.get(rule["family"], 0)
    key = (rule["family"], rule["table"], rule["chain"], rule["handle"])
    text = said.get(key) or f"the rule of handle {rule['handle']}"
    try:
        parts = _parts([(Match(family=family), ())], rule["expr"], sets)
    except Never:
        return None
    done = tuple((match, actions) for match, actions in parts if actions)
    return Rule(text, done) if done else None


def _parts(parts: list[Part], expressions: list[Json], sets: Mapping[str, Json]) -> list[Part]:
    """Each statement narrows the parts, multiplies them or adds to what they do. Raises Never."""
    for expression in expressions:
        ((word, value),) = expression.items()
        try:
            parts = _narrowed(parts, _statement(word, value, sets))
        except NotUnderstood as error:
            parts = _narrowed(parts, [(Match(unknown=(str(error),)), ())])
        if not parts:
            raise Never
    return parts


def _narrowed(parts: list[Part], more: list[Part]) -> list[Part]:
    return [
        (both, (*done, *actions))
        for (one, done), (two, actions) in product(parts, more)
        if (both := one.both(two)) is not None
    ]


def _statement(word: str, value: Json, sets: Mapping[str, Json]) -> list[Part]:
    """Raises Never and NotUnderstood."""
    if word == "match":
        return [(one, ()) for one in conditions(value["left"], value["op"], value["right"], sets)]
    if word == "mangle":
        return _mangle(value, sets)
    if word == "vmap":
        return [(match, (_verdict(verdict),)) for match, verdict in _mapped(value, sets)]
    if word in ASKING:
        raise NotUnderstood(word)
    if word in HARMLESS:
        return [(Match(), ())]
    return [(Match(), (_verdict({word: value}),))]


def _mapped(value: Json, sets: Mapping[str, Json]) -> list[tuple[Match, Json]]:
    """Of a map: what each key means, and what it maps to."""
    found: list[tuple[Match, Json]] = []
    for key, to in elements(value["data"], sets):
        with contextlib.suppress(Never):
            found += [(match, to) for match in conditions(value["key"], "==", key, sets)]
    return found


def _verdict(expression: Json) -> Action:
    word: str
    value: Json
    ((word, value),) = expression.items() if isinstance(expression, dict) else ((expression, None),)
    if word in VERDICTS:
        return VERDICTS[word]
    if word in ("jump", "goto"):
        return Jump(value["target"], back=word == "jump")
    if word == "reject":
        return Drop("reject")
    if word in ("dnat", "redirect", "tproxy", "fwd", "queue"):
        return Divert(word)
    if word == "xt":
        return Unknown(f"xt {value.get('type', '')} {value.get('name', '')}" if value else "xt")
    return Unknown(str(word))


def _mangle(value: Json, sets: Mapping[str, Json]) -> list[Part]:
    """``meta mark set …``; what else is set is of no consequence."""
    if value["key"] != {"meta": {"key": "mark"}}:
        return [(Match(), ())]
    new = value["value"]
    if isinstance(new, dict) and "map" in new:
        return [(match, (SetMark(_number(mark)),)) for match, mark in _mapped(new["map"], sets)]
    keep, turn = _mark_of(new)
    return [(Match(), (SetMark(turn, EVERY_MARK ^ keep),))]


def _mark_of(new: Json) -> tuple[int, int]:
    """(keep, turn): the new mark is (mark & keep) ^ turn. Raises NotUnderstood."""
    if new == {"meta": {"key": "mark"}}:
        return EVERY_MARK, 0
    if isinstance(new, dict):
        ((word, value),) = new.items()
        if word == "ct" and value.get("key") == "mark":
            return 0, 0  # of a connection that begins
        if word in "&|^" and isinstance(value, list):
            keep, turn = _mark_of(value[0])
            for operand in value[1:]:
                keep, turn = _operated(word, keep, turn, _number(operand))
            return keep, turn
    return 0, _number(new)


def _operated(word: str, keep: int, turn: int, number: int) -> tuple[int, int]:
    if word == "&":
        return keep & number, turn & number
    if word == "|":
        return keep & ~number & EVERY_MARK, (turn & ~number) | number
    return keep, turn ^ number


def _number(value: Json) -> int:
    if isinstance(value, str) and value[:2] == "0x":
        return int(value, 16)
    if not isinstance(value, int):
        raise NotUnderstood(f"meta mark set {msgspec.json.encode(value).decode()}")
    return value


def hooked(table: Table) -> Iterator[Chain]:
    """Base chains."""
    return (chain for chain in table.chains.values() if chain.hook)
