# SPDX-License-Identifier: Apache-2.0
"""LB09xx: remarks about global_defs, mail, scripts, and lines of any kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lbd.confparser.check import Item
from lbd.confparser.lint.scope import Remark, Scope, registry

RULES, rule = registry()

_MANY = {
    "include_check", "lvs_sync_daemon", "static_ipaddress", "notification_email", "smtp_server", "lvs_timeouts",
    "vrrp_garp_extra_if", "key", "interface", "status_code", "nftables", "iptables", "vrrp_iptables",
    "vrrp_ipsets", "lb_algo", "lvs_sched", "lb_kind", "lvs_method", "version", "state",
}  # fmt: skip
"""What may stand twice, or says so itself."""


@rule("LB0901")
def _nobody_to_run_as(scope: Scope) -> Iterator[Remark]:
    found = scope.global_("enable_script_security")
    if found is not None and scope.global_("script_user") is None:
        yield (
            found,
            "enable_script_security without script_user: scripts run as keepalived_script, who must exist",
        )


@rule("LB0902")
def _scripts_of_root(scope: Scope) -> Iterator[Remark]:
    found = scope.global_("script_user")
    if found is not None and found.node.words[1:2] == ("root",):
        yield found, "script_user root: every script runs with all rights"


@rule("LB0903")
def _mail_to_nowhere(scope: Scope) -> Iterator[Remark]:
    found = scope.global_("notification_email")
    if found is not None and scope.global_("smtp_server") is None:
        yield found, "notification_email without smtp_server: no mail is sent"


@rule("LB0904")
def _mail_to_nobody(scope: Scope) -> Iterator[Remark]:
    if scope.global_("notification_email") is not None:
        return
    for found in _alerts(scope):
        yield found, f"{found.name} without notification_email: there is nobody to tell"


def _alerts(scope: Scope) -> Iterator[Item]:
    names = ("smtp_alert", "smtp_alert_vrrp", "smtp_alert_checker")
    yield from (item for item in scope.globals if item.name in names and item.value)
    for block in (*scope.instances, *scope.blocks("vrrp_sync_group"), *scope.services):
        yield from (item for item in block.all("smtp_alert") if item.value)


@rule("LB0905")
def _said_twice(scope: Scope) -> Iterator[Remark]:
    yield from _twice(scope.globals)
    waiting = [item for item in scope.items if item.items and item.name != "global_defs"]
    while waiting:
        block = waiting.pop()
        yield from _twice(block.items or ())
        waiting += [inner for inner in block.items or () if inner.items]


def _twice(items: Sequence[Item]) -> Iterator[Remark]:
    seen: dict[str, Item] = {}
    for item in items:
        if not item.name or item.items is not None or item.name in _MANY or item.name.startswith("notify"):
            continue
        first = seen.setdefault(item.name, item)
        if first is not item:
            yield item, f"{item.name} stands in line {first.node.line}, too: the last one counts"


@rule("LB0906")
def _sync_by_nobody(scope: Scope) -> Iterator[Remark]:
    for found in scope.globals:
        words = found.node.words
        if found.name != "lvs_sync_daemon" or len(words) < 3:
            continue
        name = words[3] if words[2] == "inst" and len(words) > 3 else words[2]
        if (
            name not in scope.by_name
            and not name.isdecimal()
            and name not in ("id", "maxlen", "port", "ttl", "group")
        ):
            yield found, f"lvs_sync_daemon: there is no vrrp_instance {name}"


@rule("LB0907")
def _mail_of_nobody(scope: Scope) -> Iterator[Remark]:
    found = scope.global_("smtp_server")
    if found is not None and scope.global_("notification_email_from") is None:
        yield (
            found,
            "smtp_server without notification_email_from: mail comes from keepalived@ this host, if it is taken",
        )


@rule("LB0908")
def _empty_block(scope: Scope) -> Iterator[Remark]:
    for item in scope.blocks("global_defs"):
        if not item.items and not item.node.children:
            yield item, f"{item.name} is empty"
