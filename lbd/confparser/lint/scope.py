# SPDX-License-Identifier: Apache-2.0
"""The items of a configuration, sorted as the rules want them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from lbd.confparser.check import Item
from lbd.model.net import parsed

Remark = tuple[Item, str]
"""Where, and what."""
Rule = Callable[["Scope"], Iterable[Remark]]
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

Networks = Mapping[str, Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]]
"""The subnets of each interface of this machine."""

CHECKS = (
    "TCP_CHECK", "HTTP_GET", "SSL_GET", "UDP_CHECK", "SMTP_CHECK", "DNS_CHECK", "MISC_CHECK", "PING_CHECK",
    "FILE_CHECK", "BFD_CHECK",
)  # fmt: skip


def registry() -> tuple[dict[str, Rule], Callable[[str], Callable[[Rule], Rule]]]:
    """The rules of one module by code, and the decorator that adds one."""
    rules: dict[str, Rule] = {}

    def rule(code: str) -> Callable[[Rule], Rule]:
        def add(function: Rule) -> Rule:
            if code in rules:
                raise ValueError(f"{code} has two rules")
            rules[code] = function
            return function

        return add

    return rules, rule


def address_of(item: Item) -> IPAddress | None:
    """The address that a line begins with (an entry), or that its keyword has."""
    words = item.node.words if item.row is None else item.node.words[1:]
    try:
        return parsed(words[0].partition("/")[0]) if words else None
    except ValueError:
        return None


class Scope:
    def __init__(self, items: Sequence[Item], networks: Networks | None = None) -> None:
        self.items = items
        self.networks = networks or {}

    def blocks(self, *names: str) -> Iterator[Item]:
        return (item for item in self.items if item.name in names)

    @cached_property
    def globals(self) -> list[Item]:
        """What stands in all global_defs blocks."""
        return [inner for item in self.blocks("global_defs") for inner in item.items or ()]

    def global_(self, *names: str) -> Item | None:
        return next((item for item in reversed(self.globals) if item.name in names), None)

    @cached_property
    def instances(self) -> list[Item]:
        return list(self.blocks("vrrp_instance"))

    @cached_property
    def by_name(self) -> dict[str, Item]:
        return {item.node.words[1]: item for item in self.instances if len(item.node.words) > 1}

    @cached_property
    def services(self) -> list[Item]:
        return list(self.blocks("virtual_server"))

    @cached_property
    def virtual_addresses(self) -> list[tuple[Item, Item, IPAddress]]:
        """Instance, line and address of everything that VRRP moves."""
        return [
            (instance, line, address)
            for instance in self.instances
            for block in ("virtual_ipaddress", "virtual_ipaddress_excluded")
            for line in instance.entries(block)
            if (address := address_of(line)) is not None
        ]

    @cached_property
    def moved(self) -> set[IPAddress]:
        return {address for _, _, address in self.virtual_addresses}

    def real_servers(self) -> Iterator[tuple[Item, Item]]:
        """Virtual server and real server."""
        return ((service, real) for service in self.services for real in service.all("real_server"))

    def checks(self, *kinds: str) -> Iterator[tuple[Item, Item, Item]]:
        """Virtual server, real server and check."""
        for service, real in self.real_servers():
            for check in real.all(*(kinds or CHECKS)):
                yield service, real, check


def port_of(real: Item, service: Item) -> int:
    """Of a real server; without one of its own it has the virtual server's."""
    own = getattr(real.value, "port", None)
    endpoint = getattr(service.value, "endpoint", None)
    return int(own if own is not None else getattr(endpoint, "port", None) or 0)


def inherited(name: str, default: float, *levels: Item) -> float:
    """A number from the innermost level that says it."""
    for level in levels:
        value = level.get(name)
        if isinstance(value, (int, float)):
            return float(value)
    return default
