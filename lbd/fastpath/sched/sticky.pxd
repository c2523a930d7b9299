# SPDX-License-Identifier: Apache-2.0
"""Persistence: connections of one client, or of one network of clients, go to one server (ip_vs_sched_persist).

The tie lasts for the timeout after the last new connection, and while one lives. It holds beyond weight 0 and beyond
the server's limit, as in IPVS; it ends with the server.
"""
from libc.stdint cimport uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport set64, u64
from lbd.fastpath.burst cimport Meta
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf
from lbd.fastpath.dpdk.spinlock cimport rte_spinlock_lock, rte_spinlock_unlock
from lbd.fastpath.sched.candidate cimport real_of
from lbd.fastpath.sched.sched cimport schedule
from lbd.fastpath.stage.parse cimport TCP
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.conn cimport FORWARD, Conn, ConnTable, conn_key
from lbd.fastpath.table.directory cimport Real, Service
from lbd.fastpath.table.slot cimport Slot, slot_enter_over, slot_leave
from lbd.fastpath.table.tie cimport (CHAINS_SWEPT, Chain, Tie, TieTable, chain_of, tie_is_over, tie_new, tie_next,
                                     ties_sweep)


cdef inline void client_of(uint8_t *out, const uint8_t *address, uint32_t size, const Slot *service) noexcept nogil:
    """The network that counts as one client, in 16 bytes."""
    cdef uint32_t i
    set64(out, 0)
    set64(out + 8, 0)
    for i in range(size):
        out[i] = address[i] & service.mask[i]


cdef inline Real *tied(Worker *w, Service *s, Chain *chain, const uint8_t *client, bint active) noexcept nogil:
    """The server that the client is tied to, with the connection counted there; NULL: it is free to go anywhere."""
    cdef TieTable *t = &w.shared.ties
    cdef Slot *slots = w.shared.slots
    cdef uint32_t at = tie_next(t, chain.first, slots, client, s.slot)
    cdef Tie *e = &t.ties[at]
    cdef Real *r
    if at == 0 or tie_is_over(e, slots, w.tick):
        return NULL
    r = real_of(s, e.real)
    if r == NULL or r.local:
        return r
    slot_enter_over(&slots[r.slot], active)
    e.seen = w.tick
    e.live += 1
    return r


cdef inline void tie_to(Worker *w, Service *s, Chain *chain, const uint8_t *client, Real *r) noexcept nogil:
    """A tie whose server is gone gets the new one; without room for one the connection goes untied."""
    cdef TieTable *t = &w.shared.ties
    cdef uint32_t at = tie_next(t, chain.first, w.shared.slots, client, s.slot)
    if at == 0:
        at = tie_new(t, chain, w.shared.slots, client, s.slot, w.tick)
    if at:
        t.ties[at].real = r.slot
        t.ties[at].ttl = s.persistence
        t.ties[at].seen = w.tick
        t.ties[at].live += 1


cdef inline Real *choose_tied(Worker *w, Service *s, Meta *k, rte_mbuf *m) noexcept nogil:
    """As ``schedule``. No lock is held while the scheduler works, so another worker may tie the client meanwhile."""
    cdef uint8_t client[16]
    cdef Chain *chain
    cdef Real *r
    cdef Real *other
    client_of(client, k.addresses, 4 if k.family == 4 else 16, &w.shared.slots[s.slot])
    chain = chain_of(&w.shared.ties, client, s.slot)
    rte_spinlock_lock(&chain.lock)
    r = tied(w, s, chain, client, k.proto == TCP)
    rte_spinlock_unlock(&chain.lock)
    if r != NULL:
        return r
    r = schedule(w, s, k, m)
    if r == NULL or r.local:
        return r
    rte_spinlock_lock(&chain.lock)
    other = tied(w, s, chain, client, k.proto == TCP)
    if other == NULL:
        tie_to(w, s, chain, client, r)
    rte_spinlock_unlock(&chain.lock)
    ties_sweep(&w.shared.ties, w.shared.slots, w.tick, CHAINS_SWEPT)
    if other == NULL:
        return r
    slot_leave(&w.shared.slots[r.slot], k.proto == TCP)
    return other


cdef inline void untie(Worker *w, uint32_t service, const uint8_t *address, uint32_t size) noexcept nogil:
    """A connection of this client has ended. One that was made before persistence was changed is in no tie."""
    cdef uint8_t client[16]
    cdef TieTable *t = &w.shared.ties
    cdef Chain *chain
    cdef uint32_t at
    client_of(client, address, size, &w.shared.slots[service])
    chain = chain_of(t, client, service)
    rte_spinlock_lock(&chain.lock)
    at = tie_next(t, chain.first, w.shared.slots, client, service)
    if at and t.ties[at].live:
        t.ties[at].live -= 1
    rte_spinlock_unlock(&chain.lock)
