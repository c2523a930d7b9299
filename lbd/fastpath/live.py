# SPDX-License-Identifier: Apache-2.0
"""A service from its first configuration to its last connection, and the slots that live as long.

A service and each of its real servers have a slot (counters, live connections, the scheduler's cursor) until it is
unconfigured and its last connection is gone; one that comes back before gets its slot back. Until then what they claim
stays claimed, so that live connections go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Protocol

from lbd.fastpath import api

K_SERVICE, K_LOCAL, K_NAT_SOURCE, K_CLAIMED, K_NAT_ADDRESS, K_HOST, K_NEIGHBOUR = range(1, 8)
K_MATCHES = 8
"""As in table/directory.pxd."""
TUNNEL_KINDS = {api.TunnelKind.IPIP: 1, api.TunnelKind.GRE: 2, api.TunnelKind.GUE: 3}
"""As in table/endpoint.pxd."""

Key = tuple[bytes, int, int, int]
"""Address, port, protocol, kind."""
Change = tuple[bytes, int, int, int, Any]
RealKey = tuple[str, int]


class SlotFace(Protocol):
    """What slots need of ``_dp.Dataplane``."""

    def counters(self, slot: int) -> tuple[int, int, int, int, int, int, int]: ...
    def clear_slot(self, slot: int) -> None: ...
    def close_slot(self, slot: int, closed: bool) -> None: ...
    def limit_slot(self, slot: int, upper: int, lower: int) -> None: ...
    def mask_slot(self, slot: int, mask: bytes) -> None: ...
    def set_endpoint(self, slot: int, address: bytes, kind: int, port: int, checksum: bool) -> None: ...


class RefusedChange(Exception):  # noqa: N818  a refusal of theirs, not an error of ours
    """Nothing was changed; the text says why."""


def packed(address: str) -> bytes:
    try:
        return ip_address(address).packed
    except ValueError:
        raise RefusedChange(f"{address!r} is not an address") from None


class Slots:
    """Numbers for what lives longer than a configuration."""

    def __init__(self, dp: SlotFace, n: int) -> None:
        self._dp = dp
        self._free = list(range(n - 1, 0, -1))

    def room(self) -> int:
        return len(self._free)

    def take(self) -> int:
        slot = self._free.pop()
        self._dp.clear_slot(slot)
        return slot

    def give(self, slot: int) -> None:
        self._free.append(slot)

    def idle(self, slot: int) -> bool:
        *_, active, inactive = self._dp.counters(slot)
        return active + inactive == 0


class Live:
    """A service that is configured, or was and has connections."""

    def __init__(self, conf: api.Service, slots: Slots, dp: SlotFace) -> None:
        self._dp = dp
        self._slots = slots
        self.conf = conf
        self.slot = slots.take()
        self.reals: dict[RealKey, int] = {}
        """Slots, also of real servers that are configured no more."""
        self.methods: dict[RealKey, api.Method] = {}
        self.draining = False
        self._gone = [0] * 5
        """Counters of the slots given back."""

    def configure(self, conf: api.Service) -> None:
        self.conf = conf
        self.draining = False
        if conf.persistence:
            whole = b"\xff" * len(packed(conf.key.address))
            self._dp.mask_slot(self.slot, packed(conf.persistence_mask) if conf.persistence_mask else whole)
        for real in conf.reals:
            if (real.address, real.port) not in self.reals:
                self.reals[real.address, real.port] = self._slots.take()
            self.methods[real.address, real.port] = real.method
            self._dp.limit_slot(self.reals[real.address, real.port], real.upper, real.lower)
            if real.method is api.Method.TUN:
                self._set_tunnel(real)

    def _set_tunnel(self, real: api.Real) -> None:
        slot, tunnel = self.reals[real.address, real.port], real.tunnel
        kind = TUNNEL_KINDS[tunnel.kind]
        self._dp.set_endpoint(slot, packed(real.address), kind, tunnel.port, tunnel.checksum)

    def configured(self) -> set[RealKey]:
        return set() if self.draining else {(r.address, r.port) for r in self.conf.reals}

    def leaving(self) -> bool:
        """Whether there is something that goes when its last connection ends."""
        return self.draining or len(self.reals) > len(self.conf.reals)

    def close_slots(self) -> None:
        """Those whose real server takes no new connections."""
        open_ = set() if self.draining else {(r.address, r.port) for r in self.conf.reals if r.weight > 0}
        for real, slot in self.reals.items():
            self._dp.close_slot(slot, real not in open_)

    def let_go(self) -> bool:
        """Gives back the slots of what is configured no more and has no connection left. True: there were some."""
        configured = self.configured()
        over = [r for r, slot in self.reals.items() if r not in configured and self._slots.idle(slot)]
        for real in over:
            slot = self.reals.pop(real)
            self.methods.pop(real)
            self._gone = [a + b for a, b in zip(self._gone, self._dp.counters(slot)[:5], strict=True)]
            self._slots.give(slot)
        return bool(over)

    def over(self) -> bool:
        """Nothing is left of it; its slot may be given back."""
        return self.draining and not self.reals

    def entries(self) -> set[Key]:
        """All but the service's own, which has a value."""
        proto = self.conf.key.protocol.value
        if self.conf.key.by_match:
            return set()
        out: set[Key] = {(packed(self.conf.key.address), 0, 0, K_CLAIMED)}
        for (address, port), method in self.methods.items():
            if method is api.Method.NAT:
                out.add((packed(address), port, proto, K_NAT_SOURCE))
                out.add((packed(address), 0, 0, K_NAT_ADDRESS))
        return out

    def stats(self, claimed: bool) -> api.ServiceStats:
        total = [*self._gone, 0, 0]
        for slot in self.reals.values():
            total = [a + b for a, b in zip(total, self._dp.counters(slot), strict=True)]
        reals = tuple(
            api.RealStats(
                r.address,
                r.port,
                r.weight,
                r.method,
                _counters(self._dp.counters(self.reals[r.address, r.port])),
            )
            for r in self.conf.reals
        )
        return api.ServiceStats(self.conf.key, claimed, _counters(total), reals)


def _counters(values: Iterable[int]) -> api.Counters:
    conns, in_packets, in_bytes, out_packets, out_bytes, active, inactive = values
    return api.Counters(
        connections=conns,
        in_packets=in_packets,
        in_bytes=in_bytes,
        out_packets=out_packets,
        out_bytes=out_bytes,
        active=active,
        inactive=inactive,
    )
