# SPDX-License-Identifier: Apache-2.0
"""A super-frame cut into the segments that it stands for, where the way out cannot take it whole: into a tunnel, and by
a port that DPDK drives. The checksum of each is made, as the interface would have (RFC 9293, UDP: RFC 768)."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset
from lbd.fastpath.atomic cimport set16, set32, u16, u32
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf, rte_pktmbuf_alloc, rte_pktmbuf_free, rte_pktmbuf_read
from lbd.fastpath.dpdk.net cimport (be16, be32, rte_ipv4_cksum, rte_ipv4_hdr, rte_ipv4_udptcp_cksum, rte_ipv6_hdr,
                                    rte_ipv6_udptcp_cksum)
from lbd.fastpath.hdr.virtio cimport PRIV_SIZE, VNET_GSO_NONE, vnet_of
from lbd.fastpath.port.port cimport Port

cdef enum:
    L3 = 14
    TCP_FIN_PSH = 0x09
    TCP_CWR = 0x80
    VNET_GSO_UDP_L4 = 5          # linux/virtio_net.h


cdef struct Cut:                 # how a super-frame falls apart
    uint32_t header              # bytes before the payload of each segment
    uint32_t l4
    uint32_t size                # payload bytes of all segments but the last
    uint32_t payload
    uint32_t pieces
    bint ipv4
    bint tcp


cdef inline bint plan_cut(rte_mbuf *m, Cut *c) noexcept nogil:
    """False: it is no super-frame, or none that this knows."""
    cdef const uint8_t *frame = bytes_of(m)
    cdef uint32_t total
    cdef uint8_t kind = vnet_of(m).gso_type & 0x7f
    c.ipv4 = frame[12] == 8
    c.tcp = kind != VNET_GSO_UDP_L4
    c.l4 = vnet_of(m).csum_start
    c.size = vnet_of(m).gso_size
    if (kind != 1 and kind != 4 and kind != VNET_GSO_UDP_L4) or c.size == 0 or c.l4 + 20 > m.data_len:
        return False
    c.header = c.l4 + ((frame[c.l4 + 12] >> 4) * 4 if c.tcp else 8)
    total = L3 + (be16(u16(frame + L3 + 2)) if c.ipv4 else 40 + <uint32_t>be16(u16(frame + L3 + 4)))
    if c.header > m.data_len or total > m.pkt_len or total < c.header:
        return False
    c.payload = total - c.header
    c.pieces = (c.payload + c.size - 1) // c.size
    return c.pieces > 0


cdef inline void finish_tcp(uint8_t *l4, Cut *c, uint32_t i) noexcept nogil:
    set32(l4 + 4, be32(be32(u32(l4 + 4)) + i * c.size))
    if i + 1 < c.pieces:
        l4[13] &= ~TCP_FIN_PSH & 0xff
    if i > 0:
        l4[13] &= ~TCP_CWR & 0xff
    set16(l4 + 16, 0)


cdef inline void finish_piece(uint8_t *frame, Cut *c, uint32_t i, uint32_t n) noexcept nogil:
    """Lengths, numbers and checksums of the i-th segment, whose payload has n bytes."""
    cdef uint8_t *ip = frame + L3
    cdef uint8_t *l4 = frame + c.l4
    cdef uint16_t sum
    if c.ipv4:
        set16(ip + 2, be16(<uint16_t>(c.header - L3 + n)))
        set16(ip + 4, be16(<uint16_t>(be16(u16(ip + 4)) + i)))
        set16(ip + 10, 0)
        set16(ip + 10, rte_ipv4_cksum(<rte_ipv4_hdr *>ip))
    else:
        set16(ip + 4, be16(<uint16_t>(c.header - L3 - 40 + n)))
    if c.tcp:
        finish_tcp(l4, c, i)
    else:
        set16(l4 + 4, be16(<uint16_t>(8 + n)))
        set16(l4 + 6, 0)
    sum = (rte_ipv4_udptcp_cksum(<rte_ipv4_hdr *>ip, l4) if c.ipv4
           else rte_ipv6_udptcp_cksum(<rte_ipv6_hdr *>ip, l4))
    set16(l4 + (16 if c.tcp else 6), sum)


cdef inline rte_mbuf *cut_piece(Port *p, rte_mbuf *m, Cut *c, uint32_t i) noexcept nogil:
    """The i-th segment in an mbuf of its own; NULL: none is free, or none is large enough."""
    cdef uint32_t n = c.size if i + 1 < c.pieces else c.payload - i * c.size
    cdef rte_mbuf *out = rte_pktmbuf_alloc(p.pool if c.header + n <= 1920 else p.jumbo)
    cdef const uint8_t *payload
    cdef uint8_t *frame
    if out == NULL:
        return NULL
    frame = bytes_of(out)
    memset(vnet_of(out), 0, PRIV_SIZE)
    memcpy(frame, bytes_of(m), c.header)
    payload = <const uint8_t *>rte_pktmbuf_read(m, c.header + i * c.size, n, frame + c.header)
    if payload == NULL:
        rte_pktmbuf_free(out)
        return NULL
    if payload != frame + c.header:
        memcpy(frame + c.header, payload, n)
    out.data_len = <uint16_t>(c.header + n)
    out.pkt_len = out.data_len
    finish_piece(frame, c, i, n)
    return out
