# SPDX-License-Identifier: Apache-2.0
"""virtual_server_group and local_address_group."""

from __future__ import annotations

from collections.abc import Sequence

from lbd.confparser.addresses import AddressRange, Mark
from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.model import LocalAddressGroup, LocalAddressRange

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


def service_addresses(items: Sequence[Item], context: Context) -> dict[str, list[tuple[str, int]]]:
    """Of every group, each address on its own with its port. A group given again replaces the first."""
    found: dict[str, list[tuple[str, int]]] = {}
    left = MAX_ADDRESSES
    for item in items:
        name: str = item.value
        if not item.node.children:
            message = f"virtual_server_group {name} has no entries: it is left out"
            context.report.add("LB0117", message, item.node.place(0, 1))
            continue
        addresses = _expanded(item, left, context)
        left -= len(addresses)
        found[name] = list(addresses)
    return found


def _expanded(item: Item, left: int, context: Context) -> dict[tuple[str, int], None]:
    """``left`` more addresses may come."""
    addresses: dict[tuple[str, int], None] = {}
    for line in item.items or ():
        if isinstance(line.value, Mark):
            message = "a service by firewall mark is not there yet: this entry is left out"
            context.report.add("LB0416", message, line.node.place())
            continue
        entry: AddressRange = line.value
        if not entry.port:
            message = "an entry for all ports is not there yet: it is left out"
            context.report.add("LB0416", message, line.node.place())
            continue
        if len(addresses) + entry.count() > left:
            message = f"the groups have more than {MAX_ADDRESSES} addresses: this entry is left out"
            context.report.add("LB0007", message, line.node.place())
            continue
        addresses.update(dict.fromkeys((address, entry.port) for address in entry.addresses()))
    return addresses
