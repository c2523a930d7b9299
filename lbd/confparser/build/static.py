# SPDX-License-Identifier: Apache-2.0
"""static_ipaddress, static_routes and static_rules with track_group; garp_group and interface_up_down_delays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from lbd.confparser.build.context import Context
from lbd.confparser.build.virtual import address
from lbd.confparser.check import Item
from lbd.model import GarpGroup, LinkDelay, TrackGroup, VirtualAddress


def lines(blocks: Iterable[Item]) -> list[Item]:
    """Of all blocks of one kind: they accumulate."""
    return [line for block in blocks for line in block.items or ()]


def addresses(blocks: Iterable[Item], default_interface: str, context: Context) -> tuple[VirtualAddress, ...]:
    found: list[VirtualAddress] = []
    for line in lines(blocks):
        made = address(line, default_interface, context)
        if made is None:
            continue
        if line.value.dev is None:
            context.interface(default_interface, line.node.place(0), f"static address {made.address}")
        if made.track_group is not None and made.track_group not in context.track_groups:
            message = f"there is no track_group '{made.track_group}': ignored"
            context.report.add("LB0315", message, line.node.place())
        found.append(made)
    return tuple(found)


def track_groups(items: Sequence[Item], instances: Collection[str], context: Context) -> tuple[TrackGroup, ...]:
    found: dict[str, TrackGroup] = {}
    for item in items:
        name: str = item.value
        if name in found:
            context.report.add("LB0301", f"the track_group '{name}' is given twice: ignored", item.node.place(1))
            continue
        blocks = list(item.all("group"))
        if not blocks:
            message = f"track_group {name} has no group of instances: it is left out"
            context.report.add("LB0504", message, item.node.place(0, 1), expected="group { INSTANCE … }")
            continue
        if len(blocks) > 1:
            message = f"track_group {name} has two group lists: the first counts"
            context.report.add("LB0204", message, blocks[1].node.place())
        found[name] = TrackGroup(name=name, members=_members(blocks[0], name, instances, context))
    return tuple(found.values())


def _members(block: Item, name: str, instances: Collection[str], context: Context) -> tuple[str, ...]:
    members: dict[str, None] = {}
    for line in block.items or ():
        if line.value in instances:
            members[line.value] = None
            continue
        message = f"track_group {name}: there is no vrrp_instance '{line.value}': ignored"
        context.report.add("LB0309", message, line.node.place(line.node.words.index(line.value)))
    return tuple(members)


def garp_groups(items: Sequence[Item], context: Context) -> tuple[GarpGroup, ...]:
    """An interface is in the first group that names it."""
    found: list[GarpGroup] = []
    taken: set[str] = set()
    for item in items:
        interval, gna = item.get("garp_interval"), item.get("gna_interval")
        if interval is None and gna is None:
            message = "garp_group has neither garp_interval nor gna_interval: it is left out"
            context.report.add("LB0504", message, item.node.place(), expected="garp_interval SECONDS")
            continue
        names = [*((inner, inner.value) for inner in item.all("interface")),
                 *((line, line.value) for line in item.entries("interfaces"))]  # fmt: skip
        mine: list[str] = []
        for line, name in names:
            place = line.node.place(line.node.words.index(name))
            if name in taken:
                context.report.add("LB0204", f"{name} is in another garp_group already: ignored", place)
            elif not context.knows(name):
                context.report.add("LB0323", f"garp_group: there is no interface '{name}': ignored", place)
            else:
                taken.add(name)
                mine.append(name)
        found.append(GarpGroup(interfaces=tuple(mine), garp_interval=interval, gna_interval=gna))
    return tuple(found)


def link_delays(blocks: Iterable[Item], context: Context) -> tuple[LinkDelay, ...]:
    found: dict[str, LinkDelay] = {}
    for line in lines(blocks):
        delay: LinkDelay = line.value
        if context.knows(delay.interface):
            found[delay.interface] = delay
        else:
            message = f"interface_up_down_delays: there is no interface '{delay.interface}': ignored"
            context.report.add("LB0323", message, line.node.place(0))
    return tuple(found.values())
