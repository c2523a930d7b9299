# SPDX-License-Identifier: Apache-2.0
"""Items → ``lbd.model.Config``: inheritance resolved, keepalived's completion checks done, one module a block family."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lbd.confparser.build import global_defs, groups, scripts, service, static, tracking, vrrp
from lbd.confparser.build.context import Context
from lbd.confparser.build.routes import Preferences, routes, rules
from lbd.confparser.check import Item
from lbd.confparser.diagnostics import Report
from lbd.model import Config

__all__ = ["build"]


def build(
    items: Sequence[Item], commands: Sequence[Item], report: Report, interfaces: Collection[str] | None
) -> Config:
    """``commands``: the directives that name a command to run."""
    of: dict[str, list[Item]] = {}
    for item in items:
        of.setdefault(item.name, []).append(item)

    def blocks(name: str) -> list[Item]:
        return of.get(name, [])

    context = Context(report, interfaces)
    globals_, defaults = global_defs.build(blocks("global_defs"), context)
    preferences = Preferences()
    instances = vrrp.build(blocks("vrrp_instance"), defaults, preferences, context)
    names = {instance.name for instance in instances}
    static_groups = static.track_groups(blocks("track_group"), names, context)
    context.track_groups = [group.name for group in static_groups]
    local = groups.local_addresses(blocks("local_address_group"), context)
    addresses = groups.service_addresses(blocks("virtual_server_group"), context)
    scripts.check(items, commands, context)
    return Config(
        global_defs=globals_,
        vrrp_instances=instances,
        vrrp_sync_groups=tracking.sync_groups(blocks("vrrp_sync_group"), names, context),
        track_groups=static_groups,
        static_ipaddress=static.addresses(blocks("static_ipaddress"), globals_.default_interface, context),
        static_routes=routes(static.lines(blocks("static_routes")), context),
        static_rules=rules(static.lines(blocks("static_rules")), preferences, context),
        garp_groups=static.garp_groups(blocks("garp_group"), context),
        interface_up_down_delays=static.link_delays(blocks("interface_up_down_delays"), context),
        virtual_servers=service.build(blocks("virtual_server"), addresses, local, defaults, context),
        local_address_groups=tuple(local.values()),
    )
