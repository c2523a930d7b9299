# SPDX-License-Identifier: Apache-2.0
"""The next hop as the kernel would choose it: its routing rules and every table that they name, as one value. Pure.

ip-rule(8) and ip-route(8); the order of questions is that of fib_rules_lookup() and fib_table_lookup() of Linux: rules
by priority, in a table the longest prefix that has a path alive, of equal prefixes the lowest metric. What no table
answers goes on to the next rule, and so does ``throw``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from math import gcd
from typing import Any

import msgspec

from lbd.kernel.values import NOWHERE, Link, Path, Route

ACTIONS = {1: "table", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
"""FR_ACT_* of linux/fib_rules.h."""
FIB_RULE_INVERT = 0x2
NO_SUPPRESSION = 0xFFFFFFFF
BITS = {4: 32, 6: 128}

Prefix = tuple[int, int]
"""Network as a number, and length."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """None is anything."""

    family: int
    priority: int
    action: str
    table: int = 0
    goto: int = 0
    """Priority of the rule to go on with."""
    invert: bool = False
    source: Prefix | None = None
    destination: Prefix | None = None
    iif: str | None = None
    oif: str | None = None
    mark: int = 0
    mask: int = 0
    tos: int = 0
    protocol: int | None = None
    sport: tuple[int, int] | None = None
    dport: tuple[int, int] | None = None
    uids: tuple[int, int] | None = None
    tunnel: int = 0
    l3mdev: bool = False
    """The table is that of the VRF in which the packet is."""
    suppress_length: int | None = None
    """Answers by prefixes of at most this length do not count."""
    suppress_group: int | None = None
    """Nor do those by interfaces of this group."""


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A packet, as far as the choice of its way asks."""

    destination: str
    source: str
    iif: str = "lo"
    """``lo`` for what this machine sends itself."""
    oif: str = ""
    mark: int = 0
    protocol: int = 0
    sport: int = 0
    dport: int = 0
    tos: int = 0


class Hop(msgspec.Struct, frozen=True):
    """kind: as Route's, or ``none`` where nothing has an answer."""

    kind: str
    paths: tuple[Path, ...] = ()
    """One is chosen, by weight."""
    source: str | None = None
    table: int = 0


NONE = Hop("none")
Table = Mapping[Prefix, tuple[Route, ...]]


class Device(msgspec.Struct, frozen=True):
    """Of an interface, what rules ask. vrf: the table of the VRF that it is, or is in; 0: none."""

    name: str
    group: int = 0
    vrf: int = 0


class Policy(msgspec.Struct, frozen=True):
    """Equal ones choose equally."""

    rules: tuple[Rule, ...] = ()
    """By family and priority."""
    tables: Mapping[tuple[int, int], Table] = {}
    """By family and number; of a prefix the best route first."""
    devices: Mapping[int, Device] = {}

    def next_hop(self, flow: Flow) -> Hop:
        """What ``ip route get`` would say, with all of its paths."""
        family = ip_address(flow.destination).version
        target, source = int(ip_address(flow.destination)), int(ip_address(flow.source))
        devices = {device.name: device for device in self.devices.values()}
        least = 0
        for rule in self.rules:
            if rule.family != family or rule.priority < least or not _means(rule, flow, target, source):
                continue
            if rule.action == "goto":
                least = rule.goto if any(r.priority == rule.goto for r in self.rules) else least
            elif rule.action in NOWHERE:
                return Hop(rule.action)
            elif rule.action == "table":
                number = _vrf(devices, flow) if rule.l3mdev else rule.table
                found = self._look(rule, self.tables.get((family, number), {}), target, family, flow)
                if found is not None:
                    return found
        return NONE

    def _look(self, rule: Rule, table: Table, target: int, family: int, flow: Flow) -> Hop | None:
        for length in range(BITS[family], -1, -1):
            routes = table.get((_cut(target, length, family), length), ())
            for route in routes:
                paths = self._paths(route, flow)
                if paths is None:
                    continue
                if route.kind == "throw" or self._suppressed(rule, route):
                    return None
                return Hop(route.kind, paths, route.source, route.table)
        return None

    def _paths(self, route: Route, flow: Flow) -> tuple[Path, ...] | None:
        """Those that the packet may take; None where none is left."""
        if not flow.oif or not (route.paths or ":" in route.address):
            return route.paths  # a way to nowhere has an interface (lo) only in IPv6
        return tuple(p for p in route.paths if self._name(p) == flow.oif) or None

    def _name(self, path: Path) -> str:
        device = self.devices.get(path.ifindex)
        return device.name if device else ""

    def _suppressed(self, rule: Rule, route: Route) -> bool:
        """Ways to nowhere are answers that nothing suppresses (fib_rules_lookup)."""
        if route.kind in NOWHERE:
            return False
        if rule.suppress_length is not None and route.length <= rule.suppress_length:
            return True
        if rule.suppress_group is None or not route.paths:
            return False
        device = self.devices.get(route.paths[0].ifindex)
        return device is not None and device.group == rule.suppress_group

    def beyond_main(self) -> tuple[Rule, ...]:
        """Rules that a fresh machine has not: what only looks at the tables main and default does not follow them."""
        return tuple(r for r in self.rules if r != _fresh(r.family, r.priority, r.table))


def words(rule: Rule) -> str:
    """As ip-rule(8) shows it, in short: enough to find it."""
    of = {4: IPv4Address, 6: IPv6Address}[rule.family]
    said = [f"ip {'-6 ' if rule.family == 6 else ''}rule {rule.priority}:", "not" if rule.invert else ""]
    for name, prefix in (("from", rule.source), ("to", rule.destination)):
        said.append(f"{name} {of(prefix[0])}/{prefix[1]}" if prefix else "")
    said += [f"{name} {value}" for name, value in (("iif", rule.iif), ("oif", rule.oif)) if value]
    said.append(f"fwmark {rule.mark:#x}/{rule.mask:#x}" if rule.mask else "")
    said.append(
        "l3mdev" if rule.l3mdev else f"lookup {rule.table}" if rule.action == "table" else rule.action
    )
    return " ".join(word for word in said if word)


def _fresh(family: int, priority: int, table: int) -> Rule | None:
    tables = {0: 255, 32766: 254, 32767: 253}
    if tables.get(priority) != table or (family == 6 and priority == 32767):
        return None
    return Rule(family=family, priority=priority, action="table", table=table)


def _cut(number: int, length: int, family: int) -> int:
    bits = BITS[family] - length
    return number >> bits << bits


def _vrf(devices: Mapping[str, Device], flow: Flow) -> int:
    device = devices.get(flow.oif or flow.iif)
    return device.vrf if device else 0


def _means(rule: Rule, flow: Flow, target: int, source: int) -> bool:
    return _meant(rule, flow, target, source) != rule.invert


def _meant(rule: Rule, flow: Flow, target: int, source: int) -> bool:
    """A forwarded packet has the user id 0 and is in no tunnel."""
    asked = (
        rule.iif in (None, flow.iif),
        rule.oif in (None, flow.oif),
        (rule.mark ^ flow.mark) & rule.mask == 0,
        rule.tunnel == 0,
        rule.uids is None or rule.uids[0] == 0,
        rule.tos in (0, flow.tos),
        rule.protocol in (None, flow.protocol),
        rule.sport is None or rule.sport[0] <= flow.sport <= rule.sport[1],
        rule.dport is None or rule.dport[0] <= flow.dport <= rule.dport[1],
        _in(target, rule.destination, rule.family),
        _in(source, rule.source, rule.family),
    )
    return all(asked)


def _in(number: int, prefix: Prefix | None, family: int) -> bool:
    return prefix is None or _cut(number, prefix[1], family) == prefix[0]


def weighted(paths: tuple[Path, ...], places: int = 8) -> tuple[Path, ...]:
    """Each path as often as its weight asks, in as few places as say it exactly, or in all where more would be needed.

    Who takes a place by a hash of the packet then takes a path by its weight (RFC 2992, hash-threshold). Each path has
    a place, as long as there are places; with 8 of them a share is wrong by a sixteenth at most.

    >>> [p.ifindex for p in weighted((Path(2, None, 2), Path(3, None, 4)))]
    [2, 3, 3]
    """
    if len(paths) < 2:
        return paths
    paths = paths[:places]
    common = gcd(*(path.weight for path in paths))
    total = sum(path.weight for path in paths) // common
    if total <= places:
        shares = [path.weight // common for path in paths]
    else:
        exact = [path.weight / common * places / total for path in paths]
        shares = [max(1, int(share)) for share in exact]
        while sum(shares) != places:
            step = 1 if sum(shares) < places else -1
            able = [n for n in range(len(paths)) if shares[n] + step > 0]
            shares[max(able, key=lambda n: step * (exact[n] - shares[n]))] += step
    return tuple(path for path, share in zip(paths, shares, strict=True) for _ in range(share))


# --- from the kernel


def rule_of(message: Any) -> Rule | None:
    """None for what no unicast packet asks (a bridge's, multicast's)."""
    family = {2: 4, 10: 6}.get(message["family"])
    action = ACTIONS.get(message["action"])
    if family is None or action is None:
        return None

    def prefix(name: str, length: int) -> Prefix | None:
        text = message.get_attr(name)
        if not length:
            return None
        network = ip_network((text or ("0.0.0.0" if family == 4 else "::"), length), strict=False)
        return int(network.network_address), length

    def span(name: str) -> tuple[int, int] | None:
        value = message.get_attr(name)  # "80:90"
        if value is None:
            return None
        low, _, high = value.partition(":")
        return int(low), int(high)

    def suppression(name: str) -> int | None:
        value = message.get_attr(name)
        return None if value in (None, NO_SUPPRESSION, -1) else int(value)

    mark = message.get_attr("FRA_FWMARK") or 0
    mask = message.get_attr("FRA_FWMASK")
    return Rule(
        family=family,
        priority=message.get_attr("FRA_PRIORITY") or 0,
        action=action,
        table=message.get_attr("FRA_TABLE") or message["table"],
        goto=message.get_attr("FRA_GOTO") or 0,
        invert=bool(message["flags"] & FIB_RULE_INVERT),
        source=prefix("FRA_SRC", message["src_len"]),
        destination=prefix("FRA_DST", message["dst_len"]),
        iif=message.get_attr("FRA_IIFNAME"),
        oif=message.get_attr("FRA_OIFNAME"),
        mark=mark,
        mask=(0xFFFFFFFF if mark else 0) if mask is None else mask,
        tos=message["tos"],
        protocol=message.get_attr("FRA_IP_PROTO"),
        sport=span("FRA_SPORT_RANGE"),
        dport=span("FRA_DPORT_RANGE"),
        uids=span("FRA_UID_RANGE"),
        tunnel=message.get_attr("FRA_TUN_ID") or 0,
        l3mdev=bool(message.get_attr("FRA_L3MDEV")),
        suppress_length=suppression("FRA_SUPPRESS_PREFIXLEN"),
        suppress_group=suppression("FRA_SUPPRESS_IFGROUP"),
    )


def devices(links: Mapping[int, Link]) -> dict[int, Device]:
    """By ifindex; an interface in a VRF has the table of that."""
    found = {}
    for index, link in links.items():
        master = links.get(link.master, link)
        found[index] = Device(link.name, link.group, link.vrf or master.vrf)
    return found


def policy(rules: Iterable[Rule], routes: Iterable[Route], of: Mapping[int, Device]) -> Policy:
    """Rules of equal priority stay in the order in which the kernel told them."""
    tables: dict[tuple[int, int], dict[Prefix, list[Route]]] = {}
    for route in sorted(routes, key=lambda r: r.metric):
        number = ip_address(route.address)
        table = tables.setdefault((number.version, route.table), {})
        _enter(table.setdefault((int(number), route.length), []), route, number.version)
    return Policy(
        tuple(sorted(rules, key=lambda r: (r.family, r.priority))),
        {key: {prefix: tuple(held) for prefix, held in table.items()} for key, table in tables.items()},
        dict(of),
    )


def _enter(held: list[Route], route: Route, family: int) -> None:
    """IPv6 routes of equal metric are paths of one."""
    for n, known in enumerate(held):
        if family == 6 and known.metric == route.metric and known.kind == route.kind == "unicast":
            more = tuple(p for p in route.paths if p not in known.paths)
            held[n] = msgspec.structs.replace(known, paths=known.paths + more)
            return
    held.append(route)
