# SPDX-License-Identifier: Apache-2.0
"""What is configured, and how it becomes entries of the directory.

Configuration is swapped, state is not: a service and each of its real servers have a slot (counters, live connections,
the scheduler's cursor) that lives until it is unconfigured and its last connection is gone; one that comes back before
gets its slot back. Until then what they claim stays claimed, so that live connections go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Protocol

from lbd.fastpath import api
from lbd.fastpath.claim import Claims
from lbd.fastpath.sequence import sequence
from lbd.fastpath.states import TICKS_PER_SECOND, ticks

K_SERVICE, K_LOCAL, K_NAT_SOURCE, K_CLAIMED, K_NAT_ADDRESS, K_HOST, K_NEIGHBOUR = range(1, 8)
"""As in table/directory.pxd."""

METHODS = {api.Method.FNAT: 1, api.Method.NAT: 2, api.Method.DR: 3}
SCHEDULERS = {"rr": 0, "wrr": 0, "wlc": 1}
FIRST_LOCAL_PORT = 1025
LAST_LOCAL_PORT = 65535

Key = tuple[bytes, int, int, int]
"""Address, port, protocol, kind."""
Change = tuple[bytes, int, int, int, Any]


class Face(Protocol):
    """What this module needs of ``_dp.Dataplane``."""

    def publish(self, changes: list[Change]) -> None: ...
    def set_laddr(self, index: int, address: bytes, lo: int, hi: int) -> None: ...
    def laddr_used(self, index: int) -> int: ...
    def set_timeouts(self, ticks: tuple[int, ...]) -> None: ...
    def counters(self, slot: int) -> tuple[int, int, int, int, int, int, int]: ...
    def clear_slot(self, slot: int) -> None: ...
    def close_slot(self, slot: int, closed: bool) -> None: ...


class RefusedChange(Exception):  # noqa: N818  a refusal of theirs, not an error of ours
    """Nothing was changed; the text says why."""


def packed(address: str) -> bytes:
    try:
        return ip_address(address).packed
    except ValueError:
        raise RefusedChange(f"{address!r} is not an address") from None


class Slots:
    """Numbers for what lives longer than a configuration."""

    def __init__(self, dp: Face, n: int) -> None:
        self._dp = dp
        self._free = list(range(n - 1, 0, -1))

    def take(self) -> int:
        if not self._free:
            raise RefusedChange("every slot for services and real servers is in use")
        slot = self._free.pop()
        self._dp.clear_slot(slot)
        return slot

    def give(self, slot: int) -> None:
        self._free.append(slot)


class Live:
    """A service from its first configuration to its last connection."""

    def __init__(self, conf: api.Service, slot: int) -> None:
        self.conf = conf
        self.slot = slot
        self.reals: dict[tuple[str, int], int] = {}
        """Slots, also of real servers that are configured no more."""
        self.methods: dict[tuple[str, int], api.Method] = {}
        self.draining = False
        self.gone = [0] * 5
        """Counters of the slots given back."""

    def entries(self) -> set[Key]:
        """All but the service's own, which has a value."""
        proto = self.conf.key.protocol.value
        out: set[Key] = {(packed(self.conf.key.address), 0, 0, K_CLAIMED)}
        for (address, port), method in self.methods.items():
            if method is api.Method.NAT:
                out.add((packed(address), port, proto, K_NAT_SOURCE))
                out.add((packed(address), 0, 0, K_NAT_ADDRESS))
        return out


class Configuration:
    def __init__(self, dp: Face, *, slots: int, laddrs: int) -> None:
        self._dp = dp
        self._slots = Slots(dp, slots)
        self._live: dict[api.ServiceKey, Live] = {}
        self._pools: dict[str, api.LocalPool] = {}
        self._timeouts = api.Timeouts()
        self._refs: Counter[Key] = Counter()
        self._host: dict[str, frozenset[str]] = {}
        self._laddr_index: dict[str, int] = {}
        self._laddr_range: dict[str, tuple[int, int]] = {}
        self._laddr_free = list(range(laddrs - 1, -1, -1))
        dp.set_timeouts(ticks(self._timeouts))

    # --- reading

    def table(self) -> api.Table:
        confs = sorted((x.conf for x in self._live.values() if not x.draining), key=lambda s: s.key)
        pools = sorted(self._pools.values(), key=lambda p: p.name)
        return api.Table(services=tuple(confs), pools=tuple(pools), timeouts=self._timeouts)

    def claims(self) -> Claims:
        services: set[tuple[str, int, int]] = set()
        here: set[tuple[str, int, int]] = set()
        nat: set[tuple[str, int, int]] = set()
        for key, live in self._live.items():
            triple = (key.address, key.protocol.value, key.port)
            (here if live.conf.interface else services).add(triple)
            nat |= {(a, key.protocol.value, p) for (a, p), m in live.methods.items() if m is api.Method.NAT}
        ranges = {(a, *self._laddr_range[a]) for a in self._laddr_index}
        return Claims(
            services=frozenset(services),
            services_here=frozenset(here),
            locals=frozenset(ranges),
            nat=frozenset(nat),
        )

    def local_addresses(self) -> set[api.LocalAddress]:
        """Of all pools: what the kernel must have."""
        return {a for pool in self._pools.values() for a in pool.addresses}

    def stats(self) -> api.Stats:
        return api.Stats(
            tuple(
                self._service_stats(key, live)
                for key, live in sorted(self._live.items())
                if not live.draining
            )
        )

    def _service_stats(self, key: api.ServiceKey, live: Live) -> api.ServiceStats:
        total = [*live.gone, 0, 0]
        reals = []
        for slot in live.reals.values():
            total = [a + b for a, b in zip(total, self._dp.counters(slot), strict=True)]
        for real in live.conf.reals:
            c = _counters(self._dp.counters(live.reals[real.address, real.port]))
            reals.append(api.RealStats(real.address, real.port, real.weight, real.method, c))
        return api.ServiceStats(key, self._claimed(live), _counters(total), tuple(reals))

    # --- changing

    def apply(self, changes: Iterable[api.Change]) -> None:
        """All of them or, with RefusedChange, none."""
        changes = list(changes)
        pools = dict(self._pools)
        services = {k: x.conf for k, x in self._live.items() if not x.draining}
        timeouts = self._timeouts
        touched: dict[api.ServiceKey, None] = {}
        for change in changes:
            match change:
                case api.SetPool(pool):
                    pools[pool.name] = pool
                    touched |= dict.fromkeys(k for k, s in services.items() if s.pool == pool.name)
                case api.DeletePool(name):
                    pools.pop(name, None)
                case api.SetService(service):
                    services[service.key] = service
                    touched[service.key] = None
                case api.DeleteService(key):
                    services.pop(key, None)
                    touched[key] = None
                case api.SetTimeouts(timeouts):
                    pass
        for key in touched:
            if key in services:
                _validate(services[key], pools)
        named = {s.pool for s in services.values()} - {None}
        if missing := named - pools.keys():
            raise RefusedChange(f"pool {min(m for m in missing if m)!r} is still named by a service")
        self._carry_out(touched, services, pools, timeouts)

    def set_host(self, addresses: Mapping[str, frozenset[str]]) -> None:
        """The addresses of this machine, and the interfaces that have each."""
        changes: list[Change] = [
            (packed(a), 0, 0, K_HOST, 1 if a in addresses else None)
            for a in addresses.keys() ^ self._host.keys()
        ]
        self._host = dict(addresses)
        self._publish([*changes, *(self._service_change(x) for x in self._live.values())])

    def tidy(self) -> None:
        """Gives back what is configured no more and has no connection left. Asked about once a second."""
        changes: list[Change] = []
        for key, live in list(self._live.items()):
            configured = {(r.address, r.port) for r in live.conf.reals} if not live.draining else set()
            over = [r for r, slot in live.reals.items() if r not in configured and self._idle(slot)]
            if not over and not (live.draining and not live.reals):
                continue
            before = live.entries()
            for r in over:
                self._give_slot(live, r)
            if live.draining and not live.reals:
                changes += self._refer(before, set())
                changes.append((*self._service_key(key), None))
                del self._live[key]
                self._slots.give(live.slot)
            else:
                changes += self._refer(before, live.entries())
        self._publish([*changes, *self._tidy_laddrs()])

    # --- inside

    def _idle(self, slot: int) -> bool:
        *_, active, inactive = self._dp.counters(slot)
        return active + inactive == 0

    def _give_slot(self, live: Live, real: tuple[str, int]) -> None:
        slot = live.reals.pop(real)
        live.methods.pop(real)
        live.gone = [a + b for a, b in zip(live.gone, self._dp.counters(slot)[:5], strict=True)]
        self._slots.give(slot)

    def _carry_out(
        self,
        touched: Iterable[api.ServiceKey],
        services: dict[api.ServiceKey, api.Service],
        pools: dict[str, api.LocalPool],
        timeouts: api.Timeouts,
    ) -> None:
        changes = self._take_laddrs(pools)
        self._pools = pools
        for key in touched:
            live = self._live.get(key)
            before = live.entries() if live else set()
            if key in services:
                live = self._configure(live, services[key])
            elif live:
                live.draining = True
            if live:
                changes += self._refer(before, live.entries())
                changes.append(self._service_change(live))
                self._close_slots(live)
        self._publish(changes)
        if timeouts != self._timeouts:
            self._timeouts = timeouts
            self._dp.set_timeouts(ticks(timeouts))
        self.tidy()

    def _configure(self, live: Live | None, conf: api.Service) -> Live:
        if live is None:
            live = self._live[conf.key] = Live(conf, self._slots.take())
        live.conf = conf
        live.draining = False
        for real in conf.reals:
            if (real.address, real.port) not in live.reals:
                live.reals[real.address, real.port] = self._slots.take()
            live.methods[real.address, real.port] = real.method
        return live

    def _close_slots(self, live: Live) -> None:
        open_ = set() if live.draining else {(r.address, r.port) for r in live.conf.reals if r.weight > 0}
        for real, slot in live.reals.items():
            self._dp.close_slot(slot, real not in open_)

    def _take_laddrs(self, pools: Mapping[str, api.LocalPool]) -> list[Change]:
        changes: list[Change] = []
        for address in (a.address for pool in pools.values() for a in pool.addresses):
            if address in self._laddr_index:
                continue
            if not self._laddr_free:
                raise RefusedChange("there are too many local addresses")
            index = self._laddr_index[address] = self._laddr_free.pop()
            lo, hi = self._laddr_range[address] = (FIRST_LOCAL_PORT, LAST_LOCAL_PORT)
            self._dp.set_laddr(index, packed(address), lo, hi)
            changes.append((packed(address), 0, 0, K_LOCAL, lo << 16 | hi))
            changes += self._refer(set(), {(packed(address), 0, 0, K_CLAIMED)})
        return changes

    def _tidy_laddrs(self) -> list[Change]:
        changes: list[Change] = []
        wanted = {a.address for a in self.local_addresses()}
        for address, index in list(self._laddr_index.items()):
            if address in wanted or self._dp.laddr_used(index):
                continue
            del self._laddr_index[address], self._laddr_range[address]
            self._laddr_free.append(index)
            changes.append((packed(address), 0, 0, K_LOCAL, None))
            changes += self._refer({(packed(address), 0, 0, K_CLAIMED)}, set())
        return changes

    def _refer(self, before: set[Key], after: set[Key]) -> list[Change]:
        """Entries that several may want: the first one adds, the last one removes."""
        changes: list[Change] = []
        for key in before - after:
            self._refs[key] -= 1
            if not self._refs[key]:
                del self._refs[key]
                changes.append((*key, None))
        for key in after - before:
            self._refs[key] += 1
            if self._refs[key] == 1:
                changes.append((*key, 1))
        return changes

    def _service_key(self, key: api.ServiceKey) -> Key:
        return packed(key.address), key.port, key.protocol.value, K_SERVICE

    def _claimed(self, live: Live) -> bool:
        interfaces = self._host.get(live.conf.key.address)
        if interfaces is None:
            return False
        return live.conf.interface is None or live.conf.interface in interfaces

    def _service_change(self, live: Live) -> Change:
        conf = live.conf
        version = 6 if ":" in conf.key.address else 4
        reals = [
            (
                packed(r.address),
                r.port,
                METHODS[r.method],
                r.address in self._host,
                live.reals[r.address, r.port],
                r.weight,
            )
            for r in (() if live.draining else conf.reals)
        ]
        pool = self._pools.get(conf.pool or "")
        laddrs = [
            self._laddr_index[a.address]
            for a in (pool.addresses if pool and not live.draining else ())
            if (":" in a.address) == (version == 6)
        ]
        value = (
            live.slot,
            SCHEDULERS[conf.scheduler],
            version,
            self._claimed(live),
            live.draining,
            conf.establish_timeout * TICKS_PER_SECOND,
            reals,
            [] if live.draining else sequence(conf),
            laddrs,
        )
        return (*self._service_key(conf.key), value)

    def _publish(self, changes: list[Change]) -> None:
        if changes:
            self._dp.publish(changes)


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


def _validate(service: api.Service, pools: Mapping[str, api.LocalPool]) -> None:
    """Raises RefusedChange, in words for the person who asked."""
    key = service.key
    version = len(packed(key.address))
    if not 0 < key.port < 65536:
        raise RefusedChange(f"{key}: the port must be 1 to 65535")
    if service.scheduler not in SCHEDULERS:
        raise RefusedChange(f"{key}: there is no scheduler {service.scheduler!r} (rr, wrr and wlc are)")
    if len({(r.address, r.port) for r in service.reals}) != len(service.reals):
        raise RefusedChange(f"{key}: a real server is given twice")
    for real in service.reals:
        if len(packed(real.address)) != version:
            raise RefusedChange(f"{key}: real server {real.address} is of the other address family")
        if not 0 < real.port < 65536 or not 0 <= real.weight <= 65535:
            raise RefusedChange(f"{key}: real server {real.address}: port or weight is out of range")
        if real.method is api.Method.DR and real.port != key.port:
            raise RefusedChange(f"{key}: DR cannot change the port to {real.port}")
    if any(r.method is api.Method.FNAT for r in service.reals):
        pool = pools.get(service.pool or "")
        if pool is None:
            raise RefusedChange(f"{key}: FNAT needs a pool of local addresses, and {service.pool!r} is none")
        if not any(len(packed(a.address)) == version for a in pool.addresses):
            raise RefusedChange(f"{key}: pool {pool.name!r} has no local address of the service's family")
