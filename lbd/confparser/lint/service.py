# SPDX-License-Identifier: Apache-2.0
"""LB08xx: remarks about virtual servers and their groups."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from lbd.confparser.check import Item
from lbd.confparser.lint.scope import CHECKS, IPAddress, Remark, Scope, address_of, registry

RULES, rule = registry()
_STICKY = ("sh", "mh", "dh", "conhash")
_UNWEIGHTED = ("rr", "lc")


def _algorithm(service: Item) -> str:
    return str(service.get("lb_algo") or service.get("lvs_sched") or "wlc")


def _persistence(service: Item) -> Item | None:
    return service.last("persistence_timeout", "persistence_granularity", "persistence_engine")


def _kind(item: Item, default: str = "NAT") -> str:
    found = item.last("lb_kind", "lvs_method")
    return found.node.words[1] if found is not None and len(found.node.words) > 1 else default


@rule("LB0802")
def _persistent_packets(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        ops, persistence = service.last("ops"), _persistence(service)
        if ops is not None and persistence is not None:
            yield (
                ops,
                "ops beside persistence: each packet is scheduled by itself and goes to one server all the same",
            )


@rule("LB0803")
def _sticky_twice(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        found = _persistence(service)
        if found is not None and _algorithm(service) in _STICKY:
            yield (
                found,
                f"persistence beside lb_algo {_algorithm(service)}, which sends a client to one server by itself",
            )


@rule("LB0804")
def _syn_proxy_of_another_method(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        found = service.last("syn_proxy")
        if found is not None and _kind(service) != "FNAT":
            yield (
                found,
                f"syn_proxy needs answers to come back this way: with {_kind(service)} it does nothing",
            )


@rule("LB0805")
def _serves_itself(scope: Scope) -> Iterator[Remark]:
    for service, real in scope.real_servers():
        own = getattr(getattr(service.value, "endpoint", None), "address", None)
        if own is not None and str(address_of(real)) == str(own):
            yield real, "the real server has the address of the virtual server: packets would go round"


@rule("LB0806")
def _sorry_server_serves(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        sorry = service.last("sorry_server")
        if sorry is not None and any(real.value == sorry.value for real in service.all("real_server")):
            yield sorry, "the sorry server is a real server, too: it is down when it is needed"


@rule("LB0807")
def _half_a_notification(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        for one, other in (("quorum_up", "quorum_down"), ("quorum_down", "quorum_up")):
            found = service.last(one)
            if found is not None and service.last(other) is None:
                yield found, f"{one} without {other}: what it does is never undone"


@rule("LB0808")
def _dead_servers_keep_clients(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        found = service.last("inhibit_on_failure")
        quiescent = (
            scope.global_("lvs_flush_onstop") is None and service.last("expire_quiescent_conn") is None
        )
        if found is not None and _persistence(service) is not None and quiescent:
            yield (
                found,
                "inhibit_on_failure beside persistence: clients of a dead server are sent to it still",
            )


@rule("LB0809")
def _weights_for_nothing(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        weights = {real.get("weight", service.get("weight", 1)) for real in service.all("real_server")} - {0}
        found = service.last("lb_algo", "lvs_sched")
        if found is not None and len(weights) > 1 and _algorithm(service) in _UNWEIGHTED:
            yield (
                found,
                f"weights differ and {_algorithm(service)} does not look at them: w{_algorithm(service)} does",
            )


@rule("LB0810")
def _address_of_nobody(scope: Scope) -> Iterator[Remark]:
    if not scope.instances:
        return
    for service in scope.services:
        own = getattr(getattr(service.value, "endpoint", None), "address", None)
        if own is not None and ipaddress.ip_address(str(own)) not in scope.moved:
            yield service, f"no vrrp_instance has {own}: it does not move with a failover"


@rule("LB0811")
def _unused_group(scope: Scope) -> Iterator[Remark]:
    uses = (
        (
            "virtual_server_group",
            {service.node.words[2] for service in scope.services if service.node.words[1:2] == ("group",)},
        ),
        ("local_address_group", {str(service.get("laddr_group_name")) for service in scope.services}),
        ("deny_address_group", {str(service.get("daddr_group_name")) for service in scope.services}),
        ("allow_address_group", {str(service.get("waddr_group_name")) for service in scope.services}),
    )
    for kind, used in uses:
        for group in scope.blocks(kind):
            if group.node.words[1] not in used:
                yield group, f"no virtual_server uses {group.node.words[1]}"


def _local(scope: Scope) -> Iterator[tuple[Item, IPAddress, IPAddress]]:
    for group in scope.blocks("local_address_group"):
        for line in group.items or ():
            first, last = getattr(line.value, "first", None), getattr(line.value, "last", None)
            if first is not None and last is not None:
                yield line, ipaddress.ip_address(str(first)), ipaddress.ip_address(str(last))


@rule("LB0812")
def _local_address_serves(scope: Scope) -> Iterator[Remark]:
    own = {str(getattr(getattr(s.value, "endpoint", None), "address", "")) for s in scope.services} - {
        "",
        "None",
    }
    addresses = [ipaddress.ip_address(one) for one in own]
    for line, first, last in _local(scope):
        for address in addresses:
            if address.version == first.version and int(first) <= int(address) <= int(last):
                yield (
                    line,
                    f"the local address {address} is that of a virtual server: its ports are not free for connections",
                )


@rule("LB0813")
def _broad_persistence(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        found = service.last("persistence_granularity")
        if found is None or len(found.node.words) < 2:
            continue
        word = found.node.words[1]
        try:
            length = int(word) if word.isdecimal() else ipaddress.ip_network(f"0.0.0.0/{word}").prefixlen
        except ValueError:
            continue
        if length < (48 if word.isdecimal() else 16):
            yield found, "so many clients count as one that a single server may get them all"


@rule("LB0814")
def _never_suspended(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        found = service.last("ha_suspend")
        if found is not None and service.node.words[1] in ("fwmark", "group"):
            yield (
                found,
                f"ha_suspend looks for the address of the service, and a {service.node.words[1]} has none of its own",
            )


@rule("LB0815")
def _told_of_nothing(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        checked = any(True for real in service.all("real_server") for _ in real.all(*CHECKS))
        for found in service.all("quorum_down", "sorry_server"):
            if not checked:
                yield found, f"{found.name} on a service without checks: its servers never go down"


@rule("LB0816")
def _grain_of_a_mark(scope: Scope) -> Iterator[Remark]:
    seen: dict[tuple[str, ...], Item] = {}
    for group in scope.blocks("virtual_server_group"):
        for line in group.items or ():
            first = seen.setdefault(line.node.words, line)
            if first is not line:
                yield line, f"'{' '.join(line.node.words)}' stands in line {first.node.line}, too"
