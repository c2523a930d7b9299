# SPDX-License-Identifier: Apache-2.0
"""Items → ``lbd.model.Config``: inheritance resolved, keepalived's completion checks done, one module a block family."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from lbd.confparser.build import global_defs, groups, scripts, service, static, vrrp
from lbd.confparser.build.checks import Known
from lbd.confparser.build.commands import Commands, default_owner
from lbd.confparser.build.context import Context
from lbd.confparser.build.merged import Merged
from lbd.confparser.build.routes import Preferences, routes, rules
from lbd.confparser.build.telling import Teller
from lbd.confparser.build.trackers import Trackers
from lbd.confparser.build.tracking import sync_groups
from lbd.confparser.check import Item
from lbd.model import Config, Ssl

__all__ = ["Context", "build"]


def build(items: Sequence[Item], commands: Sequence[Item], context: Context) -> Config:
    """``commands``: the directives that name a command to run."""
    return _Builder(items, context).build(commands)


class _Builder:
    def __init__(self, items: Sequence[Item], context: Context) -> None:
        self._items, self._context = items, context
        self._of: dict[str, list[Item]] = {}
        for item in items:
            self._of.setdefault(item.name, []).append(item)
        self._merged = Merged(self._blocks("global_defs"), items)
        context.dynamic_interfaces = self._merged.last("dynamic_interfaces") is not None
        self._commands = self._owner()
        self._teller = Teller(self._merged, self._commands, context)
        self._trackers = Trackers(items, self._commands, context)

    def _blocks(self, name: str) -> list[Item]:
        return self._of.get(name, [])

    def build(self, commands: Sequence[Item]) -> Config:
        context, blocks = self._context, self._blocks
        globals_, defaults = global_defs.build(self._merged, self._teller.telling(), context)
        preferences = Preferences()
        told = vrrp.Surroundings(defaults, preferences, self._trackers, self._teller, blocks("vrrp_sync_group"))
        instances = vrrp.build(blocks("vrrp_instance"), told, context)
        names = {instance.name for instance in instances}
        track_groups = static.track_groups(blocks("track_group"), names, context)
        context.track_groups = [group.name for group in track_groups]
        local = groups.local_addresses(blocks("local_address_group"), context)
        addresses = groups.service_addresses(blocks("virtual_server_group"), context)
        deny = groups.clients(blocks("deny_address_group"), context)
        allow = groups.clients(blocks("allow_address_group"), context)
        context.deny_groups = [group.name for group in deny]
        context.allow_groups = [group.name for group in allow]
        scripts.check(self._trackers.commands, commands, self._commands.secure, context)
        around = service.Around(addresses, local, defaults, self._known(), self._teller)
        named = blocks("instance")
        return Config(
            global_defs=replace(globals_, instance=named[-1].value) if named else globals_,
            vrrp_instances=instances,
            vrrp_sync_groups=sync_groups(
                blocks("vrrp_sync_group"), names, self._trackers, self._teller, context
            ),
            vrrp_scripts=self._trackers.scripts(),
            track_files=self._trackers.files(),
            track_processes=self._trackers.processes(),
            bfd_instances=self._trackers.bfds(),
            track_groups=track_groups,
            static_ipaddress=static.addresses(
                blocks("static_ipaddress"), globals_.default_interface, context
            ),
            static_routes=routes(static.lines(blocks("static_routes")), context),
            static_rules=rules(static.lines(blocks("static_rules")), preferences, context),
            garp_groups=static.garp_groups(blocks("garp_group"), context),
            interface_up_down_delays=static.link_delays(blocks("interface_up_down_delays"), context),
            virtual_servers=service.build(blocks("virtual_server"), around, context),
            local_address_groups=tuple(local.values()),
            deny_address_groups=deny,
            allow_address_groups=allow,
            tunnels=groups.tunnels(blocks("tunnel_group"), context),
        )

    def _owner(self) -> Commands:
        commands = Commands(
            self._context.report,
            default_owner(),
            secure=self._merged.last("enable_script_security") is not None,
            supplementary=bool(self._merged.get("set_supplementary_groups")),
        )
        said = self._merged.last("script_user")
        if said is not None:
            commands.owner = commands.owner_of(said.value, said.node.place(1)) or commands.owner
        return commands

    def _known(self) -> Known:
        blocks = self._blocks("SSL")
        said = Merged(blocks)
        names = ("ca", "certificate", "key", "password")
        ssl = Ssl(**{name: said.get(name) for name in names}) if blocks else None
        bfds = {found.name: found for found in self._trackers.bfds()}
        return Known(self._commands, self._trackers.checkable_files(), bfds, ssl)
