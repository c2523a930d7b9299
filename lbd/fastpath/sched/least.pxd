# SPDX-License-Identifier: Apache-2.0
"""Schedulers that compare the shared counts of connections: lc, wlc, sed, nq, fo, ovf and twos, after ip_vs_*.c.

All keep the first of equals, in the order of the configuration. Fractions are compared by cross multiplication.
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t
from lbd.fastpath.atomic cimport fetch_add, mum
from lbd.fastpath.sched.candidate cimport active, has_room, load, usable
from lbd.fastpath.table.directory cimport Real, Service
from lbd.fastpath.table.slot cimport Slot


cdef inline Real *pick_lc(Service *s, Slot *slots) noexcept nogil:
    cdef Real *best = NULL
    cdef Real *r
    cdef int64_t least = 0
    cdef uint32_t i
    for i in range(s.n_reals):
        r = &s.reals[i]
        if usable(r, slots) and (best == NULL or load(r, slots) < least):
            best = r
            least = load(r, slots)
    return best


cdef inline Real *pick_wlc(Service *s, Slot *slots) noexcept nogil:
    """Least load for its weight. The rest is asked of those alone that would be better."""
    cdef Real *best = NULL
    cdef Real *r
    cdef int64_t least = 1
    cdef int64_t weight = 0
    cdef int64_t carried
    cdef uint32_t i
    for i in range(s.n_reals):
        r = &s.reals[i]
        carried = load(r, slots)
        if carried * weight < least * r.weight and has_room(r, slots):
            best = r
            weight = r.weight
            least = carried
    return best


cdef inline Real *pick_delay(Service *s, Slot *slots, bint never_queue) noexcept nogil:
    """Shortest expected delay, (active + 1) / weight; nq takes the first one that is idle, whatever its weight."""
    cdef Real *best = NULL
    cdef Real *r
    cdef int64_t least = 0
    cdef int64_t delay
    cdef uint32_t i
    for i in range(s.n_reals):
        r = &s.reals[i]
        if not usable(r, slots):
            continue
        delay = active(r, slots) + 1
        if never_queue and delay == 1:
            return r
        if best == NULL or delay * best.weight < least * r.weight:
            best = r
            least = delay
    return best


cdef inline Real *pick_heaviest(Service *s, Slot *slots, bint overflow) noexcept nogil:
    """fo: the highest weight; ovf: of those whose active connections do not exceed their weight."""
    cdef Real *best = NULL
    cdef Real *r
    cdef uint32_t i
    for i in range(s.n_reals):
        r = &s.reals[i]
        if not usable(r, slots) or (overflow and active(r, slots) > r.weight):
            continue
        if best == NULL or r.weight > best.weight:
            best = r
    return best


cdef inline Real *drawn(Service *s, Slot *slots, uint64_t lot) noexcept nogil:
    """The server on which a number below the sum of weights falls."""
    cdef Real *r
    cdef uint32_t i
    for i in range(s.n_reals):
        r = &s.reals[i]
        if not usable(r, slots):
            continue
        if lot < r.weight:
            return r
        lot -= r.weight
    return NULL


cdef inline Real *pick_twos(Service *s, Slot *slots, uint64_t hash) noexcept nogil:
    """Two draws by weight, and of the two the one with less load for its weight; of equals the first drawn.

    ``hash`` is the connection's under the table's secret; the cursor makes every draw a new one.
    """
    cdef uint64_t total = 0
    cdef uint64_t lot
    cdef uint32_t i
    cdef Real *a
    cdef Real *b
    for i in range(s.n_reals):
        if usable(&s.reals[i], slots):
            total += s.reals[i].weight
    if total == 0:
        return NULL
    lot = mum(hash ^ 0x9e3779b97f4a7c15ULL, fetch_add(&slots[s.slot].cursor, 1) ^ 0xd6e8feb86659fd93ULL)
    a = drawn(s, slots, (lot & 0xffffffffULL) * total >> 32)
    b = drawn(s, slots, (lot >> 32) * total >> 32)
    # another worker may have filled one up between the sum and the draw
    if a == NULL or b == NULL:
        return a if b == NULL else b
    return b if load(a, slots) * b.weight > load(b, slots) * a.weight else a
