# SPDX-License-Identifier: Apache-2.0
"""Whether a service can be carried out: what is refused, and in which words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lbd.fastpath import api
from lbd.fastpath.live import RefusedChange, packed

SCHEDULERS = {
    "rr": 0,
    "wrr": 0,
    "wlc": 1,
    "lc": 2,
    "sed": 3,
    "nq": 4,
    "fo": 5,
    "ovf": 6,
    "twos": 7,
    "sh": 8,
    "dh": 9,
    "mh": 10,
    "conhash": 11,
    "lblc": 12,
    "lblcr": 13,
}
"""As in sched/sched.pxd."""
HASH_TARGETS = {api.HashTarget.SOURCE: 0, api.HashTarget.QUIC_ID: 1}
"""As in sched/hashed.pxd."""
LONGEST_PERSISTENCE = 31 * 24 * 3600
"""Seconds; of ipvsadm and keepalived."""
LARGEST_TABLE = {"mh": 131071, "sh": 1 << 20, "dh": 1 << 20}
"""As IPVS may be built."""
PORTLESS = (api.Protocol.ICMP, api.Protocol.ICMPV6)
ONE_WAY = (api.Method.DR, api.Method.TUN)
"""Replies do not pass here."""


def validate(service: api.Service, pools: Mapping[str, api.LocalPool]) -> None:
    """Raises RefusedChange, in words for the person who asked."""
    _key(service)
    _table(service)
    _persistence(service)
    if len({(r.address, r.port) for r in service.reals}) != len(service.reals):
        raise RefusedChange(f"{service.key}: a real server is given twice")
    for real in service.reals:
        _real(service.key, real)
    if any(r.method is api.Method.FNAT for r in service.reals):
        _pool(service, pools)


def _key(service: api.Service) -> None:
    key = service.key
    wrong = api.Protocol.ICMPV6 if len(packed(key.address)) == 4 else api.Protocol.ICMP
    if key.protocol is wrong:
        raise RefusedChange(f"{key}: that protocol is of the other address family")
    if key.by_match:
        _match(service)
    if not 0 <= key.port < 65536 or (key.protocol in PORTLESS and key.port):
        raise RefusedChange(
            f"{key}: the port must be {0 if key.protocol in PORTLESS else '0 (all) to 65535'}"
        )
    if service.scheduler not in SCHEDULERS:
        known = ", ".join(SCHEDULERS)
        raise RefusedChange(f"{key}: there is no scheduler {service.scheduler!r} ({known} are)")


def _table(service: api.Service) -> None:
    """Raises RefusedChange where the scheduler has no table of this size."""
    size, scheduler = service.table_size, service.scheduler
    if not size:
        return
    largest = LARGEST_TABLE.get(scheduler, 0)
    fits = _prime(size) if scheduler == "mh" else size & (size - 1) == 0
    if not 16 <= size <= largest or not fits:
        kinds = {"mh": "a prime from 17 to 131071", "sh": "a power of two from 16 to 1048576"}
        wanted = kinds.get("sh" if scheduler == "dh" else scheduler, "0")
        raise RefusedChange(f"{service.key}: the size of a table of {scheduler} is {wanted}, not {size}")


def _persistence(service: api.Service) -> None:
    """Raises RefusedChange."""
    mask = service.persistence_mask
    if not 0 <= service.persistence <= LONGEST_PERSISTENCE:
        raise RefusedChange(f"{service.key}: persistence is 0 to {LONGEST_PERSISTENCE} seconds")
    if mask and len(packed(mask)) != len(packed(service.key.address)):
        raise RefusedChange(f"{service.key}: the mask {mask} is of the other address family")


def _prime(n: int) -> bool:
    return n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1))


def _match(service: api.Service) -> None:
    key = service.key
    if key.port:
        raise RefusedChange(f"{key}: a service by match has its ports in the match")
    for address in (key.match.source.first, key.match.source.last, key.match.destination.first):
        if address and len(packed(address)) != len(packed(key.address)):
            raise RefusedChange(f"{key}: {address} is of the other address family")
    if not any((key.match.source.first, key.match.destination.first, key.match.iif, key.match.oif)):
        raise RefusedChange(f"{key}: a match says at least one of source, destination, iif and oif")


def _real(key: api.ServiceKey, real: api.Real) -> None:
    where = f"{key}: real server {real.address}"
    if key.by_match != (real.method is api.Method.SNAT):
        raise RefusedChange(f"{where}: SNAT and services by match go together")
    if len(packed(real.address)) != len(packed(key.address)) and real.method is not api.Method.TUN:
        raise RefusedChange(f"{where} is of the other address family")
    if not 0 <= real.port < 65536 or (not real.port and key.port) or not 0 <= real.weight <= 65535:
        raise RefusedChange(f"{where}: port or weight is out of range")
    if not 0 <= real.upper < 1 << 32 or not 0 <= real.lower < 1 << 32:
        raise RefusedChange(f"{where}: a limit of connections is out of range")
    if (real.method in ONE_WAY or key.protocol in PORTLESS) and real.port != key.port:
        what = key.protocol if key.protocol in PORTLESS else real.method
        raise RefusedChange(f"{key}: {what.name} cannot change the port to {real.port}")
    if real.method is api.Method.TUN and real.tunnel.kind is api.TunnelKind.GUE and not real.tunnel.port:
        raise RefusedChange(f"{where}: GUE needs a port")


def _pool(service: api.Service, pools: Mapping[str, api.LocalPool]) -> None:
    key, pool = service.key, pools.get(service.pool or "")
    if pool is None:
        raise RefusedChange(f"{key}: FNAT needs a pool of local addresses, and {service.pool!r} is none")
    if not any(len(packed(a.address)) == len(packed(key.address)) for a in pool.addresses):
        raise RefusedChange(f"{key}: pool {pool.name!r} has no local address of the service's family")
