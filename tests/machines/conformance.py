# SPDX-License-Identifier: Apache-2.0
"""The conformance table of VRRP: what a router does when it is told so and hears this.

A case is a ``vrrp_instance`` and what a scripted peer says to it, in units of its advert interval. The same table is
run against the machine on a turned clock (``test_vrrp_conformance.py``) and, all cases side by side on one link,
against a running lbd and a running keepalived (``tests/smoke/test_vrrp_conformance.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lbd.model import VrrpInstance
from lbd.vrrp.advert import GROUP4, GROUP6, Datagram, Refusal
from lbd.vrrp.packet import Security
from tests.machines.wire import datagram

HIGH, LOW = "high", "low"
"""The peer's address is above or below the router's."""


@dataclass(frozen=True)
class Say:
    """An advert of the peer."""

    priority: int
    source: str = HIGH
    ttl: int = 255
    unicast: bool | None = None
    """None: as the router expects it."""
    change: Callable[[bytes], bytes] = bytes
    """What becomes of the sealed PDU on the way."""
    wall: float = 0.0
    """Seconds that the peer's clock is ahead."""
    again: bool = False
    """The very bytes that were sent last."""
    other: dict[str, Any] = field(default_factory=dict)
    """In what the peer's configuration differs from the router's."""


@dataclass(frozen=True)
class Hear:
    what: Say


@dataclass(frozen=True)
class Beat:
    """From now on, at once and then again after so many intervals."""

    what: Say
    every: float = 1.0


@dataclass(frozen=True)
class Silence:
    pass


@dataclass(frozen=True)
class Wait:
    intervals: float


@dataclass(frozen=True)
class Is:
    state: str


@dataclass(frozen=True)
class Mark:
    """Adverts and announcements are counted from here."""


@dataclass(frozen=True)
class Sent:
    least: int
    most: int
    priority: int | None = None


@dataclass(frozen=True)
class Told:
    """Gratuitous ARP or unsolicited neighbour advertisements for the virtual address."""

    least: int
    most: int


@dataclass(frozen=True)
class Refused:
    reason: Refusal


Step = Hear | Beat | Silence | Wait | Is | Mark | Sent | Told | Refused


@dataclass(frozen=True)
class Case:
    name: str
    rule: str
    """Who says so."""
    conf: str
    """Lines of the vrrp_instance beyond interface, VRID and addresses."""
    steps: tuple[Step, ...]
    family: int = 4
    machine: str = ""
    """Why no running router is asked; empty where they are."""
    since: str = ""
    """The keepalived that has it, where 2.2.7 has it not."""
    differs: str = ""
    """In what keepalived 2.2.7 does otherwise, and why lbd does not follow."""

    @property
    def interval(self) -> float:
        """Seconds."""
        return 1.0 if "version 2" in self.conf else 0.5


ROUTER = {4: "10.88.0.10", 6: "fe80::10"}
PEER = {(4, HIGH): "10.88.0.20", (4, LOW): "10.88.0.5", (6, HIGH): "fe80::20", (6, LOW): "fe80::5"}


def configuration(cases: Sequence[Case], *, only: Container[int] | None = None) -> str:
    """A keepalived.conf with an instance for each case: C1 with VRID 1, and so on. only: of these numbers."""
    numbered = enumerate(cases, 1)
    return "".join(_instance(case, number) for number, case in numbered if only is None or number in only)


def _instance(case: Case, number: int) -> str:
    """The addresses are told apart by the number."""
    conf = case.conf.replace("HIGH", PEER[case.family, HIGH])
    addresses = "\n".join(virtual_addresses(case.family, number))
    return (
        f"vrrp_instance C{number} {{\ninterface eth0\nvirtual_router_id {number}\n{conf}\n"
        f"virtual_ipaddress {{\n{addresses}\n}}\n}}\n"
    )


def virtual_addresses(family: int, number: int) -> list[str]:
    return [f"10.88.1.{number}"] if family == 4 else [f"fe80::88:{number:x}/64", f"fd88::{number:x}"]


class Speaker:
    """The peer of one case: what it says, as the bytes that a socket delivers."""

    def __init__(self, conf: VrrpInstance, family: int, wall: Callable[[], float]) -> None:
        self._conf, self._family, self._wall = conf, family, wall
        self._security = Security(lambda: self._wall() + self._ahead)
        self._ahead = 0.0
        self._last: Datagram | None = None

    def says(self, say: Say) -> Datagram:
        if say.again and self._last is not None:
            return self._last
        conf = self._configured(say.other)
        unicast = self._conf.is_unicast if say.unicast is None else say.unicast
        group = GROUP4 if self._family == 4 else GROUP6
        destination = ROUTER[self._family] if unicast else group
        self._ahead = say.wall
        source = PEER[self._family, say.source]
        self._last = datagram(
            conf, say.priority, source, destination, ttl=say.ttl, security=self._security, change=say.change
        )
        return self._last

    def _configured(self, changes: dict[str, Any]) -> VrrpInstance:
        known = dict(changes)
        hmac = known.get("auth_hmac")
        if isinstance(hmac, dict):
            known["auth_hmac"] = msgspec.structs.replace(self._conf.auth_hmac, **hmac)
        return msgspec.structs.replace(self._conf, **known)
