# SPDX-License-Identifier: Apache-2.0
"""Values that routes and rules share with ip(8): names of tables, protocols, scopes and realms, times, marks, ranges.

Names are those of iproute2's files (ip-route(8)), which are read once; numbers stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyparsing as pp

from lbd.confparser.addresses import convert_address, convert_prefixed
from lbd.confparser.values import RefusedError, Value, convert_int, literal, word

_DIRECTORIES = ("/usr/share/iproute2", "/usr/lib/iproute2", "/etc/iproute2")
"""The later one counts."""
_MAX_BYTES = 1 << 20
_LINE = re.compile(r"\s*(0[xX][0-9a-fA-F]+|[0-9]+)\s+([^\s#]+)")

_BUILT_IN = {
    "rt_tables": {"unspec": 0, "default": 253, "main": 254, "local": 255},
    "rt_protos": {"unspec": 0, "redirect": 1, "kernel": 2, "boot": 3, "static": 4, "ra": 9, "keepalived": 18},
    "rt_scopes": {"global": 0, "nowhere": 255, "host": 254, "link": 253, "site": 200},
    "rt_dsfield": {},
    "rt_realms": {"cosmos": 0},
    "group": {"default": 0},
}

ROUTE_TYPES = ("unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
               "throw", "nat", "xresolve")  # fmt: skip


@lru_cache
def names(kind: str) -> dict[str, int]:
    """Of ``rt_tables`` and its kin, with ``rt_tables.d/*.conf``. A file that cannot be read has none."""
    found = dict(_BUILT_IN[kind])
    for directory in _DIRECTORIES:
        base = Path(directory)
        for file in (base / kind, *sorted((base / f"{kind}.d").glob("*.conf"))):
            try:
                with file.open(encoding="utf-8", errors="replace") as lines:
                    text = lines.read(_MAX_BYTES)
            except OSError:
                continue
            for match in map(_LINE.match, text.splitlines()):
                if match is not None:
                    found[match[2]] = int(match[1], 0)
    return found


def _integer(content: str, base: int) -> int | None:
    if len(content) > 24 or not content.isascii() or "_" in content:
        return None
    try:
        return int(content, base)
    except ValueError:
        return None


def convert_named(kind: str, high: int, what: str, base: int = 0) -> Callable[[str], int]:
    """A name of iproute2's file, or a number (0x for hexadecimal) up to ``high``."""

    def convert(content: str) -> int:
        number = names(kind).get(content)
        if number is None:
            number = _integer(content, base)
        if number is None or not 0 <= number <= high:
            raise RefusedError(f"'{content}' is not {what}")
        return number

    return convert


def _named(kind: str, high: int, what: str, base: int = 0) -> Value:
    expected = f"{what} or its number, up to {high}"
    return Value(word(convert_named(kind, high, what, base), expected), expected)


TABLE = _named("rt_tables", 4294967295, "a routing table")
PROTOCOL = _named("rt_protos", 255, "a routing protocol")
SCOPE = _named("rt_scopes", 255, "a scope")
DSFIELD = _named("rt_dsfield", 255, "a DS field", 16)
GROUP = _named("group", 4294967295, "an interface group")


def _convert_realms(content: str) -> int:
    """``[SOURCE/]DESTINATION`` as the kernel's 32 bits (ip-rule(8))."""
    source, slash, destination = content.rpartition("/")
    one = convert_named("rt_realms", 65535, "a realm")
    return (one(source) << 16 if slash else 0) | one(destination)


REALMS = Value(word(_convert_realms, "[SOURCE/]DESTINATION realms"), "[SOURCE/]DESTINATION realms")

_TIME = re.compile(r"([0-9]{1,10}(?:\.[0-9]{0,9})?)(s|sec|secs|ms|msec|msecs)?")


def time(per_millisecond: int) -> Value:
    """``100ms``, ``1.5s``; a bare number is in the kernel's own unit, ``per_millisecond`` of which are one ms."""

    def convert(content: str) -> int:
        match = _TIME.fullmatch(content)
        if match is None:
            raise RefusedError(f"'{content}' is not a time")
        scale = 1.0 if match[2] is None else (1000.0 if match[2][0] == "s" else 1.0) * per_millisecond
        found = int(float(match[1]) * scale)
        if found > 4294967295:
            raise RefusedError(f"{content} is out of range")
        return found

    return lockable(convert, "a time such as 100ms or 2s")


def lockable(convert: Callable[[str], int | str], expected: str) -> Value:
    """``[lock] VALUE``: the value and whether path discovery may not change it."""

    def made(tokens: list[object]) -> tuple[object, bool]:
        return tokens[-1], len(tokens) > 1

    return Value(pp.Opt(literal("lock")) + word(convert, expected), f"[lock] {expected}", make=made)


def metric(high: int = 4294967295) -> Value:
    return lockable(convert_int(0, high), f"a number 0–{high}")


def prefix(expected: str = "ADDRESS[/PREFIX], default or all") -> Value:
    """As keepalived's: ``default``, ``any`` and ``all`` are the whole of the family, ``default6`` that of IPv6."""
    return Value(word(convert_destination, expected), expected)


def convert_destination(content: str) -> str:
    """Canonical ``ADDRESS/PREFIX``; ``default`` where the family comes from the rest of the line."""
    if content in ("default", "any", "all"):
        return "default"
    if content == "default6":
        return "::/0"
    address, length = convert_prefixed(content)
    return f"{address}/{length}"


def convert_route_word(content: str) -> str:
    """A word of a route that is no option must be its destination."""
    try:
        return convert_destination(content)
    except RefusedError as error:
        if content[:1].isalpha() and ":" not in content:
            raise RefusedError(f"unknown option '{content}'") from None
        raise error from None


def via() -> Value:
    grammar = pp.Opt(literal("inet", "inet6").suppress()) + word(convert_address, "an address")
    return Value(grammar, "[inet|inet6] an address")


def _convert_mark(content: str) -> tuple[int, int | None]:
    mark, slash, mask = content.partition("/")
    found = [_integer(part, 0) for part in ((mark, mask) if slash else (mark,))]
    if any(number is None or not 0 <= number <= 4294967295 for number in found):
        raise RefusedError(f"'{content}' is not a mark")
    return found[0] or 0, found[1] if slash else None


MARK = Value(word(_convert_mark, "MARK[/MASK]"), "MARK[/MASK], each up to 4294967295, 0x for hexadecimal")


def span(high: int, what: str, *, single: bool = False) -> Value:
    """``A-B`` as two numbers; ``single`` also takes ``A``, as one."""
    expected = f"{what} FIRST-LAST, each up to {high}"
    number = convert_int(0, high)

    def convert(content: str) -> tuple[int, ...]:
        first, dash, last = content.partition("-")
        if not dash and not single:
            raise RefusedError(f"'{content}' is not a range")
        return (number(first), number(last)) if dash else (number(first),)

    return Value(word(convert, expected), expected)


def _convert_ipproto(content: str) -> int:
    """As in getprotobyname(3), of those that routing rules are about, or a number."""
    known = {"icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51,
             "ipv6-icmp": 58, "icmpv6": 58, "ospf": 89, "sctp": 132, "udplite": 136}  # fmt: skip
    if content in known:
        return known[content]
    return convert_int(0, 255)(content)


IPPROTO = Value(word(_convert_ipproto, "a protocol name or number"), "a protocol name or number 0–255")


def _preference(content: str) -> int:
    number = _integer(content, 0)
    if number is None or not 0 <= number <= 4294967295:
        raise RefusedError(f"'{content}' is not a preference")
    return number


PREFERENCE = Value(word(_preference, "a preference"), "a number up to 4294967295")


def _convert_router_preference(content: str) -> int:
    """RFC 4191 section 2.1: low is 3, medium 0, high 1."""
    known = {"low": 3, "medium": 0, "high": 1}
    return known[content] if content in known else convert_int(0, 255)(content)


ROUTER_PREFERENCE = Value(word(_convert_router_preference, "low, medium or high"), "low, medium or high")


# encap


def _pairs(*parts: tuple[str, Callable[[str], object], str]) -> pp.ParserElement:
    """Options in any order, as (name, value)."""
    found = [
        (literal(name) - word(convert, expected)).set_parse_action(lambda t: [(t[0], t[1])])
        for name, convert, expected in parts
    ]
    options: pp.ParserElement = pp.MatchFirst(found)[...]
    return options


_NUMBER = convert_int(0, 4294967295)
_OCTET = convert_named("rt_dsfield", 255, "a DS field", 16)
_HOPS = convert_int(0, 255)
_IP = (("id", convert_int(0, 1 << 63), "a tunnel id"), ("dst", convert_address, "an address"),
       ("src", convert_address, "an address"), ("flags", _NUMBER, "flags"))  # fmt: skip
_LABEL = convert_int(0, 1048575)


def _convert_labels(content: str) -> tuple[int, ...]:
    """MPLS labels, outermost first: ``100/200`` (ip-route(8))."""
    return tuple(_LABEL(label) for label in content.split("/"))


def _convert_locator(content: str) -> str:
    parts = content.split(":")
    if len(parts) != 4 or any(not re.fullmatch(r"[0-9a-fA-F]{1,4}", part) for part in parts):
        raise RefusedError(f"'{content}' is not a locator")
    return content.lower()


def _made_encap(tokens: list[Any]) -> dict[str, Any]:
    kind, *rest = tokens
    if kind in ("mpls", "ila"):
        return {"kind": kind, "labels" if kind == "mpls" else "locator": rest[0]}
    return {"kind": kind, **dict(rest)}


ENCAP = Value(
    (literal("ip") - _pairs(*_IP, ("tos", _OCTET, "a DS field"), ("ttl", _HOPS, "a TTL")))
    | (literal("ip6") - _pairs(*_IP, ("tc", _OCTET, "a DS field"), ("hoplimit", _HOPS, "a hop limit")))
    | (literal("mpls") - word(_convert_labels, "labels LABEL/LABEL…"))
    | (literal("ila") - word(_convert_locator, "a locator of four groups")),
    "ip, ip6, mpls LABELS or ila LOCATOR with its options",
    make=_made_encap,
)
