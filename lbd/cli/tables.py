# SPDX-License-Identifier: Apache-2.0
"""The overview as tables for a person (rich leaves colour away where no terminal is)."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lbd.cli.status import Overview, Real, Service
from lbd.fastpath.api import Counters, Status

_STATE = {"MASTER": "bold green", "BACKUP": "cyan", "FAULT": "bold red"}


def console() -> Console:
    """On a pipe as wide as the tables want: what is cut off there is lost for grep."""
    shown = Console(highlight=False)
    return shown if shown.is_terminal else Console(highlight=False, width=200)


def overview(value: Overview) -> RenderableType:
    parts: list[RenderableType] = [_processes(value)]
    if value.vrrp:
        parts.append(_vrrp(value))
    if value.services:
        parts.append(services(value.services))
    if value.dataplane:
        parts.append(_dataplane(value.dataplane))
    return Group(*parts)


def _processes(value: Overview) -> Text:
    text = Text("lbd")
    for role, state in value.processes.items():
        good = state == "running"
        text.append(f"   {role} ")
        text.append(f"{state} (PID {value.pids[role]})" if good else state, "green" if good else "yellow")
    return text


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name != "why")
    return table


def _vrrp(value: Overview) -> Table:
    table = _table(
        "VRRP",
        "state",
        "for",
        "interface",
        "VRID",
        "priority",
        "addresses",
        "lease",
        "why",
        right=("VRID", "priority"),
    )
    for one in value.vrrp:
        changed = "" if one.effective_priority == one.priority else f" (of {one.priority})"
        table.add_row(
            one.name,
            Text(one.state, _STATE.get(one.state, "")),
            _duration(one.since),
            one.interface,
            str(one.virtual_router_id),
            f"{one.effective_priority}{changed}",
            " ".join(one.virtual_addresses),
            f"{one.lease:.3g} s" if one.lease else "",
            one.reason,
        )
    return table


def services(entries: tuple[Service, ...]) -> Table:
    numbers = ("weight", "conns", "active", "pkts in", "pkts out", "bytes in", "bytes out")
    table = _table("service / real server", "method", "state", *numbers, "why", right=numbers)
    for entry in entries:
        state, style = _service_state(entry)
        name = Text(f"{entry.address} {entry.lb_algo}".rstrip(), "bold")
        table.add_row(name, "", Text(state, style), "", *_numbers(entry.counters), "")
        for real in entry.real_servers:
            table.add_row(*_real(real))
    return table


def _service_state(entry: Service) -> tuple[str, str]:
    if entry.sorry:
        return "sorry server", "yellow"
    if not entry.quorum_up:
        return "no quorum", "red"
    if entry.claimed is None:
        return "no dataplane", "yellow"
    return ("serving", "green") if entry.claimed else ("standby", "cyan")


def _real(real: Real) -> list[str | Text]:
    host = f"[{real.address}]" if ":" in real.address else real.address
    weight = str(real.effective_weight)
    if real.effective_weight != real.weight:
        weight += f" (of {real.weight})"
    state = Text("up", "green") if real.healthy else Text("down", "red")
    return [f"  {host}:{real.port}", real.method or "", state, weight, *_numbers(real.counters), real.reason]


def _numbers(counters: Counters | None) -> list[str]:
    if counters is None:
        return [""] * 6
    c = counters
    values = (c.connections, c.active, c.in_packets, c.out_packets, c.in_bytes, c.out_bytes)
    return [_short(value) for value in values]


def _dataplane(status: Status) -> RenderableType:
    facts = Text(
        f"dataplane up {_duration(status.uptime)}, {status.connections} of {status.capacity} connections, "
        f"{status.mbufs_in_use} of {status.mbufs} buffers in use, guard {status.guard}\n"
    )
    facts.append(f"packets: rx {status.rx}, tx {status.tx}, originated {status.originated}\n")
    for what, counts in (("drops", status.drops), ("punts", status.punts), ("passed on", status.passes)):
        if counts:
            listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            facts.append(f"{what}: {listed}\n", "yellow" if what == "drops" else "")
    for text in status.warnings:
        facts.append(f"{text}\n", "yellow")
    for setting in status.settings:
        facts.append(f"setting changed: {setting}\n")
    return Group(facts, ports(status))


def ports(status: Status) -> Table:
    table = _table("port", "kind", "state", "rx", "tx", "tx failed", right=("rx", "tx", "tx failed"))
    for port in status.ports:
        state = Text("attached", "green") if port.attached else Text("waiting for the interface", "yellow")
        numbers = (_short(port.rx_packets), _short(port.tx_packets), _short(port.tx_failed))
        table.add_row(port.name, port.kind, state, *numbers)
    return table


def drops(status: Status) -> Table:
    table = _table("verdict", "name", "packets", right=("packets",))
    for what, counts in (("drop", status.drops), ("punt", status.punts), ("pass", status.passes)):
        for name, count in sorted(counts.items(), key=lambda item: -item[1]):
            table.add_row(what, name, str(count))
    return table


def _short(value: int) -> str:
    """ipvsadm's way: 12345, 123K, 12M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if value >= size * 100:
            return f"{value // size}{unit}"
    return str(value)


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    return (
        f"{whole // 3600}h {whole % 3600 // 60}m"
        if whole < 86400
        else f"{whole // 86400}d {whole % 86400 // 3600}h"
    )
