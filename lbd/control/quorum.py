# SPDX-License-Identifier: Apache-2.0
"""Has a virtual server enough live weight? keepalived's rule, with hysteresis, and its sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Set

import msgspec

from lbd.control.health import Health
from lbd.healthcheck.servers import ServerKey
from lbd.healthcheck.wording import service_name
from lbd.model.service import VirtualServer


class QuorumChange(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual server gained or lost its quorum; all that hear of it hear of it now."""

    service: VirtualServer
    up: bool
    initial: bool
    """It is new: keepalived tells of a quorum that is there at once, and of a sorry server that is needed at once."""
    threshold: int
    weight: int
    """The live weight."""
    gone: bool = False
    """It is no longer configured."""


def live_weight(service: VirtualServer, health: Health) -> int:
    """Servers of weight 0 are alive and weigh nothing."""
    return sum(
        health.weight(service.name, real)
        for real in service.real_servers
        if ServerKey(service.name, real.address, real.port) not in health.failed
    )


def has_quorum(service: VirtualServer, weight: int, before: bool) -> bool:
    """Gained at quorum + hysteresis; lost below quorum - hysteresis, or when nothing is left."""
    if before:
        return weight > 0 and weight >= service.quorum - service.hysteresis
    return weight >= service.quorum + service.hysteresis


def sentences(change: QuorumChange) -> tuple[str, ...]:
    """What keepalived says of it. Nothing of the pool where no sorry server is or was."""
    service = change.service
    quorum, hysteresis, name = service.quorum, service.hysteresis, service.name
    sums = f"{quorum}{'+' if change.up else '-'}{hysteresis}={change.threshold}"
    if change.up:
        first = f"Gained quorum {sums} <= {change.weight} for VS {name}"
    else:
        lost = "Starting with quorum down" if change.initial else "Lost quorum"
        first = f"{lost} {sums} > {change.weight} for VS {name}"
    sorry = service.sorry_server
    if sorry is None or (change.up and change.initial) or change.gone:
        return (first,)
    host = service_name(sorry.address, sorry.port, service.protocol.value.lower())
    inhibit = service.sorry_server_inhibit
    if change.up:
        verb = "Disabling" if inhibit else "Removing"
        moves = (
            f"{verb} sorry server {host} from VS {name}",
            f"Adding alive servers to the pool for VS {name}",
        )
    else:
        verb = "Enabling" if inhibit else "Adding"
        moves = (
            f"{verb} sorry server {host} to VS {name}",
            f"Removing alive servers from the pool for VS {name}",
        )
    return (first, *moves)


class Quorums:
    """Which virtual servers have theirs; by name, so that it lives across a reload."""

    def __init__(self) -> None:
        self._up: dict[str, bool] = {}
        self._lost: set[str] = set()
        self._services: dict[str, VirtualServer] = {}

    def judge(self, services: Iterable[VirtualServer], health: Health) -> tuple[QuorumChange, ...]:
        """Look at these again; what has changed."""
        changes = []
        for service in services:
            before = self._up.get(service.name)
            change = self._judge(service, before, live_weight(service, health))
            self._services[service.name] = service
            if change is not None:
                changes.append(change)
        return tuple(changes)

    def _judge(self, service: VirtualServer, before: bool | None, weight: int) -> QuorumChange | None:
        initial = before is None
        if before is None:  # keepalived asks once before any server is there
            before = has_quorum(service, 0, before=False)
        up = self._up[service.name] = has_quorum(service, weight, before)
        if up:
            self._lost.discard(service.name)
        else:
            self._lost.add(service.name)
        if up == before and not (initial and not up and service.sorry_server is not None):
            return None
        threshold = service.quorum + (-service.hysteresis if before else service.hysteresis)
        return QuorumChange(service=service, up=up, initial=initial, threshold=threshold, weight=weight)

    def forget_all_but(self, services: Iterable[VirtualServer]) -> tuple[QuorumChange, ...]:
        """Those that had their quorum and are no longer configured."""
        names = {service.name for service in services}
        gone = [name for name, up in self._up.items() if up and name not in names]
        self._up = {name: up for name, up in self._up.items() if name in names}
        self._lost &= names
        return tuple(self._end(self._services.pop(name)) for name in gone)

    def end(self) -> tuple[QuorumChange, ...]:
        """For the end of all: each that is configured."""
        return tuple(self._end(self._services[name]) for name in self._up)

    def _end(self, service: VirtualServer) -> QuorumChange:
        low = service.quorum - service.hysteresis
        return QuorumChange(service=service, up=False, initial=False, threshold=low, weight=0, gone=True)

    @property
    def lost(self) -> Set[str]:
        """A view of the names of those without; it changes with the next judgement."""
        return self._lost
