# SPDX-License-Identifier: Apache-2.0
"""Measuring the pipeline: bursts of one template frame, stamped with the flow each packet is of, in cycles.

``stamp`` is what a benchmark compares with: the same packets copied, stamped and sent without a stage in between.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy
from lbd.fastpath.atomic cimport set16, set32, u16, u32
from lbd.fastpath.burst cimport BURST, Burst
from lbd.fastpath.dpdk.eal cimport rte_rdtsc
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf
from lbd.fastpath.dpdk.net cimport be16, be32
from lbd.fastpath.hdr.csum cimport apply, fold
from lbd.fastpath.stage.send cimport flush_all, send
from lbd.fastpath.state cimport Worker
from lbd.fastpath.worker cimport run_burst

cdef struct Replay:
    rte_mbuf *m[BURST]
    uint8_t frame[64]
    uint32_t size


cdef inline void stamp(Replay *r, Burst *b, const uint32_t *flows) noexcept nogil:
    """Source address and port of each packet by its flow; both checksums by difference."""
    cdef uint32_t i, delta
    cdef uint16_t d
    cdef uint8_t *frame
    for i in range(BURST):
        frame = bytes_of(r.m[i])
        memcpy(frame, r.frame, 64)
        delta = be32(flows[i])
        d = fold(delta)
        set32(frame + 26, u32(frame + 26) + delta)   # the template's source ends in zeros enough
        set16(frame + 24, apply(u16(frame + 24), d))
        set16(frame + 40, apply(u16(frame + 40), d))
        b.m[i] = r.m[i]
        b.meta[i].in_port = 0
    b.n = BURST


cdef inline uint64_t replay(Worker *w, Replay *r, const uint32_t *flows, uint32_t bursts, bint straight) noexcept nogil:
    """Cycles for all of the bursts. ``flows`` has BURST numbers for each."""
    cdef Burst *b = &w.burst
    cdef uint64_t start = rte_rdtsc()
    cdef uint32_t n, i
    for n in range(bursts):
        stamp(r, b, flows + n * BURST)
        if straight:
            for i in range(BURST):
                send(w, 0, b.m[i])
            flush_all(w)
        else:
            w.rx += BURST
            run_burst(w, b)
    return rte_rdtsc() - start
