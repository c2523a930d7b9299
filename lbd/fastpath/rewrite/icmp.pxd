# SPDX-License-Identifier: Apache-2.0
"""ICMP errors that belong to a connection: the outer and the embedded packet become what their receiver knows.

An error about a packet that we sent on is answered to by the opposite key: it goes to the one who sent that packet
first, and must quote it as it was then. So with ``back`` = the key of that sender: outer destination = back's source,
outer source = back's destination, embedded addresses and ports = back. NAT leaves the outer source of what goes to
the real server alone, as IPVS does (ip_vs_nat_icmp), and SNAT that of what goes inside.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy
from lbd.fastpath.atomic cimport set16, set32, u16, u32
from lbd.fastpath.burst cimport Meta
from lbd.fastpath.dpdk.net cimport (be16, rte_ipv4_cksum, rte_ipv4_hdr, rte_ipv6_hdr, rte_ipv6_phdr_cksum,
                                    rte_raw_cksum)
from lbd.fastpath.hdr.csum cimport apply, fold
from lbd.fastpath.reasons cimport DROP_BAD_ICMP_CHECKSUM, LIVE
from lbd.fastpath.rewrite.method cimport DR, NAT, SNAT
from lbd.fastpath.stage.parse cimport SCTP, TCP, UDP
from lbd.fastpath.table.conn cimport FORWARD, REPLY, Conn, ConnTable, conn_key


cdef inline uint16_t icmp_sum(Meta *k, const uint8_t *frame) noexcept nogil:
    """0xffff where the checksum is right."""
    cdef uint32_t n = k.length - (k.l4 - k.l3)
    cdef uint64_t s = rte_raw_cksum(frame + k.l4, n)
    if k.family == 6:
        s += phdr6(k, frame, n)
    return fold(s)


cdef inline uint64_t phdr6(Meta *k, const uint8_t *frame, uint32_t n) noexcept nogil:
    """Sum of the pseudo header of RFC 8200 section 8.1, whatever extension headers stand before."""
    return <uint64_t>rte_raw_cksum(frame + k.l3 + 8, 32) + be16(<uint16_t>n) + be16(58)


cdef inline void embedded_l4(uint8_t *inner, uint32_t header, uint8_t proto, uint32_t room, uint16_t delta) noexcept nogil:
    """The quoted L4 checksum, as far as it is quoted."""
    cdef uint32_t at = header + (16 if proto == TCP else 6 if proto == UDP else 2)
    if proto != SCTP and at + 2 <= room and (proto != UDP or u16(inner + at) != 0):
        set16(inner + at, apply(u16(inner + at), delta))


cdef inline void embedded_ports(uint8_t *l4, uint8_t proto, uint32_t ports) noexcept nogil:
    if proto == TCP or proto == UDP or proto == SCTP:
        set32(l4, ports)
    else:
        set16(l4 + 4, <uint16_t>(ports | ports >> 16))


cdef inline bint keeps_source(Conn *c, Meta *k) noexcept nogil:
    """The router that tells is known to whom it tells: NAT's real servers, and SNAT's hosts inside."""
    return (c.method == NAT and k.ref & 1 == FORWARD) or (c.method == SNAT and k.ref & 1 == REPLY)


cdef inline void translate4(ConnTable *t, Conn *c, Meta *k, uint8_t *frame, const uint8_t *back,
                            uint16_t delta3, uint16_t delta4) noexcept nogil:
    cdef uint8_t *ip = frame + k.l3
    cdef uint8_t *inner = frame + k.embedded
    cdef uint32_t header = (inner[0] & 15) * 4
    set32(ip + 16, u32(back))
    if not keeps_source(c, k):
        set32(ip + 12, u32(back + 4))
    set16(ip + 10, 0)
    set16(ip + 10, rte_ipv4_cksum(<rte_ipv4_hdr *>ip))
    memcpy(inner + 12, back, 8)
    set16(inner + 10, apply(u16(inner + 10), delta3))
    embedded_ports(inner + header, k.proto, u32(back + 8))
    embedded_l4(inner, header, k.proto, k.length - (k.embedded - k.l3), delta4)


cdef inline void translate6(ConnTable *t, Conn *c, Meta *k, uint8_t *frame, const uint8_t *back,
                            uint16_t delta4) noexcept nogil:
    cdef uint8_t *ip = frame + k.l3
    cdef uint8_t *inner = frame + k.embedded
    memcpy(ip + 24, back, 16)
    if not keeps_source(c, k):
        memcpy(ip + 8, back + 16, 16)
    memcpy(inner + 8, back, 32)
    embedded_ports(inner + 40, k.proto, u32(back + 32))
    embedded_l4(inner, 40, k.proto, k.length - (k.embedded - k.l3), delta4)


cdef inline int translate_error(ConnTable *t, Conn *c, Meta *k, uint8_t *frame, uint32_t in_first) noexcept nogil:
    """in_first: bytes of the frame in its first segment."""
    cdef const uint8_t *back = conn_key(t, c, 1 - (k.ref & 1))
    cdef uint32_t n = k.length - (k.l4 - k.l3)
    cdef uint16_t delta3, delta4
    if k.l4 + n > in_first or icmp_sum(k, frame) != 0xffff:
        return DROP_BAD_ICMP_CHECKSUM
    if c.method >= DR:
        return LIVE
    # what is quoted goes back from what we sent to what we got: against the delta of the way it went
    delta3 = c.delta3 if k.ref & 1 == FORWARD else ~c.delta3 & 0xffff
    delta4 = c.delta4 if k.ref & 1 == FORWARD else ~c.delta4 & 0xffff
    if k.family == 4:
        translate4(t, c, k, frame, back, delta3, delta4)
    else:
        translate6(t, c, k, frame, back, delta4)
    set16(frame + k.l4 + 2, 0)
    set16(frame + k.l4 + 2, ~(rte_raw_cksum(frame + k.l4, n) if k.family == 4
                              else fold(rte_raw_cksum(frame + k.l4, n) + phdr6(k, frame, n))) & 0xffff)
    return LIVE
