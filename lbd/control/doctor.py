# SPDX-License-Identifier: Apache-2.0
"""What keeps a machine from doing what its configuration asks of it: facts in, sentences with what to do out. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping

import msgspec

from lbd.kernel.abilities import Memory, Tables
from lbd.kernel.setting_table import CHANGED, TABLE, Place, Row
from lbd.kernel.settings import Setting
from lbd.model import Config, ForwardingMethod, RealServer, VirtualServer

EAL_MIB = 256
"""What the dataplane takes of huge pages, where there are so many; see ``daemon.dp``."""
LEAST_MIB = 700
"""Its tables and buffers with one worker, in ordinary memory."""
NEIGHBOURS_BESIDE = 512
"""Clients on the link, gateways and whoever else the kernel talks to, beside the real servers."""
LEAST_MTU6 = 1280
"""RFC 8200 section 5."""


class State(enum.Enum):
    FINE = "fine"
    NOTE = "note"
    """lbd works; somebody should know."""
    FAULT = "fault"


class Finding(msgspec.Struct, frozen=True):
    subject: str
    state: State
    text: str
    """A sentence, and after a colon or semicolon what to do."""


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration asks of its machine."""

    balances: bool = False
    servers4: int = 0
    servers6: int = 0
    nat4: bool = False
    nat6: bool = False
    direct: frozenset[str] = frozenset()
    """Virtual addresses with a DR server."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Facts. A complaint is a phrase, or empty where there is none."""

    capabilities: tuple[str, ...] = ()
    """Those that are missing."""
    packets: str = ""
    guard: str = ""
    """Of nft and the kernel about the guard's table."""
    owner: str = ""
    """About the same table with an owner."""
    tap: str = ""
    dpdk: str = ""
    memory: Memory = Memory(0, 0)
    tables: Tables = Tables()
    settings: Mapping[str, str] = {}
    """Of every row that the machine has."""
    changed: tuple[Setting, ...] = ()
    """By an lbd that runs."""
    running: bool = False
    warnings: tuple[str, ...] = ()
    """What the dataplane that runs has to say."""


def needs_of(config: Config) -> Needs:
    reals = [real for service in config.virtual_servers for real in _servers(service)]
    four = {r.address for r in reals if ":" not in r.address}
    six = {r.address for r in reals if ":" in r.address}
    nat = [r.address for r in reals if r.method is ForwardingMethod.NAT]
    return Needs(
        balances=bool(config.virtual_servers),
        servers4=len(four),
        servers6=len(six),
        nat4=any(":" not in address for address in nat),
        nat6=any(":" in address for address in nat),
        direct=frozenset(
            address.address
            for service in config.virtual_servers
            if any(real.method is ForwardingMethod.DR for real in service.real_servers)
            for address in service.addresses
        ),
    )


def _servers(service: VirtualServer) -> tuple[RealServer, ...]:
    return (*service.real_servers, *([service.sorry_server] if service.sorry_server else []))


def examine(machine: Machine, needs: Needs) -> tuple[Finding, ...]:
    """In the order in which somebody would put things right."""
    return (
        *_process(machine),
        *(_dataplane(machine) if needs.balances else ()),
        *_links(machine, needs),
        *_relied_on(machine, needs),
        *_changed(machine),
        *(Finding("dataplane", State.NOTE, text) for text in machine.warnings),
    )


def _process(machine: Machine) -> Iterator[Finding]:
    if machine.capabilities:
        lacking = " and ".join(machine.capabilities)
        yield Finding("capabilities", State.FAULT, f"this process lacks {lacking}: run lbd and this as root")
    else:
        yield Finding("capabilities", State.FINE, "addresses, packet sockets and nftables may be changed")


def _dataplane(machine: Machine) -> Iterator[Finding]:
    if machine.dpdk:
        text = f"the fastpath cannot be loaded ({machine.dpdk}): install libdpdk-dev and build lbd again"
        yield Finding("libdpdk", State.FAULT, text)
    else:
        yield Finding("libdpdk", State.FINE, "the fastpath can be loaded")
    if machine.packets:
        text = f"there can be no packet socket ({machine.packets}): a shared port needs CAP_NET_RAW and CONFIG_PACKET"
        yield Finding("packet sockets", State.FAULT, text)
    yield _guard(machine)
    if machine.tap:
        yield Finding("lbd0", State.FAULT, f"the way back to the kernel cannot be made: {machine.tap}")
    else:
        yield Finding("lbd0", State.FINE, "a TAP can be made for the way back to the kernel")
    yield _memory(machine.memory, machine.running)


def _guard(machine: Machine) -> Finding:
    if machine.guard:
        return Finding(
            "nftables",
            State.FAULT,
            f"the guard is refused ({machine.guard}), so the kernel would answer for balanced ports as well: "
            "install nftables 0.9.9 or later, and a kernel with CONFIG_NF_TABLES_NETDEV, NFT_FIB_NETDEV and "
            "NETFILTER_INGRESS",
        )
    if machine.owner:
        return Finding(
            "nftables",
            State.NOTE,
            f"the guard can stand, but not as a table with an owner ({machine.owner}): whoever flushes the ruleset "
            "takes it for some milliseconds; Linux 5.12 and nft 0.9.9 have such tables",
        )
    return Finding("nftables", State.FINE, "the guard can stand, and outlives nft flush ruleset")


def _memory(memory: Memory, running: bool) -> Finding:
    if running:
        return Finding("memory", State.FINE, "the dataplane has what it needs")
    if memory.huge_free * 2 >= EAL_MIB and memory.available >= LEAST_MIB:
        return Finding("memory", State.FINE, f"{memory.huge_free} MiB of huge pages are free")
    if memory.available < LEAST_MIB:
        text = f"{memory.available} MiB are available and the dataplane takes about {LEAST_MIB}: give it more"
        return Finding("memory", State.FAULT, text)
    return Finding(
        "memory",
        State.NOTE,
        f"{memory.huge_free} MiB of huge pages are free: ordinary memory is used, which is slower with many "
        f"connections; sysctl -w vm.nr_hugepages={EAL_MIB // 2} gives it huge ones",
    )


def _links(machine: Machine, needs: Needs) -> Iterator[Finding]:
    ports = [x for x in machine.tables.links if x.ethernet and x.up and x.name != "lbd0"]
    if not ports and needs.balances:
        yield Finding("ports", State.FAULT, "no Ethernet interface is up: nothing can be balanced")
        return
    sizes: dict[int, list[str]] = {}
    for link in ports:
        sizes.setdefault(link.mtu, []).append(link.name)
        if needs.servers6 and link.mtu < LEAST_MTU6:
            yield Finding("MTU", State.FAULT, f"{link.name} has an MTU of {link.mtu}: no IPv6 works on it")
    if len(sizes) > 1:
        listed = "; ".join(f"{mtu}: {', '.join(sorted(names)[:5])}" for mtu, names in sorted(sizes.items()))
        text = f"ports have different MTUs ({listed}): longer packets are fragmented, or their senders told"
        yield Finding("MTU", State.NOTE, text)
    elif sizes:
        yield Finding("MTU", State.FINE, f"every port has an MTU of {next(iter(sizes))}")


def _relied_on(machine: Machine, needs: Needs) -> Iterator[Finding]:
    here = _places(machine, needs)
    for row in TABLE:
        if row.place in CHANGED or row.place not in here:
            continue
        wanted = _scaled(row, needs)
        name = row.name()
        value = machine.settings.get(name)
        if value is None:
            if row.at_least:
                text = (
                    f"cannot be seen from this network namespace, it belongs to the first one: {row.reason}"
                )
                yield Finding(name, State.NOTE, text)
        elif wanted.holds(value):
            yield Finding(name, State.FINE, f"is {value}: {row.reason}")
        else:
            text = f"is {value} and should be {wanted.value}{' or more' if row.at_least else ''}: {wanted.otherwise}"
            yield Finding(name, State.NOTE, text)


def _scaled(row: Row, needs: Needs) -> Row:
    """As many neighbours as there are real servers, and the others."""
    servers = {Place.SERVERS: needs.servers4, Place.SERVERS6: needs.servers6}.get(row.place, 0)
    if not row.at_least or not servers:
        return row
    least = max(int(row.value), servers + NEIGHBOURS_BESIDE)
    return msgspec.structs.replace(
        row, value=str(least), otherwise=row.otherwise.replace("…", str(2 * least))
    )


def _places(machine: Machine, needs: Needs) -> frozenset[Place]:
    asked = {
        Place.NAT: needs.nat4,
        Place.NAT6: needs.nat6,
        Place.SERVERS: needs.servers4,
        Place.SERVERS6: needs.servers6,
        Place.LOOPBACK: {a for a in needs.direct & machine.tables.on_loopback if ":" not in a},
    }
    return frozenset(place for place, answer in asked.items() if answer)


def _changed(machine: Machine) -> Iterator[Finding]:
    for one in machine.changed:
        now = machine.settings.get(one.name)
        if now is None:
            yield Finding(one.name, State.NOTE, f"is gone with its interface: {one.reason}")
        elif now.split() == one.value.split():
            text = f"was set to {one.value} by lbd, and will be {one.before} again: {one.reason}"
            yield Finding(one.name, State.FINE, text)
        else:
            text = f"is {now}; lbd had set it to {one.value}, and somebody has changed it since: {one.reason}"
            yield Finding(one.name, State.NOTE, text)
