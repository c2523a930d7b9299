# SPDX-License-Identifier: Apache-2.0
"""Ties: which real server an address goes to, beyond one connection. One table for all workers.

A client is tied to its server by persistence, a destination to its servers by lblc and lblcr (an address may have
several). A tie is touched once a connection, under the lock of its chain; the pool of ties has a lock of its own,
always taken last. A tie that nobody uses any more is found by whoever makes a new one.
"""
from libc.stdint cimport int32_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport fetch_add, load32, mum, set64, u64
from lbd.fastpath.dpdk.spinlock cimport rte_spinlock_lock, rte_spinlock_t, rte_spinlock_unlock
from lbd.fastpath.table.slot cimport Slot

cdef enum:
    LOCALITY = 0x80000000        # in Tie.owner: of a destination, not of a client
    CHAINS_SWEPT = 2             # for each new tie

cdef struct Tie:                 # 48 bytes
    uint8_t address[16]
    uint32_t owner               # slot of the service | LOCALITY
    uint32_t generation          # of that slot when the tie was made
    uint32_t real                # slot
    uint32_t next                # in the chain, or of the free ones; 0: the last
    uint32_t seen                # tick of the last new connection
    uint32_t ttl                 # ticks after that, while there is no connection
    uint32_t live                # connections
    uint32_t changed             # tick: when the address got or lost a server

cdef struct Chain:
    rte_spinlock_t lock
    uint32_t first

cdef struct TieTable:
    Tie *ties                    # from 1 on
    Chain *chains
    uint32_t mask                # chains - 1
    uint32_t capacity
    uint32_t rover               # chain to be swept next (atomic)
    rte_spinlock_t pool          # of what follows
    uint32_t fresh
    uint32_t free
    uint32_t used
    uint64_t secret[2]


cdef inline Chain *chain_of(TieTable *t, const uint8_t *address, uint32_t owner) noexcept nogil:
    cdef uint64_t h = mum(u64(address) ^ t.secret[0], u64(address + 8) ^ t.secret[1])
    return &t.chains[<uint32_t>mum(h ^ owner, t.secret[0]) & t.mask]


cdef inline bint tie_matches(const Tie *e, Slot *slots, const uint8_t *address, uint32_t owner) noexcept nogil:
    return (e.owner == owner and e.generation == slots[owner & ~<uint32_t>LOCALITY].generation
            and u64(e.address) == u64(address) and u64(&e.address[8]) == u64(address + 8))


cdef inline uint32_t tie_next(TieTable *t, uint32_t at, Slot *slots, const uint8_t *address,
                              uint32_t owner) noexcept nogil:
    """The first one of the address from ``at`` on; 0: none. Under the chain's lock, as all that follows."""
    while at and not tie_matches(&t.ties[at], slots, address, owner):
        at = t.ties[at].next
    return at


cdef inline bint tie_is_over(const Tie *e, Slot *slots, uint32_t tick) noexcept nogil:
    """Workers' ticks differ by one at times, so the difference has a sign."""
    if e.generation != slots[e.owner & ~<uint32_t>LOCALITY].generation:
        return True
    return e.live == 0 and <int32_t>(tick - e.seen) > <int32_t>e.ttl


cdef inline uint32_t tie_take(TieTable *t) noexcept nogil:
    """One from the pool; 0: it is empty."""
    cdef uint32_t at
    rte_spinlock_lock(&t.pool)
    at = t.free
    if at:
        t.free = t.ties[at].next
    elif t.fresh <= t.capacity:
        at = t.fresh
        t.fresh += 1
    t.used += at != 0
    rte_spinlock_unlock(&t.pool)
    return at


cdef inline uint32_t tie_new(TieTable *t, Chain *chain, Slot *slots, const uint8_t *address, uint32_t owner,
                             uint32_t tick) noexcept nogil:
    """At the head of its chain; without a server and a time yet. 0: there is no room."""
    cdef uint32_t at = tie_take(t)
    cdef Tie *e = &t.ties[at]
    if at == 0:
        return 0
    set64(e.address, u64(address))
    set64(&e.address[8], u64(address + 8))
    e.owner = owner
    e.generation = slots[owner & ~<uint32_t>LOCALITY].generation
    e.live = 0
    e.seen = tick
    e.changed = tick
    e.next = chain.first
    chain.first = at
    return at


cdef inline void tie_drop(TieTable *t, Chain *chain, uint32_t at) noexcept nogil:
    cdef uint32_t *link = &chain.first
    while link[0] != at:
        link = &t.ties[link[0]].next
    link[0] = t.ties[at].next
    rte_spinlock_lock(&t.pool)
    t.ties[at].next = t.free
    t.free = at
    t.used -= 1
    rte_spinlock_unlock(&t.pool)


cdef inline void ties_sweep(TieTable *t, Slot *slots, uint32_t tick, uint32_t n) noexcept nogil:
    """Frees what is over in the next n chains. With no lock held."""
    cdef Chain *chain
    cdef uint32_t i, at, next
    for i in range(n):
        chain = &t.chains[fetch_add(&t.rover, 1) & t.mask]
        if load32(&chain.first) == 0:
            continue
        rte_spinlock_lock(&chain.lock)
        at = chain.first
        while at:
            next = t.ties[at].next
            if tie_is_over(&t.ties[at], slots, tick):
                tie_drop(t, chain, at)
            at = next
        rte_spinlock_unlock(&chain.lock)
