# SPDX-License-Identifier: Apache-2.0
"""FullNAT and NAT, both directions: the packet becomes the connection's other key, turned round.

Checksums are updated by difference (RFC 1624); a UDP checksum of 0 stays 0 in IPv4 (RFC 768), and one that becomes 0
is sent as all ones. An ICMP identifier is translated as a port is. In a partial checksum only the pseudo-header counts, so only the addresses do.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy
from lbd.fastpath.atomic cimport set16, set32, set64, u16, u32, u64
from lbd.fastpath.burst cimport M_PARTIAL, Meta
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf
from lbd.fastpath.hdr.csum cimport apply, apply_partial
from lbd.fastpath.reasons cimport LIVE
from lbd.fastpath.rewrite.sctp cimport translate_sctp
from lbd.fastpath.stage.parse cimport SCTP, TCP, UDP
from lbd.fastpath.table.conn cimport FORWARD, Conn, ConnTable, conn_key


cdef inline void turn_round(uint8_t *to, const uint8_t *key, uint32_t half) noexcept nogil:
    """The key's addresses, source and destination exchanged."""
    if half == 4:
        set64(to, u64(key) << 32 | u64(key) >> 32)
    else:
        memcpy(to, key + 16, 16)
        memcpy(to + 16, key, 16)


cdef inline void update_l4(uint8_t *field, Meta *k, uint16_t delta3, uint16_t delta4) noexcept nogil:
    cdef uint16_t old = u16(field)
    cdef uint16_t new
    if k.flags & M_PARTIAL:
        set16(field, apply_partial(old, delta3))
        return
    if k.proto != UDP:
        set16(field, apply(old, delta4))
        return
    if old == 0 and k.family == 4:
        return
    new = apply(old, delta4)
    set16(field, new if new else 0xffff)


cdef inline uint32_t translate_l3(ConnTable *t, Conn *c, Meta *k, uint8_t *frame, uint16_t delta3) noexcept nogil:
    """Addresses and the IPv4 checksum; the ports, as they shall stand on the wire."""
    cdef const uint8_t *key = conn_key(t, c, 1 - (k.ref & 1))
    cdef uint32_t ports = u32(key + t.address_size)
    if k.family == 4:
        turn_round(frame + k.l3 + 12, key, 4)
        set16(frame + k.l3 + 10, apply(u16(frame + k.l3 + 10), delta3))
    else:
        turn_round(frame + k.l3 + 8, key, 16)
    return ports << 16 | ports >> 16


cdef inline void translate_addresses(ConnTable *t, Conn *c, Meta *k, uint8_t *frame) noexcept nogil:
    """Of a later fragment: there is nothing else in it."""
    translate_l3(t, c, k, frame, c.delta3 if k.ref & 1 == FORWARD else ~c.delta3 & 0xffff)


cdef inline void translate(ConnTable *t, Conn *c, Meta *k, uint8_t *frame) noexcept nogil:
    """Of TCP and UDP."""
    cdef uint8_t *l4 = frame + k.l4
    cdef uint16_t delta3 = c.delta3 if k.ref & 1 == FORWARD else ~c.delta3 & 0xffff
    cdef uint16_t delta4 = c.delta4 if k.ref & 1 == FORWARD else ~c.delta4 & 0xffff
    set32(l4, translate_l3(t, c, k, frame, delta3))
    update_l4(l4 + (16 if k.proto == TCP else 6), k, delta3, delta4)


cdef inline int translate_other(ConnTable *t, Conn *c, Meta *k, rte_mbuf *m) noexcept nogil:
    """Of SCTP and ICMP. LIVE, or why the packet must not go on."""
    cdef uint8_t *l4 = bytes_of(m) + k.l4
    cdef uint16_t delta3 = c.delta3 if k.ref & 1 == FORWARD else ~c.delta3 & 0xffff
    cdef uint16_t delta4 = c.delta4 if k.ref & 1 == FORWARD else ~c.delta4 & 0xffff
    cdef uint32_t ports = translate_l3(t, c, k, bytes_of(m), delta3)
    if k.proto == SCTP:
        return translate_sctp(l4, k, m, ports)
    # an identifier stands on one side, and 0 on the other
    set16(l4 + 4, <uint16_t>(ports | ports >> 16))
    update_l4(l4 + 2, k, delta3 if k.family == 6 else 0, delta4)
    return LIVE
