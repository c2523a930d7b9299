# SPDX-License-Identifier: Apache-2.0
"""real_server and sorry_server under one virtual_server."""

from __future__ import annotations

from dataclasses import dataclass

from lbd.confparser.addresses import Endpoint
from lbd.confparser.build import kinds
from lbd.confparser.build.checks import Checks, Inherited, Known
from lbd.confparser.build.context import Context
from lbd.confparser.build.kinds import Method
from lbd.confparser.build.telling import Teller
from lbd.confparser.check import Item
from lbd.model import ForwardingMethod, RealServer
from lbd.model.net import is_ipv6


_SAME_PORT = (ForwardingMethod.DR, ForwardingMethod.TUN)
"""The server sees the packet as the client sent it."""


@dataclass(frozen=True, slots=True)
class Above:
    """What a real server gets from its virtual server."""

    families: frozenset[bool]
    """True for IPv6."""
    port: int
    """0 where the virtual server has addresses with different ports."""
    method: Method
    weight: int
    inhibit: bool
    checks: Inherited


class Servers:
    def __init__(self, above: Above, known: Known, teller: Teller, context: Context) -> None:
        self._above = above
        self._known, self._teller = known, teller
        self._context = context
        self._report = context.report
        self.unsupported = 0
        """Servers that were left out because this version cannot forward to them."""

    def real_servers(self, service: Item) -> tuple[RealServer, ...]:
        """In the order of the file. Duplicates, other families and methods not there yet are left out."""
        found: dict[tuple[str, int], RealServer] = {}
        for item in service.all("real_server"):
            try:
                server = self._real_server(item)
            except kinds.UnsupportedError:
                self.unsupported += 1
                continue
            if server is None:
                continue
            key = (server.address, server.port)
            if key in found:
                place = item.node.place(1, len(item.node.words) - 1)
                self._report.add("LB0407", f"real server {server} is given twice: the first counts", place)
                continue
            found[key] = server
        return tuple(found.values())

    def _real_server(self, item: Item) -> RealServer | None:
        """None where it is left out. Raises UnsupportedError for the same."""
        where: Endpoint = item.value
        above = self._above
        chosen = above.method
        for kind in item.all("lvs_method"):
            chosen = kinds.method(kind, self._context, by_match=self._by_match()) or chosen
        method = chosen.method
        if is_ipv6(where.address) not in above.families and method is not ForwardingMethod.TUN:
            message = f"real server {where.address} is not of the family of the virtual server: left out"
            self._report.add("LB0409", message, item.node.place(1))
            return None
        port = self._port(item, where, method)
        inherited = above.checks.under(item)
        return RealServer(
            address=where.address,
            port=port,
            weight=item.get("weight", above.weight),
            method=method,
            tunnel=chosen.tunnel,
            inhibit_on_failure=item.get("inhibit_on_failure", above.inhibit),
            checks=Checks(where.address, port, inherited, self._known, self._context).build(item.items or ()),
            uthreshold=item.get("uthreshold", 0),
            lthreshold=item.get("lthreshold", 0),
            notify_up=self._known.commands.of(item, "notify_up"),
            notify_down=self._known.commands.of(item, "notify_down"),
            snmp_name=item.get("snmp_name"),
            smtp_alert=self._teller.alert(item, "smtp_alert_checker", otherwise=self._teller.mails),
        )

    def _port(self, item: Item, where: Endpoint, method: ForwardingMethod, place: int = 2) -> int:
        """DR does not change the packet, so its port is the service's."""
        if where.port is None or (method in _SAME_PORT and where.port == 0):
            return self._above.port
        if method in _SAME_PORT and self._above.port and where.port != self._above.port:
            message = f"{item.name} {where.address}: {method.value} cannot change the port: {self._above.port} is used"
            self._report.add("LB0408", message, item.node.place(place))
            return self._above.port
        return where.port

    def sorry_server(self, service: Item) -> tuple[RealServer | None, bool]:
        """``sorry_server_inhibit`` and ``sorry_server_lvs_method`` only count after ``sorry_server``."""
        item: Item | None = None
        chosen = self._above.method
        inhibit = False
        for inner in service.items or ():
            if inner.name == "sorry_server":
                item = inner
            elif inner.name in ("sorry_server_inhibit", "sorry_server_lvs_method") and item is None:
                message = f"{inner.name} before or without sorry_server: ignored"
                self._report.add("LB0420", message, inner.node.place())
            elif inner.name == "sorry_server_inhibit":
                inhibit = True
            elif inner.name == "sorry_server_lvs_method":
                chosen = self._sorry_method(inner) or chosen
        if item is None:
            return None, False
        where: Endpoint = item.value
        if is_ipv6(where.address) not in self._above.families and chosen.method is not ForwardingMethod.TUN:
            message = f"sorry_server {where.address} is not of the family of the virtual server: left out"
            self._report.add("LB0409", message, item.node.place(1))
            return None, False
        port = self._port(item, where, chosen.method)
        server = RealServer(address=where.address, port=port, method=chosen.method, tunnel=chosen.tunnel)
        return server, inhibit

    def _by_match(self) -> bool:
        return self._above.method.method is ForwardingMethod.SNAT

    def _sorry_method(self, item: Item) -> Method | None:
        try:
            return kinds.method(item, self._context, by_match=self._by_match())
        except kinds.UnsupportedError:
            return None
