# SPDX-License-Identifier: Apache-2.0
"""virtual_server_group and local_address_group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lbd.confparser.addresses import AddressRange, Mark
from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.confparser.schema import Status
from lbd.confparser.schema.service import GROUP, SERVICE_FORMS
from lbd.model import AddressGroup, LocalAddressGroup, LocalAddressRange, TunnelInterface
from lbd.model import AddressRange as Span

FORMS, WORDS = SERVICE_FORMS, GROUP.words

MAX_ADDRESSES = 262144
"""Of all groups together: each becomes a service."""


def local_addresses(items: Sequence[Item], context: Context) -> dict[str, LocalAddressGroup]:
    found: dict[str, LocalAddressGroup] = {}
    for item in items:
        name: str = item.value
        if name in found:
            message = f"the local_address_group '{name}' is given twice: the first counts"
            context.report.add("LB0301", message, item.node.place(1))
            continue
        ranges: list[LocalAddressRange] = []
        for line in item.items or ():
            entry: AddressRange = line.value
            interface = entry.interface or ""
            context.interface(interface, line.node.place(1), f"local_address_group {name}")
            ranges.append(LocalAddressRange(entry.first, entry.last, interface))
        if not item.node.children:
            message = f"local_address_group {name} has no addresses"
            context.report.add("LB0117", message, item.node.place(0, 1), expected="ADDRESS[-END] INTERFACE")
        found[name] = LocalAddressGroup(name, tuple(ranges))
    return found


@dataclass(slots=True)
class Entries:
    """Of a virtual_server_group: each address on its own with its port, and the firewall marks."""

    addresses: list[tuple[str, int]]
    marks: list[Mark]


def service_addresses(items: Sequence[Item], context: Context) -> dict[str, Entries]:
    """A group given again replaces the first."""
    found: dict[str, Entries] = {}
    left = MAX_ADDRESSES
    for item in items:
        name: str = item.value
        if not item.node.children:
            message = f"virtual_server_group {name} has no entries: it is left out"
            context.report.add("LB0117", message, item.node.place(0, 1))
            continue
        entries = _entries(item, left, context)
        left -= len(entries.addresses)
        found[name] = entries
    return found


def _entries(item: Item, left: int, context: Context) -> Entries:
    """``left`` more addresses may come."""
    addresses: dict[tuple[str, int], None] = {}
    marks: list[Mark] = []
    for line in item.items or ():
        if isinstance(line.value, Mark):
            if WORDS["fwmark"].status is Status.WORKS:
                marks.append(line.value)
            else:
                message = f"a service by firewall mark is not there yet: {WORDS['fwmark'].consequence}"
                context.report.add("LB0416", message, line.node.place())
            continue
        entry: AddressRange = line.value
        if len(addresses) + entry.count() > left:
            message = f"the groups have more than {MAX_ADDRESSES} addresses: this entry is left out"
            context.report.add("LB0007", message, line.node.place())
            continue
        addresses.update(dict.fromkeys((address, entry.port or 0) for address in entry.addresses()))
    return Entries(list(addresses), marks)


def clients(items: Sequence[Item], context: Context) -> tuple[AddressGroup, ...]:
    """deny_address_group or allow_address_group."""
    found: dict[str, AddressGroup] = {}
    for item in items:
        name: str = item.value
        if name in found:
            message = f"the {item.name} '{name}' is given twice: the first counts"
            context.report.add("LB0301", message, item.node.place(1))
            continue
        if not item.node.children:
            message = f"{item.name} {name} has no entries"
            context.report.add("LB0117", message, item.node.place(0, 1), expected="ADDRESS[-END] or ipset:NAME")
        entries = [line.value for line in item.items or ()]
        ranges = tuple(Span(one.first, one.last) for one in entries if not isinstance(one, str))
        found[name] = AddressGroup(name, ranges, tuple(one for one in entries if isinstance(one, str)))
    return tuple(found.values())


def tunnels(items: Sequence[Item], context: Context) -> tuple[TunnelInterface, ...]:
    """The entries of all tunnel_groups, by name."""
    found: dict[str, TunnelInterface] = {}
    for item in items:
        for entry in item.all("tunnel_entry"):
            name: str = entry.value
            if name in found:
                context.report.add("LB0301", f"the tunnel '{name}' is given twice: ignored", entry.node.place(1))
                continue
            found[name] = TunnelInterface(
                name=name,
                kind=entry.get("kind", "ipip"),
                remote=entry.get("remote"),
                local=entry.get("local"),
                interface=entry.get("if"),
            )
    return tuple(found.values())
