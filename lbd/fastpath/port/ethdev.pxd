# SPDX-License-Identifier: Apache-2.0
"""The owned port: a device under a DPDK driver. A partial checksum is completed here; super-frames do not fit it."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memset
from lbd.fastpath.atomic cimport set16
from lbd.fastpath.dpdk.ethdev cimport rte_eth_rx_burst, rte_eth_tx_burst
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf, rte_pktmbuf_free
from lbd.fastpath.dpdk.net cimport rte_raw_cksum_mbuf
from lbd.fastpath.hdr.virtio cimport PRIV_SIZE, VNET_GSO_NONE, VNET_NEEDS_CSUM, VnetHdr, vnet_of
from lbd.fastpath.port.port cimport NO_QUEUE, Port
from lbd.fastpath.reasons cimport DROP_TX_FULL, DROP_TX_REFUSED, TX

cdef enum:
    OUT = 64


cdef inline uint16_t ethdev_rx(Port *p, rte_mbuf **frames, uint16_t n) noexcept nogil:
    cdef uint16_t got = 0 if p.rxq == NO_QUEUE else rte_eth_rx_burst(p.dev, p.rxq, frames, n)
    cdef uint16_t i
    for i in range(got):
        memset(vnet_of(frames[i]), 0, PRIV_SIZE)
    p.rx_frames += got
    return got


cdef inline bint complete(rte_mbuf *m) noexcept nogil:
    """The checksum that a virtio header says is still to be made. False: it cannot be, or segmentation is wanted."""
    cdef VnetHdr *v = vnet_of(m)
    cdef uint16_t sum = 0
    if v.gso_type != VNET_GSO_NONE or v.csum_start + v.csum_offset + 2 > m.data_len:
        return False
    if rte_raw_cksum_mbuf(m, v.csum_start, m.pkt_len - v.csum_start, &sum) != 0:
        return False
    sum = ~sum & 0xffff
    set16(bytes_of(m) + v.csum_start + v.csum_offset, sum if sum else 0xffff)
    return True


cdef inline uint16_t ethdev_tx(Port *p, rte_mbuf **frames, uint16_t n, uint64_t *counts) noexcept nogil:
    cdef rte_mbuf *ready[OUT]
    cdef uint16_t good = 0
    cdef uint16_t sent, i
    for i in range(n):
        if vnet_of(frames[i]).flags & VNET_NEEDS_CSUM or vnet_of(frames[i]).gso_type != VNET_GSO_NONE:
            if not complete(frames[i]):
                counts[DROP_TX_REFUSED] += 1
                rte_pktmbuf_free(frames[i])
                continue
        ready[good] = frames[i]
        good += 1
    sent = rte_eth_tx_burst(p.dev, p.txq, ready, good)
    for i in range(sent, good):
        rte_pktmbuf_free(ready[i])
    counts[TX] += sent
    counts[DROP_TX_FULL] += good - sent
    p.tx_frames += sent
    p.tx_failed += n - sent
    return n


cdef inline void ethdev_shut(Port *p) noexcept nogil:
    pass
