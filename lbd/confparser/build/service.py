# SPDX-License-Identifier: Apache-2.0
"""virtual_server: keepalived's defaults and completion checks (check_data.c, validate_check_config)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lbd.confparser.addresses import ServiceHead
from lbd.confparser.build import kinds
from lbd.confparser.build.checks import Inherited, Known
from lbd.confparser.build.context import Context
from lbd.confparser.build.global_defs import Defaults
from lbd.confparser.build.servers import Above, Servers
from lbd.confparser.build.telling import Teller
from lbd.confparser.check import Item
from lbd.model import (
    ForwardingMethod,
    LocalAddressGroup,
    Protocol,
    RealServer,
    ServiceAddress,
    VirtualServer,
)
from lbd.model.net import is_ipv6

Groups = Mapping[str, Sequence[tuple[str, int]]]
LocalGroups = Mapping[str, LocalAddressGroup]


@dataclass(frozen=True, slots=True)
class Around:
    """What virtual servers get from elsewhere in the file."""

    groups: Groups
    local: LocalGroups
    defaults: Defaults
    known: Known
    teller: Teller


def build(items: Sequence[Item], around: Around, context: Context) -> tuple[VirtualServer, ...]:
    found: list[VirtualServer] = []
    taken: dict[ServiceAddress, str] = {}
    for item in items:
        try:
            service = _Service(item, around, context).build()
        except kinds.UnsupportedError:
            continue
        if service is None:
            continue
        twice = next((address for address in service.addresses if address in taken), None)
        if twice is not None:
            # keepalived keeps both and the kernel refuses the second.
            message = f"the service {twice} is given twice: this one is left out"
            context.report.add("LB0422", message, item.node.place(1, len(item.node.words) - 1))
            continue
        taken.update((address, service.name) for address in service.addresses)
        found.append(service)
    return tuple(found)


class _Service:
    """One virtual_server being put together."""

    def __init__(self, item: Item, around: Around, context: Context) -> None:
        self._item = item
        self._head: ServiceHead = item.value
        self._around = around
        self._groups = around.groups
        self._local = around.local
        self._context = context
        self._report = context.report
        self._place = item.node.place(1, len(item.node.words) - 1) if len(item.node.words) > 1 else item.node.place()

    def build(self) -> VirtualServer | None:
        """None where it is left out. Raises UnsupportedError for the same, already said."""
        protocol = self._protocol()
        name = self._name(protocol)
        addresses = self._addresses(protocol, name)
        if addresses is None:
            return None
        lb_algo = self._scheduler(name)
        method = self._method(name)
        self._family(addresses, name)
        servers = Servers(self._above(addresses, method), self._around.known, self._around.teller, self._context)
        reals = servers.real_servers(self._item)
        if not reals:
            code = "LB0416" if servers.unsupported else "LB0401"
            self._report.add(code, f"virtual server {name} has no real servers: it is left out", self._place)
            return None
        laddr_group_name = self._local_addresses(method, reals, name)
        sorry_server, sorry_inhibit = servers.sorry_server(self._item)
        quorum, hysteresis = self._quorum(reals, name)
        item = self._item
        return VirtualServer(
            name=name,
            addresses=self._served(addresses, reals, name),
            protocol=protocol,
            lb_algo=lb_algo,
            real_servers=reals,
            laddr_group_name=laddr_group_name,
            sorry_server=sorry_server,
            sorry_server_inhibit=sorry_inhibit,
            quorum=quorum,
            hysteresis=hysteresis,
            alpha=item.last("alpha") is not None,
            omega=item.last("omega") is not None,
            delay_loop=item.get("delay_loop", 60.0),
            establish_timeout=self._establish_timeout(),
            quorum_up=self._around.known.commands.of(item, "quorum_up"),
            quorum_down=self._around.known.commands.of(item, "quorum_down"),
            smtp_alert=self._around.teller.alert(item, "smtp_alert_checker", otherwise=False),
            ha_suspend=item.last("ha_suspend") is not None,
        )

    def _protocol(self) -> Protocol:
        """Raises UnsupportedError."""
        item = self._item.last("protocol")
        if item is None:
            if self._head.fwmark is None:
                self._report.add("LB0404", f"{self._title()}: no protocol set: UDP is used", self._place)
            return Protocol.UDP
        if self._head.fwmark is not None:
            message = f"{self._title()}: protocol is ignored for a firewall mark"
            self._report.add("LB0421", message, item.node.place())
        if item.value not in ("TCP", "UDP"):
            message = f"protocol {item.value} is not there yet: the virtual server is left out"
            self._report.add("LB0424", message, item.node.place(1), expected="TCP or UDP")
            raise kinds.UnsupportedError
        return Protocol(item.value)

    def _title(self) -> str:
        return f"virtual server {' '.join(self._item.node.words[1:])}"

    def _name(self, protocol: Protocol) -> str:
        """keepalived's own: ``[10.0.0.1]:tcp:80``."""
        if self._head.group is not None:
            return self._head.group
        where = self._head.endpoint
        return "" if where is None else f"[{where.address}]:{protocol.value.lower()}:{where.port or 0}"

    def _addresses(self, protocol: Protocol, name: str) -> tuple[ServiceAddress, ...] | None:
        if self._head.group is not None:
            entries = self._groups.get(name)
            if entries is None:
                message = f"there is no virtual_server_group '{name}': the virtual server is left out"
                self._report.add("LB0410", message, self._place)
                return None
            return tuple(ServiceAddress(address, port, protocol) for address, port in entries) or None
        where = self._head.endpoint
        if where is None:
            what = "by firewall mark" if self._head.fwmark is not None else "by match"
            message = f"a virtual server {what} is not there yet: it is left out"
            self._report.add("LB0416", message, self._place)
            return None
        if self._head.ranged:
            message = f"a virtual_server has one address: {where.address} is used"
            self._report.add("LB0108", message, self._place, expected="virtual_server_group for a range")
        if not where.port:
            self._all_ports(name)
            return None
        return (ServiceAddress(where.address, where.port, protocol),)

    def _all_ports(self, name: str) -> None:
        if self._item.last("persistence_timeout", "persistence_granularity") is None:
            message = f"{name}: port 0 is only valid for persistent services: persistence is assumed"
            self._report.add("LB0418", message, self._place)
        message = f"{name}: a service for all ports is not there yet: it is left out"
        self._report.add("LB0416", message, self._place)

    def _scheduler(self, name: str) -> str:
        found: str | None = None
        for item in self._item.all("lb_algo", "lvs_sched"):
            found = kinds.scheduler(item, found, self._context)
        if found is None:
            message = f"{name}: no lb_algo set: {kinds.DEFAULT_SCHEDULER} is used"
            self._report.add("LB0402", message, self._place)
        self._flags()
        return found or kinds.DEFAULT_SCHEDULER

    def _flags(self) -> None:
        """``sh-port`` and its kin belong to their scheduler, and stand after it."""
        algo = ""
        for item in self._item.items or ():
            if item.name in ("lb_algo", "lvs_sched"):
                algo = item.value
            elif item.name in _FLAG_OF and algo not in _FLAG_OF[item.name]:
                only = " and ".join(_FLAG_OF[item.name])
                message = f"{item.name} applies to the scheduler {only} only, after lb_algo: ignored"
                self._report.add("LB0419", message, item.node.place())
        ops = self._item.last("ops")
        protocol = self._item.get("protocol", "UDP")
        if ops is not None and protocol != "UDP":
            self._report.add("LB0417", "one-packet scheduling requires UDP: ignored", ops.node.place())

    def _method(self, name: str) -> ForwardingMethod:
        """Raises UnsupportedError."""
        found: ForwardingMethod | None = None
        for item in self._item.all("lb_kind", "lvs_method"):
            found = kinds.method(item, self._context) or found
        if found is None:
            self._report.add("LB0403", f"{name}: no lb_kind set: NAT is used", self._place)
        return found or ForwardingMethod.NAT

    def _family(self, addresses: Sequence[ServiceAddress], name: str) -> None:
        item = self._item.last("ip_family")
        if item is not None and is_ipv6(addresses[0].address) != (item.value == "inet6"):
            message = f"{name}: the addresses are not of family {item.value}: ignored"
            self._report.add("LB0423", message, item.node.place(1))

    def _above(self, addresses: Sequence[ServiceAddress], method: ForwardingMethod) -> Above:
        """What real servers inherit."""
        ports = {address.port for address in addresses}
        item = self._item
        return Above(
            families=frozenset(is_ipv6(address.address) for address in addresses),
            port=ports.pop() if len(ports) == 1 else 0,
            method=method,
            weight=item.get("weight", 1),
            inhibit=item.last("inhibit_on_failure") is not None,
            checks=Inherited(log_all_failures=self._around.defaults.log_all_failures).under(item),
        )

    def _local_addresses(self, method: ForwardingMethod, reals: Sequence[RealServer], name: str) -> str | None:
        """FullNAT needs a source address of the real server's family. Raises UnsupportedError."""
        item = self._item.last("laddr_group_name")
        fullnat = [real for real in reals if real.method is ForwardingMethod.FNAT]
        if not fullnat and method is not ForwardingMethod.FNAT:
            if item is not None:
                message = f"{name}: laddr_group_name is for lb_kind FNAT: ignored"
                self._report.add("LB0116", message, item.node.place())
            return None
        if item is None:
            kind = self._item.last("lb_kind", "lvs_method")
            place = kind.node.place(1) if kind is not None else self._place
            message = f"{name}: FNAT needs local addresses: the virtual server is left out"
            self._report.add("LB0411", message, place, expected="laddr_group_name NAME of a local_address_group")
            raise kinds.UnsupportedError
        group: str = item.value
        ranges = self._local[group].ranges if group in self._local else ()
        families = {is_ipv6(found.first) for found in ranges}
        lacking = next((real for real in fullnat if is_ipv6(real.address) not in families), None)
        if group not in self._local or lacking is not None:
            what = f"has no address of the family of {lacking}" if group in self._local else "is not defined"
            message = f"{name}: local_address_group '{group}' {what}: the virtual server is left out"
            self._report.add("LB0411", message, item.node.place(1))
            raise kinds.UnsupportedError
        return group

    def _quorum(self, reals: Sequence[RealServer], name: str) -> tuple[int, int]:
        item = self._item.last("quorum")
        quorum: int = 1 if item is None else item.value
        total = sum(real.weight for real in reals)
        if quorum > total:
            place = self._place if item is None else item.node.place(1)
            message = f"{name}: quorum {quorum} exceeds the total weight {total}: reduced to {total}"
            self._report.add("LB0405", message, place)
            quorum = total
        hysteresis_item = self._item.last("hysteresis")
        hysteresis: int = 0 if hysteresis_item is None else hysteresis_item.value
        if hysteresis_item is not None and hysteresis and hysteresis >= quorum:
            lowered = max(0, quorum - 1)
            message = f"{name}: hysteresis {hysteresis} is not below quorum {quorum}: {lowered} is used"
            self._report.add("LB0406", message, hysteresis_item.node.place(1))
            hysteresis = lowered
        return quorum, hysteresis

    def _served(
        self, addresses: tuple[ServiceAddress, ...], reals: Sequence[RealServer], name: str
    ) -> tuple[ServiceAddress, ...]:
        """A group may mix families; one without a server of its own is not served."""
        families = {is_ipv6(real.address) for real in reals}
        served = tuple(address for address in addresses if is_ipv6(address.address) in families)
        if len(served) < len(addresses):
            message = f"{name}: no real server is of the family of some addresses: those are left out"
            self._report.add("LB0410", message, self._place)
        return served

    def _establish_timeout(self) -> int:
        """DPVS clamps to 1–3600 s; 0 is the dataplane's own."""
        item = self._item.last("establish_timeout")
        if item is None or item.value == 0:
            return 0
        given: int = item.value
        clamped = min(3600, max(1, given))
        if clamped != given:
            self._report.add("LB0202", f"establish_timeout {given}: {clamped} is used", item.node.place(1))
        return clamped


_FLAG_OF = {
    "hashed": ("sh", "mh"),
    "sh-port": ("sh",),
    "sh-fallback": ("sh",),
    "mh-port": ("mh",),
    "mh-fallback": ("mh",),
}


