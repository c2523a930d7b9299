# SPDX-License-Identifier: Apache-2.0
"""What a virtual_server says of scheduling, persistence and DPVS's features: the fields that stand for themselves."""

from __future__ import annotations

import math
from collections.abc import Collection
from ipaddress import IPv4Address, ip_network
from typing import Any

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.confparser.diagnostics import closest
from lbd.model import Match, Protocol

_PERSISTENCE_TIMEOUT = 360
"""IPVS's default (ip_vs.h), of a bare persistence_timeout."""
FLAG_OF = {
    "hashed": ("sh", "mh"),
    "sh-port": ("sh",),
    "sh-fallback": ("sh",),
    "mh-port": ("mh",),
    "mh-fallback": ("mh",),
}
_RAW = ("flag-1", "flag-2", "flag-3")
_SAME = ("snmp_name", "vip_bind_dev", "persistence_engine")
_SWITCHES = ("alpha", "omega", "ha_suspend", "syn_proxy", "expire_quiescent_conn", "quic")
_PROXY = {"v1": ("v1", False), "v2": ("v2", False), "v1-insecure": ("v1", True), "v2-insecure": ("v2", True)}
_HASHED = ("sip", "qid")
_TABLED = ("sh", "dh", "mh")
_LARGEST_MH = 131071
"""Of CONFIG_IP_VS_MH_TAB_INDEX 17."""


def _prime_below(n: int) -> int:
    """The largest prime that is not larger."""
    return next(p for p in range(n, 1, -1) if all(p % d for d in range(2, math.isqrt(p) + 1)))


class Words:
    def __init__(self, item: Item, name: str, protocol: Protocol, context: Context) -> None:
        self._item, self._name, self._protocol = item, name, protocol
        self._context, self._report = context, context.report

    def build(self, ipv6: bool, *, all_ports: bool) -> dict[str, Any]:
        """``all_ports``: the service is for port 0, which keepalived allows to persistent ones only."""
        item = self._item
        found: dict[str, Any] = {n: said.value for n in _SAME if (said := item.last(n)) is not None}
        found |= {n: item.last(n) is not None for n in _SWITCHES}
        found["flags"] = self._flags()
        found["table_size"] = self._table_size()
        found["ops"] = self._ops()
        found["delay_loop"] = item.get("delay_loop", 60.0)
        found["establish_timeout"] = self._establish_timeout()
        found["match"] = self.match()
        return found | self._persistence(ipv6, all_ports) | self._limits() | self._proxy() | self._groups()

    def _flags(self) -> tuple[str, ...]:
        """``sh-port`` and its kin belong to their scheduler, and stand after it."""
        algo = ""
        flags: dict[str, None] = {}
        for item in self._item.items or ():
            if item.name in ("lb_algo", "lvs_sched"):
                algo = item.value
            elif item.name in FLAG_OF and algo not in FLAG_OF[item.name]:
                only = " and ".join(FLAG_OF[item.name])
                message = f"{item.name} applies to the scheduler {only} only, after lb_algo: ignored"
                self._report.add("LB0419", message, item.node.place())
            elif item.name in _RAW or (item.name in FLAG_OF and item.name != "hashed"):
                flags[item.name] = None
        return tuple(flags)

    def _table_size(self) -> int:
        """A prime for mh, as far as IPVS may be built; a power of two for sh and dh. Others are rounded down."""
        item = self._item.last("table_size")
        if item is None:
            return 0
        said = self._item.last("lb_algo", "lvs_sched")
        algo = said.value if said is not None else ""
        if algo not in _TABLED:
            message = f"{item.name} applies to the schedulers {', '.join(_TABLED)} only: ignored"
            self._report.add("LB0419", message, item.node.place())
            return 0
        fits = _prime_below(min(item.value, _LARGEST_MH)) if algo == "mh" else 1 << item.value.bit_length() - 1
        if fits != item.value:
            self._report.add("LB0202", f"{item.name} {item.value}: {fits} is used", item.node.place(1))
        return int(fits)

    def _ops(self) -> bool:
        ops = self._item.last("ops")
        if ops is not None and self._protocol is not Protocol.UDP:
            self._report.add("LB0417", "one-packet scheduling requires UDP: ignored", ops.node.place())
            return False
        return ops is not None

    def _persistence(self, ipv6: bool, all_ports: bool) -> dict[str, Any]:
        """A mask alone makes a service persistent, and so does port 0."""
        said = self._item.last("persistence_timeout")
        granularity = self._item.last("persistence_granularity")
        mask = self._mask(granularity, ipv6) if granularity is not None else b""
        timeout = 0
        if said is not None:
            timeout = _PERSISTENCE_TIMEOUT if said.value is None else said.value
        elif mask:
            timeout = _PERSISTENCE_TIMEOUT
        if all_ports and not timeout:
            message = f"{self._name}: port 0 is only valid for persistent services: persistence is assumed"
            self._report.add("LB0418", message, self._item.node.place(0, min(1, len(self._item.node.words) - 1)))
            timeout = _PERSISTENCE_TIMEOUT
        return {"persistence_timeout": timeout, "persistence_granularity": mask}

    def _mask(self, item: Item, ipv6: bool) -> bytes:
        """A netmask for IPv4 (holes are allowed, as in IPVS), the length of a prefix for IPv6."""
        text: str = item.value
        if ipv6 and text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= 128:
            return ip_network(("::", int(text))).netmask.packed
        if not ipv6:
            try:
                return IPv4Address(text).packed
            except ValueError:
                pass
        expected = "a prefix length 1–128" if ipv6 else "a netmask such as 255.255.255.0"
        message = f"persistence_granularity: '{text}' is not {expected}"
        self._report.add("LB0201", message, item.node.place(1), expected=expected)
        return b""

    def _establish_timeout(self) -> int:
        """DPVS clamps to 1–3600 s; 0 is the dataplane's own."""
        item = self._item.last("establish_timeout")
        if item is None or item.value == 0:
            return 0
        return self._clamped(item, 1, 3600)

    def _clamped(self, item: Item, low: int, high: int) -> int:
        given: int = item.value
        clamped = min(high, max(low, given))
        if clamped != given:
            self._report.add("LB0202", f"{item.name} {given}: {clamped} is used", item.node.place(1))
        return clamped

    def _limits(self) -> dict[str, Any]:
        """DPVS reads any number; what no packet can mean is put right."""
        found: dict[str, Any] = {}
        for name, low, high in (("bps", 0, (1 << 31) - 1), ("limit_proportion", 0, 100)):
            if (item := self._item.last(name)) is not None:
                found[name] = self._clamped(item, low, high)
        if (item := self._item.last("hash_target")) is not None:
            found["hash_target"] = self._one_of(item, item.value, _HASHED) or "sip"
        return found

    def _proxy(self) -> dict[str, Any]:
        item = self._item.last("proxy_protocol")
        if item is None:
            return {}
        chosen = self._one_of(item, str(item.value).lower(), tuple(_PROXY))
        if chosen is None:
            return {}
        version, insecure = _PROXY[chosen]
        return {"proxy_protocol": version, "proxy_protocol_insecure": insecure}

    def _one_of(self, item: Item, value: str, known: tuple[str, ...]) -> str | None:
        """DPVS takes an unknown word for none, in silence."""
        if value in known:
            return value
        message = f"{item.name}: '{item.value}' is not one of {', '.join(known)}: ignored"
        self._report.add("LB0205", message, item.node.place(1), suggestion=closest(value, known))
        return None

    def _groups(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        known: Collection[str]
        for name, known in (
            ("daddr_group_name", self._context.deny_groups),
            ("waddr_group_name", self._context.allow_groups),
        ):
            item = self._item.last(name)
            if item is None:
                continue
            if item.value in known:
                found[name] = item.value
                continue
            message = f"{self._name}: there is no group '{item.value}' for {name}: ignored"
            self._report.add("LB0425", message, item.node.place(1), suggestion=closest(item.value, list(known)))
        return found

    def match(self) -> Match | None:
        """Of ``virtual_server match``; None for any other."""
        if self._item.value.match is None:
            return None
        said = {name: self._item.get(name) for name in ("src-range", "dst-range", "iif", "oif")}
        return Match(source=said["src-range"], destination=said["dst-range"], iif=said["iif"], oif=said["oif"])
