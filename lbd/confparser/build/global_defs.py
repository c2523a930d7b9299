# SPDX-License-Identifier: Apache-2.0
"""global_defs: the model's part of it, and the defaults that VRRP instances and checks inherit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lbd.confparser.build.context import Context
from lbd.confparser.build.merged import Merged
from lbd.confparser.check import Item
from lbd.confparser.values import RefusedError, convert_int
from lbd.confparser.virtual_lines import ExtraGarp
from lbd.model import GlobalDefs, Telling

_MAX_TIMEOUT = 2678400
"""31 days: the kernel's limit for lvs_timeouts (ip_vs.h)."""


_BY_HAND = ("router_id", "telling", "instance")
"""Fields that several words fill, or none of their name."""


_OLD_NAMES = {"vrrp_rlimit_rtime": "vrrp_rlimit_rttime", "lvs_process_name": "checker_process_name"}


@dataclass(frozen=True, slots=True)
class Defaults:
    vrrp_version: int = 2
    garp_master_delay: int = 5
    garp_master_repeat: int = 5
    garp_master_refresh: int = 0
    garp_master_refresh_repeat: int = 1
    garp_lower_prio_delay: int | None = None
    garp_lower_prio_repeat: int | None = None
    down_timer_adverts: int = 3
    lower_prio_no_advert: bool = False
    higher_prio_send_advert: bool = False
    v3_checksum_as_v2: bool = False
    skip_check_adv_addr: bool = False
    owner_ignore_adverts: bool = False
    check_unicast_src: bool = False
    strict_mode: bool = False
    mcast_group4: str | None = None
    mcast_group6: str | None = None
    extra: ExtraGarp = ExtraGarp(0, False)
    """vrrp_garp_extra_if."""
    log_all_failures: bool = False


def repeat_at_least_one(item: Item, context: Context) -> int:
    """garp_master_repeat and garp_master_refresh_repeat: 0 becomes 1, with a message."""
    if item.value == 0:
        context.report.add("LB0202", f"{item.name} cannot be 0: 1 is used", item.node.place(1))
        return 1
    number: int = item.value
    return number


def build(merged: Merged, telling: Telling, context: Context) -> tuple[GlobalDefs, Defaults]:
    return _globals(merged, telling, context), _defaults(merged, context)


def _globals(merged: Merged, telling: Telling, context: Context) -> GlobalDefs:
    router_id = merged.get("router_id", "")
    timeouts: dict[str, int] = {}
    item = merged.last("lvs_timeouts")
    if item is not None:
        timeouts = _timeouts(item, context)
    return GlobalDefs(
        router_id=str(router_id),
        telling=telling,
        lvs_timeout_tcp=timeouts.get("tcp", 0),
        lvs_timeout_tcpfin=timeouts.get("tcpfin", 0),
        lvs_timeout_udp=timeouts.get("udp", 0),
        **_said(merged),
    )


def _said(merged: Merged) -> dict[str, Any]:
    """Words that fill the field of their own name as they stand; a flag is True where it is said."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(GlobalDefs):
        item = merged.last(field.name)
        if item is not None and field.name not in _BY_HAND:
            found[field.name] = item.value if item.value is not None else field.default
    for old, name in _OLD_NAMES.items():
        if (item := merged.last(old)) is not None:
            found.setdefault(name, item.value)
    return found


def _timeouts(item: Item, context: Context) -> dict[str, int]:
    """``lvs_timeouts tcp 900 tcpfin 60 udp 120``, any of them in any order."""
    found: dict[str, int] = {}
    words: tuple[str, ...] = item.value
    number = convert_int(0, _MAX_TIMEOUT)
    for index in range(0, len(words), 2):
        name = words[index]
        if name not in ("tcp", "tcpfin", "udp"):
            message = f"lvs_timeouts: unknown option '{name}'"
            context.report.add("LB0201", message, item.node.place(index + 1), expected="tcp, tcpfin or udp")
            break
        if index + 1 == len(words):
            context.report.add("LB0110", f"lvs_timeouts {name} needs a value", item.node.place(index + 2))
            break
        try:
            found[name] = number(words[index + 1])
        except RefusedError as error:
            message = f"lvs_timeouts {name}: {error}"
            place = item.node.place(index + 2)
            context.report.add("LB0201", message, place, expected=f"seconds 0–{_MAX_TIMEOUT}")
    return found


def _defaults(merged: Merged, context: Context) -> Defaults:
    found: dict[str, object] = {}
    for name in (
        "garp_master_delay",
        "garp_master_refresh",
        "garp_lower_prio_delay",
        "garp_lower_prio_repeat",
        "down_timer_adverts",
        "lower_prio_no_advert",
        "higher_prio_send_advert",
        "skip_check_adv_addr",
        "owner_ignore_adverts",
        "mcast_group4",
        "mcast_group6",
    ):
        if (item := merged.last(f"vrrp_{name}")) is not None:
            found[name] = item.value
    for name in ("garp_master_repeat", "garp_master_refresh_repeat"):
        if (item := merged.last(f"vrrp_{name}")) is not None:
            found[name] = repeat_at_least_one(item, context)
    if merged.get("vrrp_min_garp"):
        # One message and no second burst, for every cause.
        found |= {
            "garp_master_repeat": 1,
            "garp_master_delay": 0,
            "garp_lower_prio_repeat": 1,
            "garp_lower_prio_delay": 0,
        }
    extra = merged.last("vrrp_garp_extra_if") or merged.last("vrrp_vmac_garp_intvl")
    if extra is not None:
        found["extra"] = extra.value
    version = merged.get("vrrp_version")
    return Defaults(
        vrrp_version=2 if version is None else int(str(version)),
        check_unicast_src=merged.last("vrrp_check_unicast_src") is not None,
        strict_mode=bool(merged.get("vrrp_strict")),
        v3_checksum_as_v2=bool(merged.get("v3_checksum_as_v2")),
        log_all_failures=bool(merged.get("checker_log_all_failures")),
        **found,  # type: ignore[arg-type]
    )
