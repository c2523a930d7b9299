# SPDX-License-Identifier: Apache-2.0
"""``match`` statements of nft's JSON as matches: one condition, or a union of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import msgspec

from lbd.kernel.firewall.rule import EVERY_MARK, WITH_PORTS, Interfaces, Macs, MarkIs, Match
from lbd.kernel.firewall.spans import (
    MOST_ADDRESS,
    MOST_PORT,
    MOST_PROTOCOL,
    Spans,
    addresses,
    complement,
    union,
)

Json = Any
Sets = Mapping[str, Json]

MOST_PARTS = 1024
"""Of a union that is no range: a concatenation, or a map."""
ETHERTYPES = {"ip": 4, "ip6": 6, 0x0800: 4, 0x86DD: 6}
NFPROTO = {"ipv4": 4, "ipv6": 6}
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33, "udplite": 136, "icmp": 1, "icmpv6": 58}


class Never(Exception):  # noqa: N818  an answer, not an error
    """No first packet of a connection is meant."""


class NotUnderstood(Exception):  # noqa: N818  an answer, not an error
    """The text says what."""


def elements(data: Json, sets: Sets) -> Iterator[tuple[Json, Json]]:
    """Of a map, named or not."""
    if isinstance(data, str):
        data = sets.get(data.lstrip("@"), {}).get("elem", [])
    elif isinstance(data, dict):
        data = data.get("set", [])
    if len(data) > MOST_PARTS:
        raise NotUnderstood(f"a map of {len(data)} elements")
    return ((_bare(key), _bare(value)) for key, value in data)


def conditions(left: Json, op: str, right: Json, sets: Sets) -> list[Match]:
    """Raises Never and NotUnderstood."""
    if isinstance(left, dict) and "concat" in left:
        return _concatenation(left["concat"], op, right, sets)
    try:
        made = _condition(left, op, right, sets)
    except (KeyError, ValueError, TypeError, AttributeError, OSError):
        raise NotUnderstood(_words(left, op, right)) from None
    if made is None:
        raise NotUnderstood(_words(left, op, right))
    return [made]


def _words(left: Json, op: str, right: Json) -> str:
    return f"{msgspec.json.encode(left).decode()} {op} {msgspec.json.encode(right).decode()}"[:120]


def _concatenation(lefts: list[Json], op: str, right: Json, sets: Sets) -> list[Match]:
    values = _values(right, sets)
    if op not in ("==", "in") or len(values) > MOST_PARTS:
        raise NotUnderstood(_words({"concat": lefts}, op, "…"))
    found: list[Match] = []
    for value in values:
        pieces = [conditions(one, "==", of, sets) for one, of in zip(lefts, value["concat"], strict=True)]
        for combined in product(*pieces):
            whole: Match | None = Match()
            for piece in combined:
                whole = None if whole is None else whole.both(piece)
            if whole is not None:
                found.append(whole)
    return found


# --- values on the right


def _bare(value: Json) -> Json:
    """Without timeout, counter and comment."""
    return value["elem"]["val"] if isinstance(value, dict) and "elem" in value else value


def _values(right: Json, sets: Sets) -> list[Json]:
    if isinstance(right, str) and right.startswith("@"):
        return [_bare(one) for one in sets[right[1:]].get("elem", [])]
    if isinstance(right, dict) and "set" in right:
        return [_bare(one) for one in right["set"]]
    return right if isinstance(right, list) else [right]


def _number_range(value: Json, names: Mapping[str, int]) -> tuple[int, int]:
    if isinstance(value, dict) and "range" in value:
        low, high = value["range"]
        return _number(low, names), _number(high, names)
    return (number := _number(value, names)), number


def _number(value: Json, names: Mapping[str, int]) -> int:
    if isinstance(value, int):
        return value
    if value in names:
        return names[value]
    if value[:1].isdecimal():
        return int(value, 0)
    return socket.getservbyname(value) if names is NO_NAMES else socket.getprotobyname(value)


NO_NAMES: dict[str, int] = {}


def _address_range(value: Json) -> tuple[int, int]:
    if isinstance(value, dict) and "prefix" in value:
        return addresses(f"{value['prefix']['addr']}/{value['prefix']['len']}")[1]
    if isinstance(value, dict) and "range" in value:
        return addresses("-".join(value["range"]))[1]
    return addresses(value)[1]


def _spans(op: str, ranges: list[tuple[int, int]], most: int) -> Spans:
    """Raises Never where nothing is left."""
    spans = union(ranges)
    if op in ("<", "<=", ">", ">="):
        ((limit, _),) = spans
        low, high = (0, limit - (op == "<")) if op[0] == "<" else (limit + (op == ">"), most)
        spans = ((low, high),) if low <= high else ()
    elif op == "!=":
        spans = complement(spans, most)
    elif op not in ("==", "in"):
        raise ValueError(op)
    if not spans:
        raise Never
    return spans


# --- what stands on the left


def _condition(left: Json, op: str, right: Json, sets: Sets) -> Match | None:
    if "&" in left:
        (of, mask), but = left["&"], op == "!="
        if of == {"meta": {"key": "mark"}} and op in ("==", "!="):
            return Match(marks=(MarkIs(_number(right, NO_NAMES), _number(mask, NO_NAMES), but),))
        return _flags(of, mask, op, right)
    ((kind, what),) = left.items()
    match kind:
        case "payload":
            return _payload(what, op, _values(right, sets))
        case "meta":
            return _meta(what["key"], op, _values(right, sets))
        case "ct":
            return _tracked(what, op, _values(right, sets))
        case "fib":
            return _fib(what, op, right)
    return None


def _payload(what: Json, op: str, values: list[Json]) -> Match | None:
    protocol, field = what.get("protocol"), what.get("field")
    if field in ("saddr", "daddr") and protocol in ("ip", "ip6"):
        family = 4 if protocol == "ip" else 6
        spans = _spans(op, [_address_range(value) for value in values], MOST_ADDRESS[family])
        return Match(family=family, saddr=spans) if field == "saddr" else Match(family=family, daddr=spans)
    if field in ("sport", "dport"):
        spans = _spans(op, [_number_range(value, NO_NAMES) for value in values], MOST_PORT)
        number = PROTOCOLS.get(protocol)
        of = WITH_PORTS if number is None else ((number, number),)
        return Match(protocols=of, sport=spans) if field == "sport" else Match(protocols=of, dport=spans)
    if (protocol, field) in (("ip", "protocol"), ("ip6", "nexthdr")):
        spans = _spans(op, [_number_range(value, PROTOCOLS) for value in values], MOST_PROTOCOL)
        return Match(family=4 if protocol == "ip" else 6, protocols=spans)
    if (protocol, field) == ("ether", "saddr") and op in ("==", "!="):
        return Match(macs=(Macs(tuple(bytes.fromhex(v.replace(":", "")) for v in values), op == "!="),))
    if (protocol, field) == ("tcp", "flags") and op in ("==", "!="):
        if (values == ["syn"]) == (op == "!="):
            raise Never
        return Match(protocols=((6, 6),))
    if (protocol, field) in (("icmp", "type"), ("icmpv6", "type")):
        if ("echo-request" in values) == (op == "!="):
            raise Never
        return Match(protocols=((PROTOCOLS[protocol],) * 2,))
    if protocol in ("igmp", "arp", "esp", "ah"):
        raise Never  # nothing that is balanced
    return None


def _flags(of: Json, mask: Json, op: str, right: Json) -> Match | None:
    """``tcp flags & (fin | syn) == syn``: of the first packet it is SYN alone."""
    if of != {"payload": {"protocol": "tcp", "field": "flags"}} or op not in ("==", "!="):
        return None
    there = {flag for flag in _flag_names(mask) if flag == "syn"}
    asked = _flag_names(right)
    if (there == asked) == (op == "!="):
        raise Never
    return Match(protocols=((6, 6),))


def _flag_names(value: Json) -> set[str]:
    if value == 0:
        return set()
    if isinstance(value, dict):
        return {name for one in value["|"] for name in _flag_names(one)}
    return set(value) if isinstance(value, list) else {value}


def _meta(key: str, op: str, values: list[Json]) -> Match | None:
    but = op == "!="
    if key in ("iifname", "iif") and op in ("==", "!=", "in"):
        return Match(interfaces=(Interfaces(tuple(values), but),))
    if key == "l4proto":
        spans = _spans(op, [_number_range(value, PROTOCOLS) for value in values], MOST_PROTOCOL)
        return Match(protocols=spans)
    if key == "mark" and op in ("==", "!=") and len(values) == 1:
        return Match(marks=(MarkIs(_number(values[0], NO_NAMES), EVERY_MARK, but),))
    if key in ("nfproto", "protocol") and op in ("==", "!="):
        families = {(NFPROTO if key == "nfproto" else ETHERTYPES).get(value, 0) for value in values}
        meant = {4, 6} - families if but else {4, 6} & families
        if not meant:
            raise Never
        return Match() if len(meant) == 2 else Match(family=meant.pop())
    if key == "pkttype" and op in ("==", "!="):
        if ("host" in values or "unicast" in values) == but:
            raise Never
        return Match()
    return None


def _tracked(what: Json, op: str, values: list[Json]) -> Match | None:
    """Of a connection that begins: NEW, without a mark, in its original direction."""
    key = what.get("key")
    if key == "state":
        truth = "new" in values
    elif key == "mark":
        truth = any(_number_range(value, NO_NAMES) == (0, 0) for value in values)
    elif key == "direction":
        truth = "original" in values
    else:
        return None
    if truth == (op == "!="):
        raise Never
    return Match()


def _fib(what: Json, op: str, right: Json) -> Match | None:
    if what.get("result") != "type" or what.get("flags") not in ("daddr", ["daddr"]):
        return None
    if right == "local" and op in ("==", "!="):
        return Match(local=op == "==")
    if right in ("broadcast", "multicast", "anycast") and op == "==":
        raise Never
    return None
