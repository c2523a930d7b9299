# SPDX-License-Identifier: Apache-2.0
"""SCTP: its CRC32c (RFC 9260 section 6.8) covers the ports and knows no difference: it is checked, and made anew."""
from libc.stdint cimport uint16_t, uint32_t, uint8_t
from lbd.fastpath.atomic cimport set32, u32
from lbd.fastpath.burst cimport M_PARTIAL, Meta
from lbd.fastpath.dpdk.hash_crc cimport rte_hash_crc
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf
from lbd.fastpath.hdr.virtio cimport VNET_NEEDS_CSUM, vnet_of
from lbd.fastpath.reasons cimport DROP_BAD_SCTP_CHECKSUM, LIVE


cdef inline uint32_t crc32c(rte_mbuf *m, uint32_t at, uint32_t n) noexcept nogil:
    """Over n bytes of a frame from ``at`` on, as it stands in the header; the checksum field is 0."""
    cdef uint32_t crc = 0xffffffff
    cdef uint32_t part
    while m != NULL and n:
        if at >= m.data_len:
            at -= m.data_len
            m = m.next
            continue
        part = m.data_len - at
        if part > n:
            part = n
        crc = rte_hash_crc(bytes_of(m) + at, part, crc)
        n -= part
        at = 0
        m = m.next
    return ~crc


cdef inline int translate_sctp(uint8_t *l4, Meta *k, rte_mbuf *m, uint32_t ports) noexcept nogil:
    """A sum that is left to the interface (virtio NEEDS_CSUM) is made here: it would make another kind."""
    cdef uint32_t n = k.length - (k.l4 - k.l3)
    cdef uint32_t was = u32(l4 + 8)
    set32(l4 + 8, 0)
    if not k.flags & M_PARTIAL and was != crc32c(m, k.l4, n):
        return DROP_BAD_SCTP_CHECKSUM
    vnet_of(m).flags &= ~VNET_NEEDS_CSUM & 0xff
    set32(l4, ports)
    set32(l4 + 8, crc32c(m, k.l4, n))
    return LIVE
