# SPDX-License-Identifier: Apache-2.0
"""The value grammars of vrrp_instance: lines of addresses and peers, use_vmac, use_ipvlan, garp_extra_if."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyparsing as pp

from lbd.confparser import options
from lbd.confparser.addresses import PREFIXED, convert_address, convert_prefixed
from lbd.confparser.values import (
    Option,
    RefusedError,
    Value,
    convert_int,
    convert_seconds,
    convert_text,
    literal,
    word,
)
from lbd.model import Ipvlan, LinkDelay, UnicastPeer, Vmac

if TYPE_CHECKING:
    from lbd.confparser.schema.row import Keyword

FOREVER = -1


@dataclass(frozen=True, slots=True)
class AddressLine:
    """``ADDR[/PREFIX] [dev IF] [scope S] …``: the options by name, ``broadcast`` under its own."""

    address: str
    prefix: int
    said: Mapping[str, Any]

    @property
    def dev(self) -> str | None:
        return self.said.get("dev")


def address_line(rows: Mapping[str, Keyword], leave_out: str) -> Value:
    """keepalived.conf(5), virtual_ipaddress and static_ipaddress. ``leave_out`` is an option of the other one."""

    def make(tokens: list[Any]) -> AddressLine:
        (address, prefix), *rest = tokens
        return AddressLine(address, prefix, options.last(rest))

    return options.line(
        {name: row for name, row in rows.items() if name != leave_out},
        "ADDRESS[/PREFIX] [dev IF] [scope SCOPE] [label LABEL] [brd ADDRESS] …",
        make,
        head=PREFIXED.element,
    )


def convert_lifetime(content: str) -> int:
    """Seconds, or FOREVER."""
    return FOREVER if content == "forever" else convert_int(0, 4294967295)(content)


def peer_line(rows: Mapping[str, Keyword]) -> Value:
    """A line of unicast_peer: ``ADDR [min_ttl N] [max_ttl N]``."""

    def make(tokens: list[Any]) -> UnicastPeer:
        return UnicastPeer(address=tokens[0], **options.last(tokens[1:]))

    head = word(convert_address, "an address")
    return options.line(rows, "ADDRESS [min_ttl TTL] [max_ttl TTL]", make, head=head)


# use_vmac and use_ipvlan

_INTERFACE = re.compile(r"[^\s/:]{1,15}")
_MAC = re.compile(r"[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){4,5}:?")
_VRRP = (bytes.fromhex("00005e0001"), bytes.fromhex("00005e0002"))
"""RFC 9568 section 7.3: the virtual router's own MACs."""


def convert_interface(content: str) -> str:
    """As the kernel allows (dev_valid_name)."""
    if not _INTERFACE.fullmatch(content) or content in (".", ".."):
        raise RefusedError(f"'{content}' cannot be the name of an interface")
    return content


def _convert_mac(content: str) -> bytes:
    """Six octets, or five to which the VRID is appended."""
    if not _MAC.fullmatch(content):
        raise RefusedError(f"'{content}' is not a MAC address")
    mac = bytes(int(octet, 16) for octet in content.rstrip(":").split(":"))
    if mac[0] & 1:
        raise RefusedError(f"{content} is a multicast address")
    if mac[:5] in _VRRP:
        raise RefusedError(f"{content} is a virtual router's own: leave it out")
    return mac


def _convert_vmac_word(content: str) -> Option:
    """A word with a colon is a MAC, any other the name of the interface."""
    return (
        Option("mac", _convert_mac(content)) if ":" in content else Option("name", convert_interface(content))
    )


def _named_options(*more: pp.ParserElement) -> pp.ParserElement:
    """``name IFNAME`` and ``group GROUP``, before what stands for itself."""
    name = (literal("name") - word(convert_interface, "an interface name")).set_parse_action(
        lambda t: [Option("name", t[1])]
    )
    group = (literal("group") - word(convert_int(0, 4294967295), "an interface group")).set_parse_action(
        lambda t: [Option("group", t[1])]
    )
    return pp.MatchFirst([name, group, *more])


def vmac() -> Value:
    expected = "[[name] IFNAME] [MAC] [netlink_notify_msg] [group GROUP]"
    notify = literal("netlink_notify_msg").set_parse_action(lambda t: [Option("netlink_notify_msg", True)])
    grammar = _named_options(notify, word(_convert_vmac_word, expected, soft=True))[...]
    return Value(grammar, expected, make=lambda tokens: Vmac(**options.last(tokens)), optional=True)


def _convert_ipvlan_word(content: str) -> Option:
    """An address with or without prefix, else the name of the interface."""
    try:
        return Option("address", convert_prefixed(content))
    except RefusedError:
        return Option("name", convert_interface(content))


def ipvlan() -> Value:
    expected = "[[name] IFNAME] [ADDRESS] [bridge|private|vepa] [group GROUP]"
    mode = literal("bridge", "private", "vepa").set_parse_action(lambda t: [Option("mode", t[0])])

    def make(tokens: list[Any]) -> Ipvlan:
        said = options.last(tokens)
        said["address"], said["prefix"] = said.get("address", (None, None))
        return Ipvlan(**said)

    grammar = _named_options(mode, word(_convert_ipvlan_word, expected, soft=True))[...]
    return Value(grammar, expected, make=make, optional=True)


@dataclass(frozen=True, slots=True)
class ExtraGarp:
    seconds: int
    every: bool


def extra_garp(low: int) -> Value:
    """``[all] SECONDS`` in any order."""
    expected = f"[all] SECONDS {low}–86400"

    def make(tokens: list[Any]) -> ExtraGarp:
        seconds = [token for token in tokens if isinstance(token, int)]
        if not seconds:
            raise RefusedError("there are no seconds")
        return ExtraGarp(seconds[-1], "all" in tokens)

    return Value((literal("all") | word(convert_int(low, 86400), expected))[1, ...], expected, make=make)


def link_delay() -> Value:
    """A line of interface_up_down_delays: ``IFNAME DOWN [UP]``."""
    seconds = word(convert_seconds(0, 255), "seconds 0–255")

    def make(tokens: list[Any]) -> LinkDelay:
        """Without UP it is DOWN, as keepalived.conf(5) has it."""
        return LinkDelay(interface=tokens[0], down=tokens[1], up=tokens[-1])

    grammar = word(convert_text, "an interface name") + seconds + pp.Opt(seconds)
    return Value(grammar, "IFNAME DOWN [UP]", make=make)


def rx_bufs_policy() -> Value:
    """vrrp_rx_bufs_policy."""
    expected = "MTU, ADVERT or bytes"

    def convert(content: str) -> str:
        known = content.upper()
        return known if known in ("MTU", "ADVERT") else str(convert_int(0, 4294967295)(content))

    return Value(word(convert, expected), expected)


# auth_hmac


def hmac_key() -> Value:
    """``ID SECRET``, where the secret is text, ``hex:DIGITS`` or ``file:PATH``: (id, text as written)."""
    grammar = word(convert_int(1, 255), "an id 1–255") + word(convert_text, "a secret")
    return Value(grammar, "ID 1–255 and a secret as text, hex:DIGITS or file:PATH", make=tuple)
