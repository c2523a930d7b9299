# SPDX-License-Identifier: Apache-2.0
"""What is configured, and how it becomes entries of the directory. It is swapped; state is not (``live.py``).

A change costs its own size, whatever the number of services: what must be found again by a pool's name or by an
address has an index, and only what is leaving is looked at while it leaves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

from lbd.fastpath import api
from lbd.fastpath.claim import Claims
from lbd.fastpath.live import (
    K_CLAIMED,
    K_HOST,
    K_MATCHES,
    K_SERVICE,
    Change,
    Key,
    Live,
    RefusedChange,
    SlotFace,
    Slots,
    packed,
)
from lbd.fastpath.local_pools import LaddrFace, LocalPools
from lbd.fastpath.lookup_tables import LookupTables, TableFace
from lbd.fastpath.sequence import sequence
from lbd.fastpath.states import TICKS_PER_SECOND, ticks
from lbd.fastpath.validity import HASH_TARGETS, SCHEDULERS, validate

METHODS = {
    api.Method.FNAT: 1,
    api.Method.NAT: 2,
    api.Method.SNAT: 3,
    api.Method.DR: 4,
    api.Method.TUN: 5,
}


NOWHERE = 0xFFFE
"""The index of no port."""


class Face(SlotFace, LaddrFace, TableFace, Protocol):
    """What this module needs of ``_dp.Dataplane``."""

    def publish(self, changes: list[Change]) -> None: ...
    def set_timeouts(self, ticks: tuple[int, ...]) -> None: ...


class Wanted:
    """What a list of changes asks for beside what there is."""

    def __init__(self, live: Mapping[api.ServiceKey, Live], pools: Mapping[str, api.LocalPool]) -> None:
        self._live = live
        self.pools = dict(pools)
        self.services: dict[api.ServiceKey, api.Service | None] = {}
        """Of those that are touched; None: to be deleted."""
        self.timeouts: api.Timeouts | None = None

    def service(self, key: api.ServiceKey) -> api.Service | None:
        if key in self.services:
            return self.services[key]
        live = self._live.get(key)
        return None if live is None or live.draining else live.conf

    def take(self, change: api.Change, users: Mapping[str, set[api.ServiceKey]]) -> None:
        match change:
            case api.SetPool(pool):
                self.pools[pool.name] = pool
                for key in sorted(users.get(pool.name, ())):
                    self.services.setdefault(key, self.service(key))
            case api.DeletePool(name):
                self.pools.pop(name, None)
                for key in sorted(users.get(name, ())):
                    self.services.setdefault(key, self.service(key))
            case api.SetService(service):
                self.services[service.key] = service
            case api.DeleteService(key):
                self.services[key] = None
            case api.SetTimeouts(timeouts):
                self.timeouts = timeouts

    def check(self) -> None:
        """Raises RefusedChange."""
        for key, service in self.services.items():
            if service is None:
                continue
            if service.pool is not None and service.pool not in self.pools:
                known = key in self._live and self._live[key].conf.pool == service.pool
                raise RefusedChange(
                    f"pool {service.pool!r} is still named by {key}"
                    if known
                    else f"{key}: {service.pool!r} is no pool of local addresses"
                )
            validate(service, self.pools)


class Configuration:
    def __init__(self, dp: Face, *, slots: int, laddrs: int) -> None:
        self._dp = dp
        self._slots = Slots(dp, slots)
        self._locals = LocalPools(dp, laddrs)
        self.tables = LookupTables(dp)
        self._live: dict[api.ServiceKey, Live] = {}
        self._leaving: set[api.ServiceKey] = set()
        self._by_pool: defaultdict[str, set[api.ServiceKey]] = defaultdict(set)
        self._by_address: defaultdict[str, set[api.ServiceKey]] = defaultdict(set)
        """Of a service and of its real servers: who has to be looked at when the machine gets or loses it."""
        self._timeouts = api.Timeouts()
        self._refs: Counter[Key] = Counter()
        self._host: dict[str, frozenset[str]] = {}
        self._outer: dict[api.ServiceKey, frozenset[str]] = {}
        """Of services by match: the addresses that SNAT gives."""
        self._ports: dict[str, int] = {}
        self._claims: Claims | None = None
        dp.set_timeouts(ticks(self._timeouts))

    # --- reading

    def table(self) -> api.Table:
        confs = sorted((x.conf for x in self._live.values() if not x.draining), key=lambda s: s.key)
        pools = sorted(self._locals.pools().values(), key=lambda p: p.name)
        return api.Table(services=tuple(confs), pools=tuple(pools), timeouts=self._timeouts)

    def claims(self) -> Claims:
        """The same object until something else is claimed."""
        if self._claims is None:
            self._claims = self._new_claims()
        return self._claims

    def _new_claims(self) -> Claims:
        services: set[tuple[str, int, int]] = set()
        here: set[tuple[str, int, int]] = set()
        nat: set[tuple[str, int, int]] = set()
        matches: set[api.ServiceKey] = set()
        for key, live in self._live.items():
            if key.by_match:
                matches |= {key} if not live.draining else set()
                continue
            triple = (key.address, key.protocol.value, key.port)
            (here if live.conf.interface else services).add(triple)
            nat |= {(a, key.protocol.value, p) for (a, p), m in live.methods.items() if m is api.Method.NAT}
        return Claims(
            services=frozenset(services),
            services_here=frozenset(here),
            locals=self._locals.ranges(),
            nat=frozenset(nat),
            matches=frozenset(matches),
        )

    def local_addresses(self) -> set[api.LocalAddress]:
        """Of all pools: what the kernel must have."""
        return self._locals.addresses()

    def stats(self) -> api.Stats:
        return api.Stats(
            tuple(
                live.stats(self._claimed(live)) for _, live in sorted(self._live.items()) if not live.draining
            )
        )

    # --- changing

    def apply(self, changes: Iterable[api.Change]) -> None:
        """All of them or, with RefusedChange, none."""
        wanted = Wanted(self._live, self._locals.pools())
        for change in changes:
            wanted.take(change, self._by_pool)
        wanted.check()
        self._check_room(wanted)
        self._carry_out(wanted)

    def set_ports(self, ports: Mapping[str, int]) -> None:
        """The index of each port by the name of its interface: services by match name interfaces."""
        if ports != self._ports:
            self._ports = dict(ports)
            self._publish(self._matches())

    def set_host(self, addresses: Mapping[str, frozenset[str]]) -> None:
        """The addresses of this machine, and the interfaces that have each."""
        before, self._host = self._host, dict(addresses)
        changes: list[Change] = [
            (packed(a), 0, 0, K_HOST, 1 if a in addresses else None) for a in addresses.keys() ^ before.keys()
        ]
        other = {a for a in before.keys() | addresses.keys() if before.get(a) != addresses.get(a)}
        touched = {key for a in other for key in self._by_address.get(a, ())}
        by_address = (key for key in sorted(touched) if not key.by_match)
        self._publish([*changes, *(self._service_change(self._live[key]) for key in by_address)])

    def tidy(self) -> None:
        """Gives back what is configured no more and has no connection left. Asked about once a second."""
        changes: list[Change] = []
        for key in list(self._leaving):
            live = self._live[key]
            before = live.entries()
            if not live.let_go() and not live.over():
                continue
            if live.over():
                changes += self._refer(before, set())
                self._drop(live)
                changes += self._matches() if key.by_match else [(*self._service_key(key), None)]
            else:
                changes += self._refer(before, live.entries())
                self._note(live)
            self._claims = None
        gone, addresses = self._locals.tidy()
        if gone:
            self._claims = None
        self._publish([*changes, *gone, *self._refer(_claimed_keys(addresses), set())])

    # --- inside

    def _check_room(self, wanted: Wanted) -> None:
        """Raises RefusedChange."""
        self._locals.check(wanted.pools, self._shared(wanted))
        needed = 0
        for key, service in wanted.services.items():
            if service is not None:
                live = self._live.get(key)
                known = live.reals.keys() if live else set()
                needed += (live is None) + len({(r.address, r.port) for r in service.reals} - known)
        if needed > self._slots.room():
            raise RefusedChange("every slot for services and real servers is in use")

    def _carry_out(self, wanted: Wanted) -> None:
        changes, addresses = self._locals.set(wanted.pools, self._shared(wanted))
        changes += self._refer(set(), _claimed_keys(addresses))
        if changes:
            self._claims = None
        for key, service in wanted.services.items():
            changes += self._set_service(key, service)
        if any(key.by_match for key in wanted.services):
            changes += self._matches()
        self._publish(changes)
        if wanted.timeouts not in (None, self._timeouts):
            assert wanted.timeouts is not None
            self._timeouts = wanted.timeouts
            self._dp.set_timeouts(ticks(self._timeouts))
        self.tidy()

    def _set_service(self, key: api.ServiceKey, service: api.Service | None) -> list[Change]:
        live = self._live.get(key)
        if live is None:
            if service is None:
                return []
            live = self._live[key] = Live(service, self._slots, self._dp)
            before, interface, self._claims = set[Key](), None, None
        else:
            before, interface = live.entries(), live.conf.interface
            self._forget(live)
        if service is None:
            live.draining = True
        else:
            live.configure(service)
        self._note(live)
        live.close_slots()
        changes = self._refer(before, live.entries())
        if changes or key.by_match or live.conf.interface != interface:
            self._claims = None
        return changes if key.by_match else [*changes, self._service_change(live)]

    def _shared(self, wanted: Wanted) -> frozenset[str]:
        """The addresses that SNAT gives, once this is carried out."""
        outer = dict(self._outer)
        for key, service in wanted.services.items():
            if key.by_match:
                outer[key] = _outer(service)
        return frozenset().union(*outer.values())

    def _matches(self) -> list[Change]:
        """All services by match, anew: they are few."""
        every = sorted(key for key in self._live if key.by_match)
        return [(b"", 0, 0, K_MATCHES, [self._match(self._live[key]) for key in every])]

    def _match(self, live: Live) -> tuple[object, ...]:
        key = live.conf.key
        value = self._service_change(live)[-1]
        source, destination = (
            _bounds(span, key.address) for span in (key.match.source, key.match.destination)
        )
        # an interface that is no port yet takes and sends nothing
        ports = [self._ports.get(name, NOWHERE) if name else None for name in (key.match.iif, key.match.oif)]
        return value, key.protocol.value, *ports, source, destination

    def _note(self, live: Live) -> None:
        """Into the indexes."""
        key = live.conf.key
        if live.leaving():
            self._leaving.add(key)
        else:
            self._leaving.discard(key)
        if key.by_match:
            self._outer[key] = frozenset() if live.draining else _outer(live.conf)
        if live.conf.pool and not live.draining:
            self._by_pool[live.conf.pool].add(key)
        for address in (key.address, *(r.address for r in live.conf.reals)):
            self._by_address[address].add(key)

    def _forget(self, live: Live) -> None:
        """Out of the indexes."""
        key = live.conf.key
        self._leaving.discard(key)
        if live.conf.pool:
            self._by_pool[live.conf.pool].discard(key)
        for address in (key.address, *(r.address for r in live.conf.reals)):
            self._by_address[address].discard(key)
            if not self._by_address[address]:
                del self._by_address[address]

    def _drop(self, live: Live) -> None:
        self._forget(live)
        self._outer.pop(live.conf.key, None)
        del self._live[live.conf.key]
        self._slots.give(live.slot)

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
                r.address in self._host and r.method is not api.Method.SNAT,
                live.reals[r.address, r.port],
                r.weight,
                self._locals.index(r.address) if r.method is api.Method.SNAT else 0,
            )
            for r in (() if live.draining else conf.reals)
        ]
        table, order = (None, []) if live.draining else self.tables.of(conf)
        value = (
            live.slot,
            SCHEDULERS[conf.scheduler],
            (conf.hash_port, conf.fallback, HASH_TARGETS[conf.hash_target]),
            version,
            self._claimed(live),
            live.draining,
            conf.establish_timeout * TICKS_PER_SECOND,
            conf.persistence * TICKS_PER_SECOND,
            reals,
            order or ([] if live.draining else sequence(conf)),
            table,
            [] if live.draining else self._locals.indexes(conf.pool, version),
        )
        return (*self._service_key(conf.key), value)

    def _publish(self, changes: list[Change]) -> None:
        if changes:
            self._dp.publish(changes)


def _outer(service: api.Service | None) -> frozenset[str]:
    return frozenset(r.address for r in service.reals) if service is not None else frozenset()


def _bounds(span: api.Span, unspecified: str) -> tuple[bytes, bytes, int, int]:
    first = packed(span.first or unspecified)
    last = packed(span.last) if span.last else b"\xff" * len(first)
    return first, last, span.first_port, span.last_port


def _claimed_keys(addresses: Iterable[bytes]) -> set[Key]:
    return {(address, 0, 0, K_CLAIMED) for address in addresses}
