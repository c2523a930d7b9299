# SPDX-License-Identifier: Apache-2.0
"""punt, and the end of every packet that output did not send: handed back to the kernel, or freed; each counted."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy
from lbd.fastpath.burst cimport BURST, Burst, Meta
from lbd.fastpath.dpdk.eal cimport likely
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf, rte_pktmbuf_free
from lbd.fastpath.port.port cimport Port
from lbd.fastpath.reasons cimport *
from lbd.fastpath.stage.send cimport flush
from lbd.fastpath.state cimport TXQ, TxQueue, Worker


cdef inline void to_kernel(Worker *w, rte_mbuf *m) noexcept nogil:
    """Written to lbd0 as a frame to its own MAC address: the kernel takes it as received there."""
    if w.tap == NULL:
        rte_pktmbuf_free(m)
        return
    memcpy(bytes_of(m), w.shared.tap_mac, 6)
    w.tapq.m[w.tapq.n] = m
    w.tapq.n += 1
    if w.tapq.n == TXQ:
        flush(w.tap, &w.tapq, w.tap_counts)


cdef inline void st_punt(Worker *w, Burst *b) noexcept nogil:
    cdef uint32_t i
    cdef int verdict
    for i in range(b.n):
        verdict = b.meta[i].verdict
        if likely(verdict == TX):
            continue                 # counted by the port that sends it
        if verdict == WAITING or verdict == HANDED:
            continue                 # counted when it ends, or by its owner
        w.counts[verdict] += 1
        if is_punt(verdict) or (verdict < PUNT_NO_CONNECTION and w.ports[b.meta[i].in_port].owned):
            to_kernel(w, b.m[i])
        else:
            rte_pktmbuf_free(b.m[i])
