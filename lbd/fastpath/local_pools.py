# SPDX-License-Identifier: Apache-2.0
"""Pools of local addresses, and the numbers that the addresses have in the workers' tables.

An address keeps its number, and stays claimed, until no pool has it and its last port is free again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from lbd.fastpath import api
from lbd.fastpath.live import K_LOCAL, Change, RefusedChange, packed

FIRST_PORT = 1025
LAST_PORT = 65535
LAST_SHARED_PORT = 32767
"""Of an address that the kernel uses as well: from there on are its own ephemeral ports (ip_local_port_range)."""


class LaddrFace(Protocol):
    """What they need of ``_dp.Dataplane``."""

    def set_laddr(self, index: int, address: bytes, lo: int, hi: int) -> None: ...
    def laddr_used(self, index: int) -> int: ...


class LocalPools:
    def __init__(self, dp: LaddrFace, n: int) -> None:
        self._dp = dp
        self._pools: dict[str, api.LocalPool] = {}
        self._index: dict[str, int] = {}
        self._free = list(range(n - 1, -1, -1))
        self._leaving: set[str] = set()
        self._shared: frozenset[str] = frozenset()
        """Addresses of the machine's own, that SNAT uses, too."""
        self._last: dict[str, int] = {}

    def pools(self) -> Mapping[str, api.LocalPool]:
        return self._pools

    def addresses(self) -> set[api.LocalAddress]:
        """Of all pools: what the kernel must have."""
        return {a for pool in self._pools.values() for a in pool.addresses}

    def ranges(self) -> frozenset[tuple[str, int, int]]:
        """Address, first and last port, also of those that are leaving."""
        return frozenset((a, FIRST_PORT, self._last[a]) for a in self._index)

    def index(self, address: str) -> int:
        return self._index[address]

    def indexes(self, pool: str | None, version: int) -> list[int]:
        """Numbers of the addresses of one family."""
        found = self._pools.get(pool or "")
        return [
            self._index[a.address]
            for a in (found.addresses if found else ())
            if (":" in a.address) == (version == 6)
        ]

    def check(self, pools: Mapping[str, api.LocalPool], shared: frozenset[str]) -> None:
        """Raises RefusedChange where these are too many."""
        new = {a.address for pool in pools.values() for a in pool.addresses} | shared
        new -= self._index.keys()
        for address in new:
            packed(address)
        if len(new) > len(self._free):
            raise RefusedChange("there are too many local addresses")

    def set(
        self, pools: Mapping[str, api.LocalPool], shared: frozenset[str]
    ) -> tuple[list[Change], list[bytes]]:
        """The entries of new addresses, and those that are claimed from now on."""
        self._pools = dict(pools)
        self._shared = shared
        owned = {a.address for a in self.addresses()}
        wanted = owned | shared
        changes: list[Change] = []
        for address in sorted(wanted - self._index.keys()):
            index = self._index[address] = self._free.pop()
            last = self._last[address] = LAST_PORT if address in owned else LAST_SHARED_PORT
            self._dp.set_laddr(index, packed(address), FIRST_PORT, last)
            changes.append((packed(address), 0, 0, K_LOCAL, FIRST_PORT << 16 | last))
        self._leaving = self._index.keys() - wanted
        return changes, [address for address, *_ in changes]

    def tidy(self) -> tuple[list[Change], list[bytes]]:
        """As set, for what is gone."""
        changes: list[Change] = []
        for address in list(self._leaving):
            if self._dp.laddr_used(self._index[address]):
                continue
            self._leaving.discard(address)
            self._free.append(self._index.pop(address))
            del self._last[address]
            changes.append((packed(address), 0, 0, K_LOCAL, None))
        return changes, [address for address, *_ in changes]
