# SPDX-License-Identifier: Apache-2.0
"""lblc and lblcr: a destination stays with its server, or its servers, while those can bear it (ip_vs_lblc.c, _lblcr.c).

For clusters of caches. A service of one address has one destination; one by firewall mark may have many.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset
from lbd.fastpath.burst cimport Meta
from lbd.fastpath.dpdk.spinlock cimport rte_spinlock_lock, rte_spinlock_unlock
from lbd.fastpath.sched.candidate cimport active, load, real_of, usable
from lbd.fastpath.sched.least cimport pick_wlc
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.directory cimport Real, Service
from lbd.fastpath.table.slot cimport Slot
from lbd.fastpath.table.tie cimport (CHAINS_SWEPT, LOCALITY, Chain, Tie, TieTable, chain_of, tie_drop, tie_is_over, tie_new,
                                     tie_next, ties_sweep)

cdef enum:
    LOCAL_TTL = 24 * 3600 * 8    # ticks: a day, IPVS's lblc_expiration and lblcr_expiration


cdef inline bint strained(Service *s, Slot *slots, const Real *r) noexcept nogil:
    """It has more active connections than weight, and another one has less than half of its own."""
    cdef uint32_t i
    if active(r, slots) <= r.weight:
        return False
    for i in range(s.n_reals):
        if active(&s.reals[i], slots) * 2 < s.reals[i].weight:
            return True
    return False


cdef inline void local_tie(Worker *w, Service *s, Chain *chain, const uint8_t *to, uint32_t at, Real *r) noexcept nogil:
    """Ties a destination to a server; ``at`` is the tie that gets it, 0: a new one."""
    cdef TieTable *t = &w.shared.ties
    if at == 0:
        at = tie_new(t, chain, w.shared.slots, to, s.slot | LOCALITY, w.tick)
    if at:
        t.ties[at].real = r.slot
        t.ties[at].ttl = LOCAL_TTL


cdef inline Real *pick_one_local(Worker *w, Service *s, Chain *chain, const uint8_t *to) noexcept nogil:
    """lblc."""
    cdef TieTable *t = &w.shared.ties
    cdef Slot *slots = w.shared.slots
    cdef uint32_t at = tie_next(t, chain.first, slots, to, s.slot | LOCALITY)
    cdef Real *r
    if at and tie_is_over(&t.ties[at], slots, w.tick):
        tie_drop(t, chain, at)
        at = 0
    if at:
        t.ties[at].seen = w.tick
        r = real_of(s, t.ties[at].real)
        if r != NULL and usable(r, slots) and not strained(s, slots, r):
            return r
    r = pick_wlc(s, slots)
    if r != NULL:
        local_tie(w, s, chain, to, at, r)
    return r


cdef inline uint32_t extreme(Worker *w, Service *s, Chain *chain, const uint8_t *to, bint most) noexcept nogil:
    """Of the ties of a destination, the one whose usable server has the least load for its weight, or the most."""
    cdef TieTable *t = &w.shared.ties
    cdef Slot *slots = w.shared.slots
    cdef uint32_t best = 0
    cdef int64_t weight = 0
    cdef int64_t carried = 0
    cdef int64_t d
    cdef uint32_t at = tie_next(t, chain.first, slots, to, s.slot | LOCALITY)
    cdef Real *r
    while at:
        r = real_of(s, t.ties[at].real)
        if r != NULL and r.weight and (most or usable(r, slots)):
            d = load(r, slots) * weight - carried * r.weight
            if best == 0 or (d > 0 if most else d < 0):
                best = at
                weight = r.weight
                carried = load(r, slots)
        at = tie_next(t, t.ties[at].next, slots, to, s.slot | LOCALITY)
    return best


cdef inline void thin_out(Worker *w, Service *s, Chain *chain, const uint8_t *to) noexcept nogil:
    """A destination with several servers that has had them for a day loses the most loaded one."""
    cdef TieTable *t = &w.shared.ties
    cdef uint32_t n = 0
    cdef uint32_t latest = 0
    cdef uint32_t at = tie_next(t, chain.first, w.shared.slots, to, s.slot | LOCALITY)
    while at:
        if n == 0 or <int32_t>(t.ties[at].changed - latest) > 0:
            latest = t.ties[at].changed
        n += 1
        t.ties[at].seen = w.tick
        at = tie_next(t, t.ties[at].next, w.shared.slots, to, s.slot | LOCALITY)
    if n < 2 or <int32_t>(w.tick - latest) <= LOCAL_TTL:
        return
    at = extreme(w, s, chain, to, True)
    if at:
        tie_drop(t, chain, at)
        at = tie_next(t, chain.first, w.shared.slots, to, s.slot | LOCALITY)
        t.ties[at].changed = w.tick


cdef inline Real *pick_of_local(Worker *w, Service *s, Chain *chain, const uint8_t *to) noexcept nogil:
    """lblcr."""
    cdef TieTable *t = &w.shared.ties
    cdef uint32_t at = extreme(w, s, chain, to, False)
    cdef Real *r = real_of(s, t.ties[at].real) if at else NULL
    thin_out(w, s, chain, to)
    if r != NULL and not strained(s, w.shared.slots, r):
        return r
    r = pick_wlc(s, w.shared.slots)
    if r == NULL:
        return NULL
    at = tie_next(t, chain.first, w.shared.slots, to, s.slot | LOCALITY)
    while at and t.ties[at].real != r.slot:
        at = tie_next(t, t.ties[at].next, w.shared.slots, to, s.slot | LOCALITY)
    if at == 0:
        local_tie(w, s, chain, to, 0, r)
    return r


cdef inline Real *pick_local(Worker *w, Service *s, Meta *k, bint several) noexcept nogil:
    cdef uint8_t to[16]
    cdef uint32_t size = 4 if k.family == 4 else 16
    cdef Chain *chain
    cdef Real *r
    memset(to, 0, 16)
    memcpy(to, k.addresses + size, size)
    chain = chain_of(&w.shared.ties, to, s.slot | LOCALITY)
    ties_sweep(&w.shared.ties, w.shared.slots, w.tick, CHAINS_SWEPT)
    rte_spinlock_lock(&chain.lock)
    r = pick_of_local(w, s, chain, to) if several else pick_one_local(w, s, chain, to)
    rte_spinlock_unlock(&chain.lock)
    return r
