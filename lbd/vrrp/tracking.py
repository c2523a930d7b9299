# SPDX-License-Identifier: Apache-2.0
"""What tracked things say of an instance: a change of priority, a fault, or nothing yet. Pure arithmetic.

Weight 0 is FAULT while down. A positive weight is added while up, a negative one while down, ``reverse`` takes up for
down (keepalived.conf(5), track_script). A file adds its value times its weight, and -254 or less is FAULT.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from lbd.model import Config
from lbd.model.route import Route, Rule
from lbd.model.track import Tracked, Tracking
from lbd.model.vrrp import TrackedInterface, VirtualAddress, VrrpInstance, VrrpSyncGroup

FILE_FAULT = -254
LIMIT = 253


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The state of everything that is tracked, by name. A script that is not in it has had no result yet."""

    interfaces: Mapping[str, bool] = {}
    scripts: Mapping[str, bool] = {}
    files: Mapping[str, int] = {}
    processes: Mapping[str, bool] = {}
    bfds: Mapping[str, bool] = {}


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What one tracked thing says of an instance."""

    fault: bool = False
    weight: int = 0
    """Added to the priority."""
    awaited: bool = False
    """A script without a result: until it has one, the instance does not begin."""


def implied(conf: VrrpInstance, config: Config) -> tuple[TrackedInterface, ...]:
    """Interfaces that have to be up for what an instance holds: those of addresses, routes and rules.

    Those of static ones whose track_group it is in, too. None of what says no_track, nor its own: that has a
    keyword (dont_track_primary).
    """
    groups = {one.name for one in config.track_groups if conf.name in one.members}
    static: tuple[VirtualAddress | Route | Rule, ...] = (
        *config.static_ipaddress,
        *config.static_routes,
        *config.static_rules,
    )
    items: tuple[VirtualAddress | Route | Rule, ...] = (
        *conf.virtual_addresses,
        *conf.virtual_routes,
        *conf.virtual_rules,
        *(one for one in static if one.track_group in groups),
    )
    names = dict.fromkeys(name for item in items if not item.no_track for name in _interfaces(item))
    return tuple(TrackedInterface(interface=name) for name in names if name != conf.interface)


def _interfaces(item: VirtualAddress | Route | Rule) -> Iterator[str]:
    match item:
        case Rule():
            yield from filter(None, (item.iif, item.oif))
        case Route():
            yield from filter(None, (item.dev, *(hop.dev for hop in item.nexthops)))
        case _:
            yield item.dev


def tracked_by(conf: VrrpInstance, config: Config) -> VrrpInstance:
    """The instance with what its sync group tracks and what follows from its items; its own lines count first."""
    conf = _with_its_group(conf, config.vrrp_sync_groups)
    interfaces = _joined_interfaces(conf.track_interface, implied(conf, config))
    return msgspec.structs.replace(conf, track_interface=interfaces)


def _with_its_group(conf: VrrpInstance, groups: Iterable[VrrpSyncGroup]) -> VrrpInstance:
    for group in groups:
        if conf.name in group.members:
            own, theirs = conf.tracking, group.tracking
            return msgspec.structs.replace(
                conf,
                track_interface=_joined_interfaces(conf.track_interface, group.track_interface),
                tracking=Tracking(
                    scripts=_joined(own.scripts, theirs.scripts),
                    files=_joined(own.files, theirs.files),
                    processes=_joined(own.processes, theirs.processes),
                    bfds=_joined(own.bfds, theirs.bfds),
                ),
            )
    return conf


def opinions(tracked: VrrpInstance, seen: Seen) -> dict[str, Opinion]:
    """By source in words, for an instance as ``tracked_by`` made it."""
    tracking = tracked.tracking
    interfaces = [_as_tracked(one) for one in tracked.track_interface]
    found = {f"tracked file {one.name}": _of_file(one, seen.files.get(one.name, 0)) for one in tracking.files}
    for kind, lines, states in (
        ("interface", interfaces, seen.interfaces),
        ("process", tracking.processes, seen.processes),
        ("BFD instance", tracking.bfds, seen.bfds),
    ):
        found |= {f"tracked {kind} {one.name}": _of_switch(one, states.get(one.name, False)) for one in lines}
    for one in tracking.scripts:
        up = seen.scripts.get(one.name)
        found[f"script {one.name}"] = Opinion(awaited=True) if up is None else _of_switch(one, up)
    return found


def _of_switch(one: Tracked, up: bool) -> Opinion:
    up = up != one.reverse
    if one.weight == 0:
        return Opinion(fault=not up)
    return Opinion(weight=one.weight if up == (one.weight > 0) else 0)


def _of_file(one: Tracked, value: int) -> Opinion:
    if one.weight == 0:
        return Opinion(fault=(value == 0) == one.reverse)
    product = value * one.weight * (-1 if one.reverse else 1)
    if product <= FILE_FAULT:
        return Opinion(fault=True)
    return Opinion(weight=min(product, LIMIT))


def _as_tracked(one: TrackedInterface) -> Tracked:
    return Tracked(name=one.interface, weight=one.weight, reverse=one.reverse)


def _joined(own: tuple[Tracked, ...], more: tuple[Tracked, ...]) -> tuple[Tracked, ...]:
    names = {one.name for one in own}
    return (*own, *(one for one in more if one.name not in names))


def _joined_interfaces(
    own: tuple[TrackedInterface, ...], more: tuple[TrackedInterface, ...]
) -> tuple[TrackedInterface, ...]:
    names = {one.interface for one in own}
    return (*own, *(one for one in more if one.interface not in names))
