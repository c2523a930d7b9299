# SPDX-License-Identifier: Apache-2.0
"""LB07xx: remarks about VRRP."""

from __future__ import annotations

from collections.abc import Iterator

from lbd.confparser.check import Item
from lbd.confparser.lint.scope import Remark, Scope, address_of, registry

RULES, rule = registry()
_WELL_KNOWN = {
    "1111",
    "1234",
    "12345",
    "password",
    "secret",
    "admin",
    "test",
    "k@l!ve1",
    "mypass",
    "changeme",
}


@rule("LB0701")
def _master_without_priority(scope: Scope) -> Iterator[Remark]:
    for instance in scope.instances:
        state = instance.last("state")
        if state is not None and state.value == "MASTER" and instance.last("priority") is None:
            yield state, "state MASTER without priority makes this router the owner, with priority 255"


@rule("LB0703")
def _peer_of_itself(scope: Scope) -> Iterator[Remark]:
    for instance in scope.instances:
        source = instance.last("unicast_src_ip")
        for line in instance.entries("unicast_peer"):
            if source is not None and address_of(line) == address_of(source):
                yield (
                    line,
                    "the router is a peer of itself (unicast_src_ip): it need not send adverts to itself",
                )


@rule("LB0704")
def _unicast_without_source(scope: Scope) -> Iterator[Remark]:
    for instance in scope.instances:
        block = instance.last("unicast_peer")
        if block is not None and not any(instance.last(name) for name in ("unicast_src_ip", "mcast_src_ip")):
            yield (
                block,
                "unicast_peer without unicast_src_ip: the kernel chooses a source, which may be a virtual address",
            )


@rule("LB0705")
def _well_known_password(scope: Scope) -> Iterator[Remark]:
    for instance in scope.instances:
        for block in instance.all("authentication"):
            found = block.last("auth_pass")
            if found is not None and str(found.value).lower() in _WELL_KNOWN:
                yield found, "the password is one from examples, and goes over the wire in clear text"


@rule("LB0706")
def _hasty_adverts(scope: Scope) -> Iterator[Remark]:
    for instance in scope.instances:
        found = instance.last("advert_int")
        if found is not None and found.value < 0.05 and instance.get("down_timer_adverts", 3) <= 3:
            yield (
                found,
                "adverts less than 50 ms apart: a short stall of the machine or a switch is a failover",
            )


@rule("LB0708")
def _source_moves(scope: Scope) -> Iterator[Remark]:
    for instance in scope.instances:
        for source in instance.all("unicast_src_ip", "mcast_src_ip"):
            if address_of(source) in scope.moved:
                yield source, "adverts leave from a virtual address, which a backup does not have"


@rule("LB0709")
def _address_of_two(scope: Scope) -> Iterator[Remark]:
    seen: dict[object, Item] = {}
    for instance, line, address in scope.virtual_addresses:
        first = seen.setdefault(address, instance)
        if first is not instance:
            yield (
                line,
                f"{address} is an address of {first.node.words[1]}, too: two routers may hold it at once",
            )


@rule("LB0710")
def _in_no_subnet(scope: Scope) -> Iterator[Remark]:
    for instance, line, address in scope.virtual_addresses:
        words = line.node.words
        interface = (
            words[words.index("dev") + 1] if "dev" in words[:-1] else str(instance.get("interface", ""))
        )
        networks = [one for one in scope.networks.get(interface, ()) if one.version == address.version]
        if networks and not address.is_link_local and not any(address in network for network in networks):
            known = ", ".join(map(str, networks))
            yield line, f"{address} is in no subnet of {interface} ({known}): neighbours ask no router for it"


@rule("LB0711")
def _no_host_address(scope: Scope) -> Iterator[Remark]:
    for _, line, address in scope.virtual_addresses:
        if address.is_multicast or address.is_loopback or address.is_unspecified or address.is_reserved:
            yield line, f"{address} is no address that hosts can be reached at"


@rule("LB0712")
def _weight_of_an_owner(scope: Scope) -> Iterator[Remark]:
    for instance in scope.instances:
        if instance.get("priority") != 255:
            continue
        for line in instance.entries("track_process"):  # of the others keepalived says it itself: LB0325
            if getattr(line.value, "weight", 0):
                yield line, "the priority of an owner (255) never changes: this weight does nothing"


@rule("LB0713")
def _slow_script(scope: Scope) -> Iterator[Remark]:
    for script in scope.blocks("vrrp_script"):
        timeout, interval = script.last("timeout"), script.get("interval", 1)
        if timeout is not None and timeout.value > interval:
            yield (
                timeout,
                f"the script may run for {timeout.value:g} s and is due every {interval:g} s: runs are left out",
            )


@rule("LB0714")
def _unused_tracker(scope: Scope) -> Iterator[Remark]:
    used = {
        line.node.words[0]
        for block in scope.blocks("vrrp_instance", "vrrp_sync_group")
        for kind in ("track_script", "track_file", "track_process", "track_bfd")
        for line in block.entries(kind)
    }
    used |= {
        str(check.get("track_file", check.get("name")))
        for _, _, check in scope.checks("FILE_CHECK", "BFD_CHECK")
    }
    for item in scope.blocks(
        "vrrp_script", "vrrp_track_process", "track_file", "vrrp_track_file", "bfd_instance"
    ):
        if item.node.words[1] not in used:
            yield item, f"nothing tracks {item.node.words[1]}: it is not run"


def _members(scope: Scope) -> Iterator[tuple[Item, list[Item]]]:
    for group in scope.blocks("vrrp_sync_group"):
        names = [word for line in group.entries("group") for word in line.node.words]
        yield group, [scope.by_name[name] for name in dict.fromkeys(names) if name in scope.by_name]


@rule("LB0715")
def _members_of_unlike_priority(scope: Scope) -> Iterator[Remark]:
    for group, members in _members(scope):
        if len({member.get("priority", 100) for member in members}) > 1:
            yield (
                group,
                "the members' priorities differ: they elect different masters and drag each other along",
            )


@rule("LB0716")
def _members_of_unlike_preemption(scope: Scope) -> Iterator[Remark]:
    for group, members in _members(scope):
        if len({member.last("nopreempt") is None for member in members}) > 1:
            yield group, "some members have nopreempt and some have not: the latter preempt for all"


@rule("LB0717")
def _on_loopback(scope: Scope) -> Iterator[Remark]:
    for instance in scope.instances:
        found = instance.last("interface")
        if found is not None and found.value == "lo":
            yield found, "adverts on lo reach nobody: this router is always master"


@rule("LB0718")
def _strict_takes_nothing(scope: Scope) -> Iterator[Remark]:
    everywhere = scope.global_("vrrp_strict")
    for instance in scope.instances:
        strict = instance.last("strict_mode") or everywhere
        on = strict is not None and strict.value is not False
        if on and strict is not None and instance.last("accept") is None and instance.get("priority") != 255:
            yield (
                strict,
                "strict mode without accept: packets to the virtual addresses are dropped, even ping",
            )
