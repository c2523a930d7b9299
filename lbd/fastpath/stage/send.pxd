# SPDX-License-Identifier: Apache-2.0
"""The queues in front of the ports: a burst of stages fills them, the end of the burst empties them."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.dpdk.eal cimport unlikely
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf, rte_pktmbuf_free
from lbd.fastpath.port.port cimport MAX_PORTS, Port
from lbd.fastpath.reasons cimport DROP_PORT_DETACHED
from lbd.fastpath.state cimport TXQ, TxQueue, Worker


cdef inline void flush(Port *p, TxQueue *q, uint64_t *counts) noexcept nogil:
    cdef uint32_t n = q.n
    q.n = 0
    if n:
        p.tx(p, q.m, <uint16_t>n, counts)


cdef inline void send(Worker *w, uint16_t port, rte_mbuf *m) noexcept nogil:
    """Owns m from here on: it ends as TX or as a drop, counted."""
    cdef Port *p = w.ports[port]
    cdef TxQueue *q = &w.txq[port]
    if unlikely(p == NULL or not p.attached):
        w.counts[DROP_PORT_DETACHED] += 1
        rte_pktmbuf_free(m)
        return
    q.m[q.n] = m
    q.n += 1
    if q.n == TXQ:
        flush(p, q, w.counts)


cdef inline void flush_all(Worker *w) noexcept nogil:
    cdef uint32_t i
    for i in range(MAX_PORTS):
        if w.txq[i].n:
            flush(w.ports[i], &w.txq[i], w.counts)
    if w.tapq.n:
        flush(w.tap, &w.tapq, w.tap_counts)
