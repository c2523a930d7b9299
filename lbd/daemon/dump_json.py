# SPDX-License-Identifier: Apache-2.0
"""keepalived.json (version 1): an array of ``{"data": …, "stats": …}``, with keepalived's names and numbers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from lbd.daemon.dump_text import AUTHENTICATION_ERRORS, MASKED, PACKET_ERRORS, Pair
from lbd.daemon.dump_words import address, command, route, rule
from lbd.model import Authentication, Config, Notify, TrackProcess
from lbd.model.status import ProcessStatus, VrrpRoleStatus

UNLIMITED = 65535
STATES = {"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3, "DELETED": 97, "STOP": 98}
AUTH_TYPES = {Authentication.NONE: 0, Authentication.PASS: 1, Authentication.AH: 2}
_ERRORS = dict(
    zip(
        (
            "packet_len_err",
            "ip_ttl_err",
            "invalid_type_rcvd",
            "advert_interval_err",
            "addr_list_err",
            "invalid_authtype",
            "authtype_mismatch",
            "auth_failure",
        ),
        (reason for _, reason in (*PACKET_ERRORS, *AUTHENTICATION_ERRORS)),
        strict=True,
    )
)


def rendered(config: Config, status: VrrpRoleStatus | None, pairs: Iterable[Pair]) -> str:
    """json_version 2 is an object that has the instances under ``vrrp``, and beside them tracked processes."""
    commands = {one.name: command(one.script) for one in config.vrrp_scripts}
    programs = {one.name: one.process for one in config.track_processes}
    instances = [{"data": _data(pair, commands, programs), "stats": _stats(pair)} for pair in pairs]
    dump: Any = instances
    if config.global_defs.json_version == "2":
        dump = {"vrrp": instances}
        if config.track_processes:
            seen = status.processes if status is not None else {}
            dump["track_process"] = [_process(one, seen.get(one.name)) for one in config.track_processes]
    return json.dumps(dump, separators=(",", ":")).replace("/", "\\/") + "\n"


def _process(one: TrackProcess, seen: ProcessStatus | None) -> dict[str, Any]:
    found: dict[str, Any] = {"process": one.process}
    if one.parameters:
        found["parameters"] = " ".join(one.parameters)
    found |= {"param_match": one.param_match or "none", "min_processes": one.quorum}
    if one.quorum_max < UNLIMITED:
        found["max_processes"] = one.quorum_max
    return found | {
        "current_processes": seen.count if seen else 0,
        "have_quorum": bool(seen and seen.up),
        "terminate_delay": _number(one.terminate_delay),
        "fork_delay": _number(one.fork_delay),
        "full_command": one.full_command,
    }


def _data(pair: Pair, commands: dict[str, str], programs: dict[str, str]) -> dict[str, Any]:
    conf, status = pair
    held = status.state == "MASTER"
    return {
        "iname": conf.name,
        "dont_track_primary": int(conf.dont_track_primary),
        "skip_check_adv_addr": int(conf.skip_check_adv_addr),
        "strict_mode": int(conf.strict_mode),
        "vmac_ifname": (conf.use_vmac.name or "") if conf.use_vmac else "",
        "ifp_ifname": conf.interface,
        "master_priority": 0,
        "last_transition": round(time.time() - status.since, 6),
        "garp_delay": _number(conf.garp_master_delay),
        "garp_refresh": _number(conf.garp_master_refresh),
        "garp_rep": conf.garp_master_repeat,
        "garp_refresh_rep": conf.garp_master_refresh_repeat,
        "garp_lower_prio_delay": _number(conf.garp_lower_prio_delay),
        "garp_lower_prio_rep": conf.garp_lower_prio_repeat,
        "lower_prio_no_advert": int(conf.lower_prio_no_advert),
        "higher_prio_send_advert": int(conf.higher_prio_send_advert),
        "vrid": conf.virtual_router_id,
        "base_priority": conf.priority,
        "effective_priority": status.effective_priority,
        "vipset": held,
        "promote_secondaries": conf.promote_secondaries,
        "adver_int": _number(conf.advert_int),
        "master_adver_int": _number(status.master_adver_int or conf.advert_int),
        "accept": int(conf.accept),
        "nopreempt": conf.nopreempt,
        "preempt_delay": _number(conf.preempt_delay),
        "state": STATES[status.state],
        "wantstate": STATES[status.state],
        "version": conf.version,
        "smtp_alert": conf.notify.smtp_alert,
        "notify_deleted": conf.notify.deleted,
        **_scripts(conf.notify),
        **(
            {"vips": [address(one, held) for one in conf.virtual_ipaddress]} if conf.virtual_ipaddress else {}
        ),
        **_excluded(pair),
        **_routed(pair),
        **_tracked(pair, commands, programs),
        "auth_type": AUTH_TYPES[conf.auth_type],
        **({"auth_data": MASKED} if conf.auth_type is not Authentication.NONE else {}),
    }


def _number(value: float) -> int | float:
    """Whole numbers without a point, as keepalived prints them."""
    return int(value) if value == int(value) else value


def _scripts(notify: Notify) -> dict[str, str]:
    named = {
        "script_backup": notify.notify_backup,
        "script_master": notify.notify_master,
        "script_fault": notify.notify_fault,
        "script_stop": notify.notify_stop,
        "script_deleted": notify.notify_deleted,
        "script": notify.notify,
        "script_master_rx_lower_pri": notify.notify_master_rx_lower_pri,
    }
    return {name: command(script) for name, script in named.items() if script is not None}


def _excluded(pair: Pair) -> dict[str, list[str]]:
    conf, status = pair
    excluded = [address(one, status.state == "MASTER") for one in conf.virtual_ipaddress_excluded]
    return {"evips": excluded} if excluded else {}


def _routed(pair: Pair) -> dict[str, list[str]]:
    conf, _ = pair
    found = {
        "vroutes": [route(one) for one in conf.virtual_routes],
        "vrules": [rule(one) for one in conf.virtual_rules],
    }
    return {name: values for name, values in found.items() if values}


def _tracked(pair: Pair, commands: dict[str, str], programs: dict[str, str]) -> dict[str, list[str]]:
    conf, _ = pair
    interfaces = [one.interface for one in conf.track_interface]
    scripts = [commands.get(one.name, one.name) for one in conf.tracking.scripts]
    processes = [programs.get(one.name, one.name) for one in conf.tracking.processes]
    found = {"track_ifp": interfaces, "track_script": scripts, "track_process": processes}
    return {name: values for name, values in found.items() if values}


def _stats(pair: Pair) -> dict[str, int]:
    status = pair[1]
    return {
        "advert_rcvd": status.adverts_received,
        "advert_sent": status.adverts_sent,
        "become_master": status.became_master,
        "release_master": status.released_master,
        "packet_len_err": status.errors.get(_ERRORS["packet_len_err"], 0),
        "advert_interval_err": status.errors.get(_ERRORS["advert_interval_err"], 0),
        "ip_ttl_err": status.errors.get(_ERRORS["ip_ttl_err"], 0),
        "invalid_type_rcvd": status.errors.get(_ERRORS["invalid_type_rcvd"], 0),
        "addr_list_err": status.errors.get(_ERRORS["addr_list_err"], 0),
        "invalid_authtype": status.errors.get(_ERRORS["invalid_authtype"], 0),
        "authtype_mismatch": status.errors.get(_ERRORS["authtype_mismatch"], 0),
        "auth_failure": status.errors.get(_ERRORS["auth_failure"], 0),
        "pri_zero_rcvd": status.zero_received,
        "pri_zero_sent": status.zero_sent,
    }
