# SPDX-License-Identifier: Apache-2.0
"""Schedulers: which real server takes a new connection. Exact over workers.

rr and wrr walk a precomputed sequence by a shared cursor (fetch-add); wlc compares the shared counts of connections.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from lbd.fastpath.atomic cimport fetch_add
from lbd.fastpath.table.directory cimport Real, Service
from lbd.fastpath.table.slot cimport Slot

cdef enum:                       # Scheduler
    SEQUENCE = 0                 # rr, wrr
    WLC = 1


cdef inline Real *pick_sequence(Service *s, Slot *slots) noexcept nogil:
    if s.n_sequence == 0:
        return NULL
    return &s.reals[s.sequence[fetch_add(&slots[s.slot].cursor, 1) % s.n_sequence]]


cdef inline Real *pick_wlc(Service *s, Slot *slots) noexcept nogil:
    """Least (active * 256 + inactive) / weight, as ip_vs_wlc; ties keep the first."""
    cdef Real *best = NULL
    cdef Real *r
    cdef int64_t least = 0
    cdef int64_t load
    cdef uint32_t i
    for i in range(s.n_reals):
        r = &s.reals[i]
        if r.weight == 0:
            continue
        load = (<int64_t>slots[r.slot].active << 8) + slots[r.slot].inactive
        if best == NULL or load * best.weight < least * r.weight:
            best = r
            least = load
    return best


cdef inline Real *schedule(Service *s, Slot *slots) noexcept nogil:
    """NULL: no real server takes connections."""
    if s.scheduler == WLC:
        return pick_wlc(s, slots)
    return pick_sequence(s, slots)
