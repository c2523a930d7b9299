# SPDX-License-Identifier: Apache-2.0
"""From the kernel's links, routes and neighbours (as values) to the fastpath's next hops and routes.

A hop has an index that stays: the same neighbour on the same port gets the same index again, so connections may keep
it. Whoever owns this class tells it what the kernel has; it asks back (``resolve``) for what should be resolved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Protocol

import msgspec

from lbd.fastpath.live import K_NEIGHBOUR

HOP_NONE, HOP_INCOMPLETE, HOP_VALID = 0, 1, 2
NO_MAC = bytes(6)
KEPT_RETIRED = 1024


class Link(msgspec.Struct, frozen=True):
    name: str
    mac: bytes
    mtu: int


class Path(msgspec.Struct, frozen=True):
    ifindex: int
    gateway: str | None
    """None: on the link."""


class Route(msgspec.Struct, frozen=True):
    """The best route of a prefix. No path: blackhole, unreachable or prohibit."""

    address: str
    length: int
    paths: tuple[Path, ...]


Neighbour = tuple[int, str]
"""Interface index and address."""


class Face(Protocol):
    n_hops: int

    def publish(self, changes: list[tuple[bytes, int, int, int, Any]]) -> None: ...
    def set_hop(self, index: int, dmac: bytes, smac: bytes, port: int, mtu: int, state: int) -> None: ...
    def hops_changed(self) -> None: ...
    def set_routes(
        self,
        routes: list[tuple[bool, list[tuple[int | None, bool, int]]]],
        prefixes4: list[tuple[bytes, int, int]],
        prefixes6: list[tuple[bytes, int, int]],
    ) -> None: ...


class Forwarding:
    def __init__(self, dp: Face, resolve: Callable[[int, str, bool], None]) -> None:
        """resolve(ifindex, address, lasting): have the kernel resolve a neighbour, and keep it so if lasting."""
        self._dp = dp
        self._resolve = resolve
        self._ports: dict[int, int] = {}
        self._links: dict[int, Link] = {}
        self._macs: dict[Neighbour, bytes] = {}
        self._hops: dict[tuple[int, str], int] = {}
        """By port index and address: a port keeps its index when its interface comes back under another ifindex."""
        self._hops_made = 0
        self._retired: deque[int] = deque()
        """Indexes of hops by ports that are no more; used again after many others, when no worker can mean the old."""
        self._known: set[tuple[int, str]] = set()
        self._routes: tuple[Route, ...] = ()

    def set_ports(self, links: Mapping[int, Link], ports: Mapping[int, int]) -> None:
        """The links by ifindex, and which of them are ports (ifindex -> index of the port)."""
        self._links, self._ports = dict(links), dict(ports)
        self._write_all()
        self._write_routes()

    def forget_ports(self, indexes: Iterable[int]) -> None:
        """Another interface has the index of a port: its neighbours are none of this one's. Before ``set_ports``."""
        gone = set(indexes)
        changes: list[tuple[bytes, int, int, int, Any]] = []
        for port, address in [key for key in self._hops if key[0] in gone]:
            index = self._hops.pop((port, address))
            self._retired.append(index)
            self._dp.set_hop(index, NO_MAC, NO_MAC, port, 0, HOP_INCOMPLETE)
            if (port, address) in self._known:
                self._known.discard((port, address))
                changes.append((ip_address(address).packed, port, 0, K_NEIGHBOUR, None))
        if changes:
            self._dp.publish(changes)

    def set_routes(self, routes: Iterable[Route]) -> None:
        routes = tuple(routes)
        if routes != self._routes:
            self._routes = routes
            self._write_routes()

    def set_neighbours(self, changes: Mapping[Neighbour, bytes | None]) -> None:
        """MAC addresses of neighbours that can be used; None: it cannot any more."""
        for neighbour, mac in changes.items():
            if mac is None:
                self._macs.pop(neighbour, None)
            else:
                self._macs[neighbour] = mac
        self._write(n for n in changes if n[0] in self._ports)

    def asked(self, port: int, address: str) -> None:
        """A worker has a packet for this neighbour and no hop."""
        for ifindex, index in self._ports.items():
            if index == port:
                self._write([(ifindex, address)])
                self._resolve(ifindex, address, False)

    def _hop(self, port: int, address: str) -> int:
        """The index of the hop, a new one if need be; 0 where all are in use."""
        index = self._hops.get((port, address))
        if index is None:
            if len(self._retired) > KEPT_RETIRED:
                index = self._retired.popleft()
            elif self._hops_made + 1 < self._dp.n_hops:
                index = self._hops_made = self._hops_made + 1
            else:
                return 0
            self._hops[port, address] = index
        return index

    def _write_all(self) -> None:
        self._write([n for n in self._macs if n[0] in self._ports])

    def _write(self, neighbours: Iterable[Neighbour]) -> None:
        changes: list[tuple[bytes, int, int, int, Any]] = []
        for ifindex, address in neighbours:
            port = self._ports[ifindex]
            index = self._hop(port, address)
            if index == 0:
                continue
            self._store(index, ifindex, address)
            if (port, address) not in self._known:
                self._known.add((port, address))
                changes.append((ip_address(address).packed, port, 0, K_NEIGHBOUR, index))
        if changes:
            self._dp.publish(changes)
        else:
            self._dp.hops_changed()

    def _store(self, index: int, ifindex: int, address: str) -> None:
        link = self._links[ifindex]
        mac = self._macs.get((ifindex, address))
        state = HOP_VALID if mac else HOP_INCOMPLETE
        self._dp.set_hop(index, mac or NO_MAC, link.mac, self._ports[ifindex], link.mtu, state)

    def _write_routes(self) -> None:
        table: list[tuple[bool, list[tuple[int | None, bool, int]]]] = []
        prefixes: dict[int, list[tuple[bytes, int, int]]] = {4: [], 16: []}
        for route in self._routes:
            address = ip_address(route.address).packed
            prefixes[len(address)].append((address, route.length, len(table)))
            table.append((not route.paths, [self._path(p) for p in route.paths]))
        self._dp.set_routes(table, prefixes[4], prefixes[16])

    def _path(self, path: Path) -> tuple[int | None, bool, int]:
        port = self._ports.get(path.ifindex)
        if port is None or path.gateway is None:
            return port, True, 0
        index = self._hop(port, path.gateway)
        if index:
            self._store(index, path.ifindex, path.gateway)
            self._resolve(path.ifindex, path.gateway, True)
        return port, False, index
