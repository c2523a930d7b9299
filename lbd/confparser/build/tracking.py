# SPDX-License-Identifier: Apache-2.0
"""track_interface of instances and sync groups, and the sync groups themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lbd.confparser.build.context import Context
from lbd.confparser.build.telling import Teller
from lbd.confparser.build.trackers import Trackers
from lbd.confparser.check import Item
from lbd.confparser.tracked import Tracked
from lbd.model import TrackedInterface, VrrpSyncGroup

def tracked_interfaces(item: Item, context: Context, own: str = "") -> tuple[TrackedInterface, ...]:
    """``own`` is tracked anyway (unless dont_track_primary)."""
    found: dict[str, TrackedInterface] = {}
    for line in item.entries("track_interface"):
        tracked: Tracked = line.value
        if tracked.name == own:
            message = f"({item.value}) track_interface {own}: the instance's own interface: ignored"
            context.report.add("LB0317", message, line.node.place())
            continue
        context.interface(tracked.name, line.node.place(), "track_interface")
        interface = TrackedInterface(interface=tracked.name, weight=tracked.weight or 0, reverse=tracked.reverse)
        found.setdefault(tracked.name, interface)
    return tuple(found.values())


def sync_groups(
    items: Sequence[Item], instances: Collection[str], trackers: Trackers, teller: Teller, context: Context
) -> tuple[VrrpSyncGroup, ...]:
    """keepalived drops unknown members, then groups without members; a group of one is run with a message."""
    found: dict[str, VrrpSyncGroup] = {}
    taken: dict[str, str] = {}
    for item in items:
        name: str = item.value
        if name in found:
            context.report.add("LB0301", f"the sync group '{name}' is given twice: ignored", item.node.place(1))
            continue
        members = _members(item, instances, taken, context)
        if not members:
            message = f"sync group {name} has no virtual router: it is left out"
            context.report.add("LB0311", message, item.node.place(0, 1))
            continue
        if len(members) == 1:
            message = f"sync group {name} has only one virtual router: this is likely not what you want"
            context.report.add("LB0311", message, item.node.place(0, 1))
        found[name] = VrrpSyncGroup(
            name=name,
            members=tuple(members),
            track_interface=tracked_interfaces(item, context),
            tracking=trackers.of(item),
            notify=teller.notify(item),
            sync_group_tracking_weight=item.last("sync_group_tracking_weight", "global_tracking") is not None,
        )
    return tuple(found.values())


def _members(item: Item, instances: Collection[str], taken: dict[str, str], context: Context) -> list[str]:
    members: list[str] = []
    for group_number, group in enumerate(item.all("group")):
        if group_number:
            context.report.add("LB0204", f"sync group {item.value} has two group lists: the first counts", group.node.place())
            break
        for line in group.items or ():
            name: str = line.value
            place = line.node.place(line.node.words.index(name))
            if name not in instances:
                message = f"sync group {item.value}: there is no vrrp_instance '{name}': ignored"
                context.report.add("LB0309", message, place)
            elif name in taken:
                message = f"{name} is in sync group {taken[name]} already: ignored in {item.value}"
                context.report.add("LB0310", message, place)
            else:
                taken[name] = item.value
                members.append(name)
    return members
