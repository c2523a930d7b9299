# SPDX-License-Identifier: Apache-2.0
"""Fragmenting what is longer than the MTU of the way out and may be: IPv4 without DF (RFC 791), and IPv6 that lbd made."""
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset
from lbd.fastpath.atomic cimport set16
from lbd.fastpath.dpdk.ip_frag cimport rte_ipv4_fragment_packet, rte_ipv6_fragment_packet
from lbd.fastpath.dpdk.mbuf cimport (bytes_of, rte_mbuf, rte_mempool, rte_pktmbuf_adj, rte_pktmbuf_free,
                                     rte_pktmbuf_prepend)
from lbd.fastpath.dpdk.net cimport rte_ipv4_cksum, rte_ipv4_hdr
from lbd.fastpath.hdr.virtio cimport PRIV_SIZE, VNET_GSO_NONE, VNET_NEEDS_CSUM, private_of, vnet_of
from lbd.fastpath.port.ethdev cimport complete
from lbd.fastpath.reasons cimport DROP_TOO_BIG
from lbd.fastpath.stage.send cimport send
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.hop cimport Hop

cdef enum:
    PIECES = 64


cdef inline bint may_fragment(const uint8_t *frame, rte_mbuf *m) noexcept nogil:
    """A super-frame is segmented, not fragmented."""
    if vnet_of(m).gso_type != VNET_GSO_NONE:
        return False
    return not frame[20] & 0x40 if frame[12] == 8 else private_of(m).own != 0


cdef inline void send_piece(Worker *w, rte_mbuf *piece, const uint8_t *ether, uint16_t port) noexcept nogil:
    cdef uint8_t *ip = bytes_of(piece)
    if ip[0] >> 4 == 4:
        set16(ip + 10, 0)        # the library leaves the checksum to the device
        set16(ip + 10, rte_ipv4_cksum(<rte_ipv4_hdr *>ip))
    memset(vnet_of(piece), 0, PRIV_SIZE)
    memcpy(rte_pktmbuf_prepend(piece, 14), ether, 14)
    send(w, port, piece)


cdef inline void send_in_pieces(Worker *w, rte_mbuf *m, Hop *h) noexcept nogil:
    """The frame is finished but for its length; it is consumed. All pieces but one count as originated."""
    cdef rte_mbuf *pieces[PIECES]
    cdef uint8_t ether[14]
    cdef int32_t n, i
    memcpy(ether, bytes_of(m), 14)
    # the L4 checksum covers the whole packet: it is made before the packet falls apart
    n = -1
    if may_fragment(bytes_of(m), m) and (not vnet_of(m).flags & VNET_NEEDS_CSUM or complete(m)):
        rte_pktmbuf_adj(m, 14)
        if ether[12] == 8:
            n = rte_ipv4_fragment_packet(m, pieces, PIECES, h.mtu, w.ports[h.port].pool, w.shared.indirect)
        else:
            n = rte_ipv6_fragment_packet(m, pieces, PIECES, h.mtu, w.ports[h.port].pool, w.shared.indirect)
    if n <= 0:
        w.counts[DROP_TOO_BIG] += 1
    for i in range(n):
        send_piece(w, pieces[i], ether, h.port)
        w.originated += i > 0
    rte_pktmbuf_free(m)
