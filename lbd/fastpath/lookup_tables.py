# SPDX-License-Identifier: Apache-2.0
"""What a hashing scheduler looks up: a function of the servers' addresses, ports and weights alone.

So it is equal on every machine, whatever came and went before, and services of equal servers share one. Servers have
numbers in the order of address and port.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence
from typing import Any, Protocol
from weakref import WeakValueDictionary

from lbd.fastpath import api
from lbd.fastpath.live import packed

BUCKETS = 256
"""Of sh and dh, as IPVS is built (CONFIG_IP_VS_SH_TAB_BITS and _DH_TAB_BITS 8)."""
ENTRIES = 4093
"""Of mh, as IPVS is built (CONFIG_IP_VS_MH_TAB_INDEX 12), and DPVS."""
REPLICAS = 160
"""Points on conhash's ring for each share of weight (DPVS)."""
MOST_POINTS = 1 << 20
"""16 MiB and half a second; weights that would need more are rounded."""


class TableFace(Protocol):
    """What they need of ``_dp.Dataplane``."""

    def maglev_table(self, servers: Sequence[tuple[bytes, int, int]], size: int) -> Any: ...
    def bucket_table(self, turns: Sequence[int], size: int) -> Any: ...
    def ring_table(self, servers: Sequence[tuple[bytes, int]]) -> Any: ...


class LookupTables:
    """Those that are in use, by what they are made of."""

    def __init__(self, dp: TableFace) -> None:
        self._dp = dp
        self._made: WeakValueDictionary[Any, Any] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._made)

    def of(self, service: api.Service) -> tuple[Any, list[int]]:
        """The table of a service, and the index of its server of each number. None: its scheduler has none."""
        if service.scheduler not in _MAKERS or not service.reals:
            return None, []
        order = sorted(range(len(service.reals)), key=lambda i: _place(service.reals[i]))
        servers = tuple((*_place(real), real.weight) for real in (service.reals[i] for i in order))
        key = service.scheduler, service.table_size, servers
        table = self._made.get(key)
        if table is None:
            table = _MAKERS[service.scheduler](self._dp, servers, service.table_size)
            if table is None:
                return None, []
            self._made[key] = table
        return table, order


Server = tuple[bytes, int, int]
"""Address, port, weight."""


def _place(real: api.Real) -> tuple[bytes, int]:
    return packed(real.address), real.port


def _shares(servers: Sequence[Server]) -> list[int]:
    """Weights without their common divisor; 0 where there is no weight at all."""
    divisor = math.gcd(*(weight for *_, weight in servers)) or 1
    return [weight // divisor for *_, weight in servers]


def _maglev(dp: TableFace, servers: Sequence[Server], size: int) -> Any:
    """Turns as in ip_vs_mh.c: weights so large that a round would fill the table are shifted, to 1 at least."""
    size = size or ENTRIES
    shares = _shares(servers)
    if not any(shares):
        return None
    shift = max(0, max(shares).bit_length() - size.bit_length() // 2)
    turns = [max(share >> shift, share > 0) for share in shares]
    return dp.maglev_table([(a, p, int(n)) for (a, p, _), n in zip(servers, turns, strict=True)], size)


def _by_source(dp: TableFace, servers: Sequence[Server], size: int) -> Any:
    """A server of weight 0 has its bucket, and whoever falls there is turned away, or falls back (ip_vs_sh.c)."""
    return dp.bucket_table([max(weight, 1) for *_, weight in servers], size or BUCKETS)


def _by_destination(dp: TableFace, servers: Sequence[Server], size: int) -> Any:
    return dp.bucket_table([1] * len(servers), size or BUCKETS)


def _ring(dp: TableFace, servers: Sequence[Server], size: int) -> Any:
    shares = _shares(servers)
    most = MOST_POINTS // REPLICAS
    if sum(shares) > most:
        shares = [max(share * most // sum(shares), share > 0) for share in shares]
    if not any(shares):
        return None
    points = [int(share) * REPLICAS for share in shares]
    return dp.ring_table([(_name(a, p), n) for (a, p, _), n in zip(servers, points, strict=True)])


def _name(address: bytes, port: int) -> bytes:
    """DPVS writes the port as its octets stand in memory, on a little-endian machine."""
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    return f"{socket.inet_ntop(family, address)}{port >> 8 | (port & 255) << 8}".encode()


_MAKERS = {"mh": _maglev, "sh": _by_source, "dh": _by_destination, "conhash": _ring}
