# SPDX-License-Identifier: Apache-2.0
"""virtual_server: keepalived's defaults and completion checks (check_data.c, validate_check_config)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lbd.confparser.addresses import ServiceHead
from lbd.confparser.build import kinds
from lbd.confparser.build.checks import Inherited, Known
from lbd.confparser.build.context import Context
from lbd.confparser.build.global_defs import Defaults
from lbd.confparser.build.groups import Entries
from lbd.confparser.build.kinds import Method
from lbd.confparser.build.servers import Above, Servers
from lbd.confparser.build.service_words import Words
from lbd.confparser.build.telling import Teller
from lbd.confparser.check import Item
from lbd.confparser.schema import Status
from lbd.confparser.schema.service import SERVICE_FORMS as FORMS
from lbd.model import (
    FirewallMark,
    ForwardingMethod,
    LocalAddressGroup,
    Protocol,
    RealServer,
    ServiceAddress,
    VirtualServer,
)
from lbd.model.net import is_ipv6

Groups = Mapping[str, Entries]
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


@dataclass(frozen=True, slots=True)
class _Found:
    """What a service is reached by."""

    addresses: tuple[ServiceAddress, ...]
    marks: tuple[FirewallMark, ...]

    @property
    def families(self) -> frozenset[bool]:
        """True for IPv6."""
        return frozenset(
            {is_ipv6(address.address) for address in self.addresses} | {mark.family == "inet6" for mark in self.marks}
        )


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
        self._form()
        name = self._name(protocol)
        found = self._found(protocol, name)
        if found is None:
            return None
        lb_algo = self._scheduler(name)
        method = self._method(name)
        self._family(found, name)
        servers = Servers(self._above(found, method), self._around.known, self._around.teller, self._context)
        reals = servers.real_servers(self._item)
        if not reals:
            code = "LB0416" if servers.unsupported else "LB0401"
            self._report.add(code, f"virtual server {name} has no real servers: it is left out", self._place)
            return None
        laddr_group_name = self._local_addresses(method.method, reals, name)
        sorry_server, sorry_inhibit = servers.sorry_server(self._item)
        quorum, hysteresis = self._quorum(reals, name)
        item, commands = self._item, self._around.known.commands
        words = Words(item, name, protocol, self._context)
        portless = protocol in (Protocol.ICMP, Protocol.ICMPV6)
        all_ports = not portless and any(not address.port for address in found.addresses)
        return VirtualServer(
            name=name,
            addresses=self._served(found.addresses, reals, name),
            fwmarks=found.marks,
            protocol=protocol,
            lb_algo=lb_algo,
            real_servers=reals,
            laddr_group_name=laddr_group_name,
            sorry_server=sorry_server,
            sorry_server_inhibit=sorry_inhibit,
            quorum=quorum,
            hysteresis=hysteresis,
            quorum_up=commands.of(item, "quorum_up"),
            quorum_down=commands.of(item, "quorum_down"),
            smtp_alert=self._around.teller.alert(item, "smtp_alert_checker", otherwise=False),
            **words.build(True in found.families, all_ports=all_ports),
        )

    def _form(self) -> None:
        """Raises UnsupportedError for a kind of service that is not there yet."""
        head = self._head
        form = "fwmark" if head.fwmark is not None else "match" if head.match is not None else ""
        if form and FORMS[form].status is not Status.WORKS:
            what = "by firewall mark" if form == "fwmark" else "by match"
            message = f"a virtual server {what} is not there yet: {FORMS[form].consequence}"
            self._report.add("LB0416", message, self._place)
            raise kinds.UnsupportedError

    def _protocol(self) -> Protocol:
        item = self._item.last("protocol")
        if item is None:
            if self._head.fwmark is None:
                self._report.add("LB0404", f"{self._title()}: no protocol set: UDP is used", self._place)
            return Protocol.UDP
        if self._head.fwmark is not None:
            message = f"{self._title()}: protocol is ignored for a firewall mark"
            self._report.add("LB0421", message, item.node.place())
        return Protocol(item.value)

    def _title(self) -> str:
        return f"virtual server {' '.join(self._item.node.words[1:])}"

    def _name(self, protocol: Protocol) -> str:
        """keepalived's own: ``[10.0.0.1]:tcp:80``, ``FWM 5`` or the name of the group."""
        head = self._head
        if head.fwmark is not None:
            return f"FWM {head.fwmark}"
        where = head.endpoint
        if where is None:
            return head.group or head.match or ""
        return f"[{where.address}]:{protocol.value.lower()}:{where.port or 0}"

    def _found(self, protocol: Protocol, name: str) -> _Found | None:
        """Where clients come to. None where that is nowhere, which is said."""
        head = self._head
        if head.group is not None:
            return self._of_group(protocol, head.group)
        if head.fwmark is not None:
            family = self._item.get("ip_family") or self._family_of_servers()
            return _Found((), (FirewallMark(head.fwmark, family),))
        where = head.endpoint
        if where is None:
            return _Found((), ())
        if head.ranged:
            message = f"a virtual_server has one address: {where.address} is used"
            self._report.add("LB0108", message, self._place, expected="virtual_server_group for a range")
        return _Found((ServiceAddress(where.address, where.port or 0, protocol),), ())

    def _of_group(self, protocol: Protocol, name: str) -> _Found | None:
        entries = self._groups.get(name)
        if entries is None:
            message = f"there is no virtual_server_group '{name}': the virtual server is left out"
            self._report.add("LB0410", message, self._place)
            return None
        addresses = tuple(ServiceAddress(address, port, protocol) for address, port in entries.addresses)
        family = self._item.get("ip_family") or self._family_of_servers()
        marks = tuple(FirewallMark(mark.mark, mark.family or family) for mark in entries.marks)
        return _Found(addresses, marks) if addresses or marks else None

    def _family_of_servers(self) -> str:
        """Of a firewall mark that names none: that of the first server."""
        first = next(self._item.all("real_server"), None)
        return "inet6" if first is not None and is_ipv6(first.value.address) else "inet"

    def _scheduler(self, name: str) -> str:
        found: str | None = None
        for item in self._item.all("lb_algo", "lvs_sched"):
            found = kinds.scheduler(item, found, self._context)
        if found is None:
            message = f"{name}: no lb_algo set: {kinds.DEFAULT_SCHEDULER} is used"
            self._report.add("LB0402", message, self._place)
        return found or kinds.DEFAULT_SCHEDULER

    def _method(self, name: str) -> Method:
        """Raises UnsupportedError."""
        found: Method | None = None
        if self._head.match is not None:
            found = Method(ForwardingMethod.SNAT)
        for item in self._item.all("lb_kind", "lvs_method"):
            found = kinds.method(item, self._context, by_match=self._head.match is not None) or found
        if found is None:
            self._report.add("LB0403", f"{name}: no lb_kind set: NAT is used", self._place)
        return found or Method(ForwardingMethod.NAT)

    def _family(self, found: _Found, name: str) -> None:
        item = self._item.last("ip_family")
        if item is not None and (item.value == "inet6") not in found.families:
            message = f"{name}: the addresses are not of family {item.value}: ignored"
            self._report.add("LB0423", message, item.node.place(1))

    def _above(self, found: _Found, method: Method) -> Above:
        """What real servers inherit."""
        ports = {address.port for address in found.addresses}
        item = self._item
        return Above(
            families=found.families or frozenset((True, False)),
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
        if any(real.method is ForwardingMethod.TUN for real in reals):
            return addresses  # what is wrapped may be of the other family
        families = {is_ipv6(real.address) for real in reals}
        served = tuple(address for address in addresses if is_ipv6(address.address) in families)
        if len(served) < len(addresses):
            message = f"{name}: no real server is of the family of some addresses: those are left out"
            self._report.add("LB0410", message, self._place)
        return served
