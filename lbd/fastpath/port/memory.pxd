# SPDX-License-Identifier: Apache-2.0
"""The port of ``Dataplane.feed``: what is sent stays in memory until it is collected."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport free
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf, rte_pktmbuf_free
from lbd.fastpath.port.port cimport Port
from lbd.fastpath.reasons cimport DROP_TX_FULL, TX

cdef enum:
    HELD = 4096

cdef struct MemoryState:
    uint32_t n
    rte_mbuf *m[HELD]


cdef inline uint16_t memory_rx(Port *p, rte_mbuf **frames, uint16_t n) noexcept nogil:
    return 0


cdef inline uint16_t memory_tx(Port *p, rte_mbuf **frames, uint16_t n, uint64_t *counts) noexcept nogil:
    cdef MemoryState *s = <MemoryState *>p.state
    cdef uint16_t i
    for i in range(n):
        if s.n == HELD:
            counts[DROP_TX_FULL] += 1
            p.tx_failed += 1
            rte_pktmbuf_free(frames[i])
            continue
        s.m[s.n] = frames[i]
        s.n += 1
        counts[TX] += 1
        p.tx_frames += 1
    return n


cdef inline void memory_shut(Port *p) noexcept nogil:
    cdef MemoryState *s = <MemoryState *>p.state
    cdef uint32_t i
    for i in range(s.n):
        rte_pktmbuf_free(s.m[i])
    free(s)
    p.state = NULL
