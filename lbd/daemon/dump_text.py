# SPDX-License-Identifier: Apache-2.0
"""keepalived.stats and keepalived.data: keepalived's layout, which exporters read line by line."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable

from lbd.daemon import dump_globals, dump_sections
from lbd.daemon import dump_words as words
from lbd.model import Authentication, Config, VirtualAddress, VrrpInstance
from lbd.model.status import VrrpRoleStatus, VrrpStatus

Pair = tuple[VrrpInstance, VrrpStatus]

MASKED = "****"
"""In the place of a password: a dump is read by more people than the configuration."""

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


def data(config: Config, status: VrrpRoleStatus, pairs: Iterable[Pair]) -> str:
    """keepalived.data; passwords are not in it, nor what tells of keepalived's own insides (sockets, buffers)."""
    lines = [*dump_globals.lines(config), *dump_sections.static(config), "------< VRRP Topology >------"]
    group_of = {name: group.name for group in config.vrrp_sync_groups for name in group.members}
    for conf, one in pairs:
        lines += _topology(conf, one, group_of.get(conf.name))
    lines += [*dump_sections.groups(config, status), *dump_sections.tracked(config, status)]
    return "\n".join(lines) + "\n"


def parent(config: Config) -> str:
    return "\n".join(dump_globals.lines(config)) + "\n"


def _topology(conf: VrrpInstance, status: VrrpStatus, group: str | None) -> list[str]:
    held = status.state == "MASTER"
    return [
        f" VRRP Instance = {conf.name}",
        f"   VRRP Version = {conf.version}",
        *(["   Using Native IPv6"] if conf.native_ipv6 else []),
        *([f"   Sync group = {group}"] if group else []),
        *_state(conf, status),
        *_adverts(conf, status),
        *_authentication(conf),
        *_addresses(f"Virtual IP ({len(conf.virtual_ipaddress)}):", conf.virtual_ipaddress, held),
        *_addresses("Virtual IP Excluded :", conf.virtual_ipaddress_excluded, held),
        *_unicast(conf),
        *_titled("Virtual Routes :", [words.route(one) for one in conf.virtual_routes]),
        *_titled("Virtual Rules :", [words.rule(one) for one in conf.virtual_rules]),
        *_tracked(conf),
        f"   Using smtp notification = {words.affirmation(conf.notify.smtp_alert)}",
        f"   Notify deleted = {'Deleted' if conf.notify.deleted else 'Fault'}",
        *dump_sections.scripts_of(conf.notify),
        f"   Notify priority changes = {words.truth(conf.notify.notify_priority_changes)}",
    ]


def _state(conf: VrrpInstance, status: VrrpStatus) -> list[str]:
    now = time.time()
    flags = ["     Using unicast"] if conf.is_unicast else []
    source = conf.unicast_src_ip or conf.mcast_src_ip
    return [
        f"   State = {status.state}",
        *(["   Flags:", *flags] if flags else ["   Flags: none"]),
        f"   Wantstate = {status.state}",
        "   Number of config faults = 0",
        f"   Number of interface and track script faults = {status.faults}",
        f"   Number of track scripts init = {status.awaited}",
        f"   Last transition = {words.clock(now - status.since)}",
        *([f"   Read timeout = {words.clock(now + status.timeout)}"] if status.timeout is not None else []),
        f"   Master down timer = {status.master_down * 1e6:.0f} usecs",
        f"   Interface = {conf.interface}",
        f"   Using src_ip = {status.source}{' (from configuration)' if source else ''}",
        *([] if conf.is_unicast else [f"   Multicast address {status.group}{_ifindex(conf)}"]),
    ]


def _ifindex(conf: VrrpInstance) -> str:
    with contextlib.suppress(OSError):
        return f", ifindex {socket.if_nametoindex(conf.interface)}" if conf.is_ipv6 else ""
    return ""


def _adverts(conf: VrrpInstance, status: VrrpStatus) -> list[str]:
    interval = f"{conf.advert_int:g} sec" if conf.version == 2 else f"{conf.advert_int * 1000:.0f} milli-sec"
    return [
        f"   Gratuitous ARP delay = {conf.garp_master_delay:g}",
        f"   Gratuitous ARP repeat = {conf.garp_master_repeat}",
        f"   Gratuitous ARP refresh = {conf.garp_master_refresh:g}",
        f"   Gratuitous ARP refresh repeat = {conf.garp_master_refresh_repeat}",
        f"   Gratuitous ARP lower priority delay = {conf.garp_lower_prio_delay:g}",
        f"   Gratuitous ARP lower priority repeat = {conf.garp_lower_prio_repeat}",
        f"   Down timer adverts = {conf.down_timer_adverts}",
        f"   Send advert after receive lower priority advert = {words.truth(not conf.lower_prio_no_advert)}",
        f"   Send advert after receive higher priority advert = {words.truth(conf.higher_prio_send_advert)}",
        f"   Virtual Router ID = {conf.virtual_router_id}",
        f"   Priority = {conf.priority}",
        f"   Effective priority = {status.effective_priority}",
        f"   Total priority = {status.effective_priority}",
        f"   Advert interval = {interval}",
        f"   Accept = {words.ability(conf.accept)}",
        f"   Preempt = {words.ability(not conf.nopreempt)}",
        *([f"   Preempt delay = {conf.preempt_delay:g} secs"] if conf.preempt_delay else []),
        f"   Promote_secondaries = {words.ability(conf.promote_secondaries)}",
    ]


def _authentication(conf: VrrpInstance) -> list[str]:
    if conf.auth_type is Authentication.NONE:
        return []
    kind = "SIMPLE_PASSWORD" if conf.auth_type is Authentication.PASS else "IPSEC_AH"
    return [f"   Authentication type = {kind}", f"   Password = {MASKED}"]


def _unicast(conf: VrrpInstance) -> list[str]:
    if not conf.is_unicast:
        return []
    peers = [f"{one.address} min_ttl {one.min_ttl} max_ttl {one.max_ttl}" for one in conf.unicast_peer]
    return [
        f"   Unicast TTL = {conf.unicast_ttl}",
        f"   Check unicast src : {words.affirmation(conf.check_unicast_src)}",
        *_titled("Unicast Peer :", peers),
        f"   Unicast checksum compatibility = {words.affirmation(conf.old_unicast_checksum)}",
    ]


def _titled(title: str, items: list[str]) -> list[str]:
    return [f"   {title}", *(f"     {item}" for item in items)] if items else []


def _addresses(title: str, addresses: tuple[VirtualAddress, ...], held: bool) -> list[str]:
    return _titled(title, [words.address(one, held) for one in addresses])


def _tracked(conf: VrrpInstance) -> list[str]:
    interfaces = [
        f"{one.interface} weight {one.weight}{' reverse' if one.reverse else ''}"
        for one in conf.track_interface
    ]
    lines = _titled("Tracked interfaces :", interfaces)
    for title, separator, tracked in (
        ("Tracked scripts :", " ", conf.tracking.scripts),
        ("Tracked files :", ", ", conf.tracking.files),
        ("Tracked processes :", ", ", conf.tracking.processes),
        ("Tracked BFD instances :", ", ", conf.tracking.bfds),
    ):
        weights = [f"{one.name}{separator}weight {dump_sections.weight_of(one)}" for one in tracked]
        lines += _titled(title, weights)
    return lines
