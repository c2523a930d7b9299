# SPDX-License-Identifier: Apache-2.0
"""lbd0, the way back to the kernel: a TAP with the virtio header. Frames written to it are received there.

What the kernel sends into it (neighbour discovery and the like) is read and thrown away on a shared-port machine.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf, rte_pktmbuf_free
from lbd.fastpath.port.packet cimport SEGMENTS, gather, iovec, readv, writev
from lbd.fastpath.port.port cimport Port


cdef inline uint16_t tap_rx(Port *p, rte_mbuf **frames, uint16_t n) noexcept nogil:
    """Reads up to n frames away and gives none: how many there were stands in rx_frames."""
    cdef uint8_t sink[2048]
    cdef iovec iov
    cdef uint16_t i
    iov.iov_base = sink
    iov.iov_len = sizeof(sink)
    for i in range(n):
        if readv(p.fd, &iov, 1) <= 0:
            break
        p.rx_frames += 1
    return 0


cdef inline uint16_t tap_tx(Port *p, rte_mbuf **frames, uint16_t n, uint64_t *counts) noexcept nogil:
    cdef iovec iov[SEGMENTS]
    cdef uint16_t i
    for i in range(n):
        if writev(p.fd, iov, gather(iov, frames[i])) > 0:
            p.tx_frames += 1
        else:
            p.tx_failed += 1
        rte_pktmbuf_free(frames[i])
    return n


cdef inline void tap_shut(Port *p) noexcept nogil:
    pass
