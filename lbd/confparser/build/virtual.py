# SPDX-License-Identifier: Apache-2.0
"""Lines of virtual_ipaddress and static_ipaddress → VirtualAddress, with what keepalived says of them."""

from __future__ import annotations

from typing import Any

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.confparser.virtual_lines import AddressLine
from lbd.model import VirtualAddress
from lbd.model.net import is_ipv6

_FLAGS = ("home", "mngtmpaddr", "noprefixroute", "autojoin", "no_track", "use_vmac")
_LONGEST_BROADCAST = 30
"""A longer prefix leaves no address for the broadcast."""


def address(line: Item, dev: str, context: Context) -> VirtualAddress | None:
    """None where it is left out: a broadcast address is refused for IPv6."""
    value: AddressLine = line.value
    said = dict(value.said)
    if "broadcast" in said:
        said["brd"] = said.pop("broadcast")
    if "brd" in said and is_ipv6(value.address):
        message = f"{value.address}: IPv6 has no broadcast address: left out"
        context.report.add("LB0201", message, line.node.place(), expected="no brd")
        return None
    _without(line, said, context)
    if value.dev is not None:
        place = line.node.place(line.node.words.index(value.dev))
        context.interface(value.dev, place, str(value.address))
    peer, peer_prefix = said.get("peer", (None, None))
    return VirtualAddress(
        address=value.address,
        prefix=value.prefix,
        dev=value.dev or dev,
        label=said.get("label"),
        scope=said.get("scope"),
        brd=said.get("brd"),
        peer=peer,
        peer_prefix=peer_prefix,
        nodad="-nodad" not in said,
        preferred_lft=said.get("preferred_lft"),
        track_group=said.get("track_group"),
        **{name: True for name in _FLAGS if name in said},
    )


def _without(line: Item, said: dict[str, Any], context: Context) -> None:
    """Takes out the options that do not go with the others; each is said."""
    value: AddressLine = line.value

    def drop(name: str, why: str) -> None:
        del said[name]
        context.report.add("LB0201", f"{value.address}: {why}: {name} is ignored", line.node.place())

    for name in ("scope", "label"):
        if name in said and is_ipv6(value.address):
            drop(name, "an IPv6 address has none")
    if "peer" in said and is_ipv6(said["peer"][0]) != is_ipv6(value.address):
        drop("peer", f"{said['peer'][0]} is of another family")
    if "peer" in said and "/" in line.node.words[0]:
        message = f"{value.address}: with a peer, the prefix is the peer's: that of the address is ignored"
        context.report.add("LB0201", message, line.node.place(0))
    if "brd" in said and "peer" in said:
        drop("brd", "it has a peer")
    if said.get("brd") in ("+", "-") and value.prefix > _LONGEST_BROADCAST:
        drop("brd", f"the prefix /{value.prefix} leaves no broadcast address")
