# SPDX-License-Identifier: Apache-2.0
"""keepalived.stats and keepalived.data: keepalived's layout, which exporters read line by line."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable

from lbd.model import Notify, Script, VirtualAddress, VrrpInstance
from lbd.model.status import VrrpStatus

Pair = tuple[VrrpInstance, VrrpStatus]

PACKET_ERRORS = (
    ("Length", "packet length"),
    ("TTL", "TTL"),
    ("Invalid Type", "invalid type"),
    ("Advertisement Interval", "advertisement interval"),
    ("Address List", "address list"),
)
AUTHENTICATION_ERRORS = (
    ("Invalid Type", "invalid authentication type"),
    ("Type Mismatch", "authentication type mismatch"),
    ("Failure", "authentication failure"),
)


def stats(statuses: Iterable[VrrpStatus]) -> str:
    return "".join(_of_instance(one) for one in statuses)


def _of_instance(one: VrrpStatus) -> str:
    def errors(named: Iterable[tuple[str, str]]) -> list[str]:
        return [f"    {title}: {one.errors.get(reason, 0)}" for title, reason in named]

    lines = [
        f"VRRP Instance: {one.name}",
        "  Advertisements:",
        f"    Received: {one.adverts_received}",
        f"    Sent: {one.adverts_sent}",
        f"  Became master: {one.became_master}",
        f"  Released master: {one.released_master}",
        "  Packet Errors:",
        *errors(PACKET_ERRORS),
        "  Authentication Errors:",
        *errors(AUTHENTICATION_ERRORS),
        "  Priority Zero:",
        f"    Received: {one.zero_received}",
        f"    Sent: {one.zero_sent}",
    ]
    return "\n".join(lines) + "\n"


def data(router_id: str, pairs: Iterable[Pair]) -> str:
    """The part of keepalived's dump that tells of instances; passwords are not in it."""
    lines = [
        "------< Global definitions >------",
        f" Router ID = {router_id}",
        "------< VRRP Topology >------",
    ]
    for conf, status in pairs:
        lines += _topology(conf, status)
    return "\n".join(lines) + "\n"


def _topology(conf: VrrpInstance, status: VrrpStatus) -> list[str]:
    changed = time.time() - status.since
    whole = time.strftime("%a %b %e %H:%M:%S", time.localtime(changed))
    clock = f"{whole}.{changed % 1 * 1e6:06.0f} {time.localtime(changed).tm_year}"
    held = status.state == "MASTER"
    interval = f"{conf.advert_int:g} sec" if conf.version == 2 else f"{conf.advert_int * 1000:.0f} milli-sec"
    return [
        f" VRRP Instance = {conf.name}",
        f"   VRRP Version = {conf.version}",
        f"   State = {status.state}",
        f"   Last transition = {changed:.6f} ({clock})",
        f"   Interface = {conf.interface}",
        f"   Gratuitous ARP delay = {conf.garp_master_delay:g}",
        f"   Gratuitous ARP repeat = {conf.garp_master_repeat}",
        f"   Gratuitous ARP refresh = {conf.garp_master_refresh:g}",
        f"   Gratuitous ARP refresh repeat = {conf.garp_master_refresh_repeat}",
        f"   Gratuitous ARP lower priority delay = {conf.garp_lower_prio_delay:g}",
        f"   Gratuitous ARP lower priority repeat = {conf.garp_lower_prio_repeat}",
        f"   Down timer adverts = {conf.down_timer_adverts}",
        f"   Send advert after receive lower priority advert = {_word(not conf.lower_prio_no_advert)}",
        f"   Send advert after receive higher priority advert = {_word(conf.higher_prio_send_advert)}",
        f"   Virtual Router ID = {conf.virtual_router_id}",
        f"   Priority = {conf.priority}",
        f"   Effective priority = {status.effective_priority}",
        f"   Advert interval = {interval}",
        f"   Accept = {'enabled' if conf.accept else 'disabled'}",
        f"   Preempt = {'disabled' if conf.nopreempt else 'enabled'}",
        f"   Promote_secondaries = {'enabled' if conf.promote_secondaries else 'disabled'}",
        *_addresses("Virtual IP", conf.virtual_ipaddress, held),
        *_addresses("Virtual IP Excluded", conf.virtual_ipaddress_excluded, held),
        *_tracked(conf),
        f"   Using smtp notification = {'yes' if conf.notify.smtp_alert else 'no'}",
        f"   Notify deleted = {'Deleted' if conf.notify.deleted else 'Fault'}",
        *_scripts(conf.notify),
        f"   Notify priority changes = {_word(conf.notify.notify_priority_changes)}",
    ]


def _word(value: bool) -> str:
    return "true" if value else "false"


def address(one: VirtualAddress, held: bool) -> str:
    """``10.0.0.1/24 dev eth0 scope global set``."""
    label = f" label {one.label}" if one.label else ""
    return f"{one.address}/{one.prefix} dev {one.dev} scope {one.scope or 'global'}{label}{' set' if held else ''}"


def command(script: Script) -> str:
    return " ".join(f"'{word}'" if "'" not in word else shlex.quote(word) for word in script.argv)


def _addresses(title: str, addresses: tuple[VirtualAddress, ...], held: bool) -> list[str]:
    if not addresses:
        return []
    return [f"   {title} ({len(addresses)}):", *(f"     {address(one, held)}" for one in addresses)]


def _tracked(conf: VrrpInstance) -> list[str]:
    lines: list[str] = []
    if conf.tracking.scripts:
        lines += [
            "   Tracked scripts :",
            *(f"     {o.name} weight {o.weight}" for o in conf.tracking.scripts),
        ]
    if conf.tracking.files:
        lines += ["   Tracked files :", *(f"     {o.name}, weight {o.weight}" for o in conf.tracking.files)]
    if conf.tracking.processes:
        lines += [
            "   Tracked processes :",
            *(f"     {o.name}, weight {o.weight}" for o in conf.tracking.processes),
        ]
    return lines


def _scripts(notify: Notify) -> list[str]:
    titled = (
        ("Backup state transition", notify.notify_backup),
        ("Master state transition", notify.notify_master),
        ("Fault state transition", notify.notify_fault),
        ("Stop state transition", notify.notify_stop),
        ("Generic state transition", notify.notify),
    )
    return [
        f"   {title} script = {command(script)}, uid:gid {script.uid}:{script.gid}"
        for title, script in titled
        if script is not None
    ]
