# SPDX-License-Identifier: Apache-2.0
"""lookup: keys to connections, in bulk, each touch of memory a pass ahead of its use."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.burst cimport BURST, M_FRAGMENT, M_SYN, Burst, Meta
from lbd.fastpath.dpdk.eal cimport likely, rte_prefetch0
from lbd.fastpath.reasons cimport LIVE
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.conn cimport Conn, ConnTable, conn_at, conn_candidate, conn_find, conn_key, same_key


cdef inline ConnTable *table_of(Worker *w, Meta *k) noexcept nogil:
    return &w.table4 if k.family == 4 else &w.table6


cdef inline const uint8_t *target_of(Worker *w, Meta *k) noexcept nogil:
    """Whom the packet is for: the other key begins with the real server (of DR too), or the client."""
    cdef ConnTable *t = table_of(w, k)
    return conn_key(t, conn_at(t, k.ref >> 1), 1 - (k.ref & 1))


cdef inline void touch(Worker *w, Conn *c, uint32_t direction) noexcept nogil:
    """What deliver and output will write and read of it: many services have many counters."""
    rte_prefetch0(&w.counters[c.real])
    rte_prefetch0(&w.shared.hops[c.hop[direction]])


cdef inline void st_lookup(Worker *w, Burst *b) noexcept nogil:
    cdef uint32_t candidate[BURST]
    cdef uint32_t i
    cdef Meta *k
    cdef ConnTable *t
    b.openers = 0
    for i in range(b.n):
        k = &b.meta[i]
        candidate[i] = 0
        if likely(k.verdict == LIVE):
            candidate[i] = conn_candidate(table_of(w, k), k.hash)
    for i in range(b.n):
        k = &b.meta[i]
        if k.verdict != LIVE:
            continue
        t = table_of(w, k)
        if likely(candidate[i] != 0 and same_key(t, candidate[i], k.addresses, k.ports, k.proto)):
            k.ref = candidate[i]
        else:
            k.ref = conn_find(t, k.hash, k.addresses, k.ports, k.proto)
            if k.ref == 0:
                b.openers += 1
                continue
        b.openers += k.flags & M_SYN
        touch(w, conn_at(t, k.ref >> 1), k.ref & 1)
