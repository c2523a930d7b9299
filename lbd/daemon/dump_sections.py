# SPDX-License-Identifier: Apache-2.0
"""The sections of keepalived.data beside the instances: static items, groups, and what is tracked."""

from __future__ import annotations

from collections.abc import Iterable

from lbd.daemon import dump_words as words
from lbd.model import Config, Notify, Tracked, TrackProcess, VrrpScript, VrrpSyncGroup
from lbd.model.status import VrrpRoleStatus


def static(config: Config) -> list[str]:
    lines: list[str] = []
    if config.static_ipaddress:
        lines += ["------< Static Addresses >------"]
        lines += [f"     {words.address(one, held=True)}" for one in config.static_ipaddress]
    if config.static_routes:
        lines += [
            "------< Static Routes >------",
            *(f"     {words.route(one)}" for one in config.static_routes),
        ]
    if config.static_rules:
        lines += ["------< Static Rules >------", *(f"     {words.rule(one)}" for one in config.static_rules)]
    return lines


def groups(config: Config, status: VrrpRoleStatus) -> list[str]:
    lines = ["------< VRRP Sync groups >------"] if config.vrrp_sync_groups else []
    for one in config.vrrp_sync_groups:
        lines += _group(one, status)
    return lines


def _group(one: VrrpSyncGroup, status: VrrpRoleStatus) -> list[str]:
    members = [member for member in status.instances if member.name in one.members]
    faults = sum(member.state == "FAULT" for member in members)
    init = sum(member.state == "INIT" for member in members)
    return [
        f" VRRP Sync Group = {one.name}, {status.groups.get(one.name, 'INIT')}",
        f"   Num member fault {faults}, num member init {init}",
        "   VRRP member instances :",
        *(f"     {name}" for name in one.members),
        *(["   Using sync group tracking weight"] if one.sync_group_tracking_weight else []),
        f"   Using smtp notification = {words.affirmation(one.notify.smtp_alert)}",
        *scripts_of(one.notify),
    ]


def scripts_of(notify: Notify) -> list[str]:
    titled = (
        ("Backup state transition", notify.notify_backup),
        ("Master state transition", notify.notify_master),
        ("Fault state transition", notify.notify_fault),
        ("Stop state transition", notify.notify_stop),
        ("Deleted state transition", notify.notify_deleted),
        ("Generic state transition", notify.notify),
        ("Master rx lower pri", notify.notify_master_rx_lower_pri),
    )
    return [
        f"   {title} script = {words.command(script)}, uid:gid {script.uid}:{script.gid}"
        for title, script in titled
        if script is not None
    ]


# --- what is tracked


def tracked(config: Config, status: VrrpRoleStatus) -> list[str]:
    lines = ["------< VRRP Scripts >------"] if config.vrrp_scripts else []
    for script in config.vrrp_scripts:
        lines += _script(script, config, status)
    lines += ["------< VRRP Track files >------"] if config.track_files else []
    for file in config.track_files:
        lines += [
            f" Track file = {file.name}",
            f"   File = {file.file}",
            f"   Status = {status.files.get(file.name, 0)}",
            *_instances(config, "files", file.name),
        ]
    lines += ["------< VRRP Track processes >------"] if config.track_processes else []
    for process in config.track_processes:
        lines += _process(process, config, status)
    return lines


def _script(one: VrrpScript, config: Config, status: VrrpRoleStatus) -> list[str]:
    seen = status.scripts.get(one.name)
    up = seen.up if seen is not None else None
    return [
        f" VRRP Script = {one.name}",
        f"   Command = {words.command(one.script)}",
        f"   Interval = {one.interval:g} sec",
        f"   Timeout = {0 if one.timeout == one.interval else one.timeout:g} sec",
        f"   Rise = {one.rise}",
        f"   Fall = {one.fall}",
        f"   Result = {seen.result if seen is not None else 0}",
        "   Insecure = no",
        f"   Init state = {'failed' if one.init_fail else 'unknown'}",
        f"   Status = {'INIT' if up is None else 'GOOD' if up else 'BAD'}",
        f"   Script uid:gid = {one.script.uid}:{one.script.gid}",
        *_instances(config, "scripts", one.name),
        f"   State = {'running' if seen is not None and seen.running else 'idle'}",
    ]


def _process(one: TrackProcess, config: Config, status: VrrpRoleStatus) -> list[str]:
    seen = status.processes.get(one.name)
    return [
        f" VRRP Track process = {one.name}",
        f"   Process = {one.process}",
        f"   Min processes = {one.quorum}",
        *([f"   Max processes = {one.quorum_max}"] if one.quorum_max < 65535 else []),
        f"   Current processes = {seen.count if seen is not None else 0}",
        f"   Have quorum = {words.truth(seen is not None and seen.up)}",
        f"   Terminate delay = {one.terminate_delay:.6f}s",
        f"   Fork delay = {one.fork_delay:.6f}s",
        f"   Full command = {words.truth(one.full_command)}",
        *_instances(config, "processes", one.name),
    ]


def _instances(config: Config, kind: str, name: str) -> list[str]:
    found = [
        f"     {conf.name}, weight {weight_of(one)}"
        for conf in config.vrrp_instances
        for one in _lines(conf.tracking, kind)
        if one.name == name
    ]
    return ["   Tracking instances :", *found] if found else []


def _lines(tracking: object, kind: str) -> Iterable[Tracked]:
    lines: tuple[Tracked, ...] = getattr(tracking, kind)
    return lines


def weight_of(one: Tracked) -> str:
    return f"{one.weight}{' reverse' if one.reverse else ''}"
