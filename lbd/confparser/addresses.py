# SPDX-License-Identifier: Apache-2.0
"""The value grammars with addresses in them: endpoints, ranges, and the lines of virtual_ipaddress and its kin."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import pyparsing as pp

from lbd.confparser.values import RefusedError, Value, convert_int, convert_text, literal, word
from lbd.model import Span
from lbd.model.net import parsed

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
MAX_RANGE = 65536


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``ADDR [PORT]``; a port that is not given is None."""

    address: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceHead:
    """What follows ``virtual_server``: ADDR PORT, ``fwmark N``, ``group NAME`` or DPVS's ``match NAME``."""

    endpoint: Endpoint | None = None
    fwmark: int | None = None
    group: str | None = None
    match: str | None = None
    ranged: bool = False


@dataclass(frozen=True, slots=True)
class AddressRange:
    first: str
    last: str
    port: int | None = None
    interface: str | None = None

    def count(self) -> int:
        return int(ipaddress.ip_address(self.last)) - int(ipaddress.ip_address(self.first)) + 1

    def addresses(self) -> list[str]:
        first, last = ipaddress.ip_address(self.first), ipaddress.ip_address(self.last)
        return [str(type(first)(number)) for number in range(int(first), int(last) + 1)]


@dataclass(frozen=True, slots=True)
class Mark:
    """``fwmark N [inet|inet6]`` in a virtual_server_group."""

    mark: int
    family: str | None = None


def parse_ip(content: str) -> IPAddress:
    """As inet_pton: no zone, no leading zeros."""
    if "%" in content:
        raise RefusedError(
            f"'{content}' is not an address", content.index("%"), len(content) - content.index("%")
        )
    try:
        return parsed(content)
    except ValueError:
        raise RefusedError(f"'{content}' is not an address") from None


def convert_address(content: str) -> str:
    return str(parse_ip(content))


def convert_prefixed(content: str) -> tuple[str, int]:
    address, slash, prefix = content.partition("/")
    ip = parse_ip(address)
    if not slash:
        return str(ip), ip.max_prefixlen
    if not prefix.isascii() or not prefix.isdigit() or len(prefix) > 3 or int(prefix) > ip.max_prefixlen:
        message = f"'{prefix}' is not a prefix length"
        raise RefusedError(message, len(address) + 1, len(prefix))
    return str(ip), int(prefix)


def _range_end(first: IPAddress, end: str, offset: int) -> IPAddress:
    """A full address, or the last octet (IPv4, decimal) or the last group (IPv6, hexadecimal)."""
    if "." in end or ":" in end:
        last = parse_ip(end)
    else:
        base, bits = (10, 8) if first.version == 4 else (16, 16)
        try:
            number = int(end, base) if end.isascii() and end.isalnum() else -1
        except ValueError:
            number = -1
        if not 0 <= number < 1 << bits:
            raise RefusedError(f"'{end}' is not the end of a range", offset, len(end))
        last = type(first)(int(first) >> bits << bits | number)
    if last.version != first.version or int(last) < int(first):
        raise RefusedError(f"the range ends at {last}, before it begins", offset, len(end))
    if int(last) - int(first) >= MAX_RANGE:
        raise RefusedError("the range has more than 65536 addresses", offset, len(end))
    return last


def convert_range(content: str) -> AddressRange:
    start, dash, end = content.partition("-")
    first = parse_ip(start)
    if not dash:
        return AddressRange(str(first), str(first))
    return AddressRange(str(first), str(_range_end(first, end, len(start) + 1)))


def _convert_range_or_net(content: str) -> AddressRange:
    if "/" not in content:
        return convert_range(content)
    address, prefix = convert_prefixed(content)
    net = ipaddress.ip_network((address, prefix), strict=False)
    offset = content.index("/") + 1
    if str(net.network_address) != address:
        raise RefusedError(f"{content} has bits beyond its mask", offset, len(content) - offset)
    if net.num_addresses > MAX_RANGE:
        raise RefusedError("the network has more than 65536 addresses", offset, len(content) - offset)
    return AddressRange(str(net[0]), str(net[-1]))


_PORT = "a port 0–65535"
_port = word(convert_int(0, 65535), _PORT)


def address(expected: str = "an address") -> Value:
    return Value(word(convert_address, expected), expected)


def port(low: int = 1) -> Value:
    expected = f"a port {low}–65535"
    return Value(word(convert_int(low, 65535), expected), expected)


def endpoint() -> Value:
    return Value(
        word(convert_address, "an address") + pp.Opt(_port), "ADDRESS [PORT]", make=lambda t: Endpoint(*t)
    )


def _head(tokens: list[Any]) -> ServiceHead:
    first = tokens[0]
    if first == "fwmark":
        return ServiceHead(fwmark=tokens[1])
    if first in ("group", "match"):
        return ServiceHead(**{first: tokens[1]})
    found: AddressRange = first
    return ServiceHead(
        Endpoint(found.first, tokens[1] if len(tokens) > 1 else None), ranged=found.first != found.last
    )


def service_head() -> Value:
    """``10.0.0.1-5 80`` is accepted by keepalived, which drops the range part."""
    mark = literal("fwmark") - word(convert_int(0, 4294967295), "a mark 0–4294967295")
    named = literal("group", "match") - word(convert_text, "a name")
    plain = word(convert_range, "an address") + pp.Opt(_port)
    return Value(mark | named | plain, "ADDRESS PORT, fwmark MARK or group NAME", make=_head)


def group_entry() -> Value:
    """A line of virtual_server_group."""
    mark = (
        literal("fwmark")
        - word(convert_int(0, 4294967295), "a mark 0–4294967295")
        + pp.Opt(literal("inet", "inet6"))
    )
    plain = word(_convert_range_or_net, "an address, a range or a network") + pp.Opt(_port)

    def make(tokens: list[Any]) -> Mark | AddressRange:
        if tokens[0] == "fwmark":
            return Mark(*tokens[1:])
        found: AddressRange = tokens[0]
        return AddressRange(found.first, found.last, tokens[1] if len(tokens) > 1 else None)

    return Value(mark | plain, "ADDRESS[-END|/MASK] [PORT] or fwmark MARK", make=make)


def _convert_span(content: str) -> Span:
    """``10.0.0.1-10.0.0.9:1024-2048`` or ``[fd00::1-fd00::9]:80``; each part may be missing, as in DPVS."""
    bracket, _, rest = content.partition("]")
    if content.startswith("[") and rest[:1] in ("", ":"):
        where, ports = bracket[1:], rest[1:]
    elif content.count(":") > 1:
        where, ports = content, ""
    else:
        where, _, ports = content.partition(":")
    found = convert_range(where) if where else None
    first, dash, last = ports.partition("-")
    number = convert_int(0, 65535)
    low = number(first) if first else 0
    high = number(last) if dash else (low if first else 65535)
    if high < low:
        raise RefusedError(f"the ports end at {high}, before they begin")
    return Span(
        first=found.first if found else None,
        last=found.last if found else None,
        first_port=low,
        last_port=high,
    )


def span() -> Value:
    """src-range and dst-range of an SNAT service."""
    expected = "ADDRESS[-END][:PORT[-END]]"
    return Value(word(_convert_span, expected), expected)


def local_entry() -> Value:
    """A line of local_address_group: ``10.0.0.5-9 eth0``."""

    def make(tokens: list[Any]) -> AddressRange:
        return AddressRange(tokens[0].first, tokens[0].last, interface=tokens[1])

    grammar = word(convert_range, "an address or a range") + word(convert_text, "an interface name")
    return Value(grammar, "ADDRESS[-END] INTERFACE", make=make)


def _convert_acl(content: str) -> AddressRange | str:
    """``ipset:NAME`` is the name alone."""
    if content.startswith("ipset:"):
        if len(content) == 6:
            raise RefusedError("an ipset has a name", 6)
        return content[6:]
    return convert_range(content)


def acl_entry() -> Value:
    """A line of deny_address_group and allow_address_group."""
    expected = "ADDRESS[-END] or ipset:NAME"
    return Value(word(_convert_acl, expected), expected)


# what options of an address are followed by


def _convert_scope(content: str) -> str:
    if content in ("global", "site", "link", "host", "nowhere"):
        return content
    return str(convert_int(0, 255)(content))


def _convert_label(content: str) -> str:
    if len(content) > 15:
        raise RefusedError(f"label '{content}' is longer than 15 characters")
    return content


def _convert_brd(content: str) -> str:
    return content if content in "+-" and content else convert_address(content)


ADDRESS_SCOPE = Value(
    word(_convert_scope, "global, site, link, host, nowhere or 0–255"),
    "global, site, link, host, nowhere or 0–255",
)
BROADCAST = Value(word(_convert_brd, "an address, + or -"), "an address, + or -")
LABEL = Value(word(_convert_label, "a label of at most 15 characters"), "a label of at most 15 characters")
PREFIXED = Value(word(convert_prefixed, "ADDRESS[/PREFIX]"), "ADDRESS[/PREFIX]")


# http


def _convert_status(content: str) -> tuple[int, int]:
    low, dash, high = content.partition("-")
    number = convert_int(100, 599)
    first = number(low)
    last = number(high) if dash else first
    if last < first:
        raise RefusedError(f"{content} ends before it begins")
    return first, last


def status_codes() -> Value:
    """``200 301-303``: inclusive ranges, in the order written."""
    code = word(_convert_status, "codes 100–599 and ranges of them", soft=True)
    return Value(code[1, ...], "codes 100–599 and ranges of them", make=tuple)


def _convert_digest(content: str) -> str:
    if len(content) != 32 or any(c not in "0123456789abcdefABCDEF" for c in content):
        raise RefusedError(f"'{content}' is not an MD5 digest")
    return content.lower()


def digest() -> Value:
    return Value(word(_convert_digest, "32 hexadecimal digits"), "32 hexadecimal digits")
