# SPDX-License-Identifier: Apache-2.0
"""Has a virtual server enough live weight? keepalived's rule, with hysteresis, and its sentences."""

from __future__ import annotations

from collections.abc import Iterable, Set

from lbd.healthcheck.policy import service_name
from lbd.healthcheck.servers import ServerKey
from lbd.model.service import VirtualServer


def live_weight(service: VirtualServer, failed: Set[ServerKey]) -> int:
    """Servers of weight 0 are alive and weigh nothing."""
    return sum(
        real.weight
        for real in service.real_servers
        if ServerKey(service.name, real.address, real.port) not in failed
    )


def has_quorum(service: VirtualServer, weight: int, before: bool | None) -> bool:
    """Gained at quorum + hysteresis, lost below quorum - hysteresis or when nothing is left; ``None``: at the start."""
    if before:
        return weight > 0 and weight >= service.quorum - service.hysteresis
    return weight >= service.quorum + service.hysteresis


def sentences(service: VirtualServer, weight: int, gained: bool) -> tuple[str, ...]:
    """What keepalived says of a quorum that changed. Nothing of the pool where no sorry server is."""
    quorum, hysteresis, name = service.quorum, service.hysteresis, service.name
    if gained:
        first = f"Gained quorum {quorum}+{hysteresis}={quorum + hysteresis} <= {weight} for VS {name}"
    else:
        first = f"Lost quorum {quorum}-{hysteresis}={quorum - hysteresis} > {weight} for VS {name}"
    sorry = service.sorry_server
    if sorry is None:
        return (first,)
    host = service_name(sorry.address, sorry.port, service.protocol.value.lower())
    if gained:
        verb = "Disabling" if service.sorry_server_inhibit else "Removing"
        return (
            first,
            f"{verb} sorry server {host} from VS {name}",
            f"Adding alive servers to the pool for VS {name}",
        )
    verb = "Enabling" if service.sorry_server_inhibit else "Adding"
    return (
        first,
        f"{verb} sorry server {host} to VS {name}",
        f"Removing alive servers from the pool for VS {name}",
    )


class Quorums:
    """Which virtual servers have theirs; by name, so that it lives across a reload."""

    def __init__(self) -> None:
        self._up: dict[str, bool] = {}

    def judge(self, services: Iterable[VirtualServer], failed: Set[ServerKey]) -> tuple[str, ...]:
        """Look at these again; the sentences of what has changed. A quorum that is there at once is no news."""
        said: tuple[str, ...] = ()
        for service in services:
            before = self._up.get(service.name)
            weight = live_weight(service, failed)
            now = self._up[service.name] = has_quorum(service, weight, before)
            if now != before and not (now and before is None):
                said += sentences(service, weight, now)
        return said

    def forget_all_but(self, services: Iterable[VirtualServer]) -> None:
        names = {service.name for service in services}
        self._up = {name: up for name, up in self._up.items() if name in names}

    def lost(self) -> frozenset[str]:
        return frozenset(name for name, up in self._up.items() if not up)
