# SPDX-License-Identifier: Apache-2.0
"""parse: from bytes to a key and its hash; what cannot be a packet for us ends here.

Validity as RFC 1812 section 5.2.2 (IPv4) and RFC 8200 section 4 (IPv6) ask of a router. L4 checksums are not looked
at: they are updated by difference later, so that one that arrives wrong leaves wrong.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy
from lbd.fastpath.apart cimport apart
from lbd.fastpath.atomic cimport set64, set32, u16, u32, u64
from lbd.fastpath.burst cimport (BURST, M_ACK, M_FIN, M_FRAGMENT, M_ICMP_ERROR, M_PARTIAL, M_RST, M_SYN, Burst, Meta,
                                 end, set_rare)
from lbd.fastpath.dpdk.eal cimport likely, rte_prefetch0, unlikely
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf
from lbd.fastpath.dpdk.net cimport be16
from lbd.fastpath.hdr.csum cimport fold, sum_words
from lbd.fastpath.hdr.virtio cimport VNET_NEEDS_CSUM, vnet_of
from lbd.fastpath.port.port cimport Port
from lbd.fastpath.reasons cimport *
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.conn cimport bucket_of, hash4, hash6

cdef enum:                       # Proto
    ICMP = 1
    TCP = 6
    UDP = 17
    ICMP6 = 58
    SCTP = 132
    ETHER = 14
    MAX_EXTENSIONS = 8


cdef inline bint to_this_port(Port *p, const uint8_t *frame) noexcept nogil:
    cdef uint32_t i
    if likely(u32(frame) == u32(p.macs) and u16(frame + 4) == u16(&p.macs[4])):
        return True
    for i in range(1, p.n_macs):
        if memcmp(frame, &p.macs[i * 8], 6) == 0:
            return True
    return False


cdef inline int parse_tcp(Meta *k, const uint8_t *l4, uint32_t room, uint32_t length) noexcept nogil:
    """room: bytes in the first segment, length: bytes of the packet, both from l4 on."""
    cdef uint32_t offset, flags
    if room < 20 or length < 20:
        return DROP_RUNT
    offset = (l4[12] >> 4) * 4
    if offset < 20 or offset > length or offset > room:
        return DROP_BAD_TCP_HEADER
    flags = l4[13]
    k.flags |= <uint16_t>((flags & 2) >> 1 | (flags & 1) << 1 | flags & 4 | (flags & 16) >> 1)
    k.ports = u32(l4)
    return LIVE


cdef inline int parse_udp(Meta *k, const uint8_t *l4, uint32_t room, uint32_t length) noexcept nogil:
    cdef uint32_t said
    if room < 8 or length < 8:
        return DROP_RUNT
    said = be16(u16(l4 + 4))
    # a super-frame of UDP segments may carry the length of one of them, or 0: only what is too long is wrong
    if (said < 8 and said != 0) or said > length:
        return DROP_BAD_UDP_LENGTH
    k.ports = u32(l4)
    return LIVE


cdef inline int parse_sctp(Meta *k, const uint8_t *l4, uint32_t room, uint32_t length) noexcept nogil:
    """An INIT chunk is its SYN, ABORT its RST (RFC 9260 section 3.2)."""
    if room < 12 or length < 12:
        return DROP_RUNT
    k.ports = u32(l4)
    if room >= 16 and length >= 16:
        k.flags |= M_SYN if l4[12] == 1 else M_RST if l4[12] == 6 else 0
    return LIVE


cdef inline bint is_query(uint8_t proto, uint8_t type) noexcept nogil:
    """Echo, request or reply."""
    return (proto == ICMP and (type == 8 or type == 0)) or (proto == ICMP6 and (type == 128 or type == 129))


cdef inline bint is_error(uint8_t proto, uint8_t type) noexcept nogil:
    """Errors that quote a packet: unreachable, time exceeded, parameter problem (RFC 792, RFC 4443), too big."""
    return type == 3 or type == 11 or type == 12 if proto == ICMP else 1 <= type <= 4


cdef inline uint32_t query_ports(const uint8_t *l4) noexcept nogil:
    """The identifier stands for the port of the one who asks, the other's is 0."""
    return u16(l4 + 4) if l4[0] == 8 or l4[0] == 128 else <uint32_t>u16(l4 + 4) << 16


cdef inline int parse_query(Meta *k, const uint8_t *l4) noexcept nogil:
    """At least 8 bytes are there. An identifier of 0 would leave open who asks: the kernel has it."""
    if not is_query(k.proto, l4[0]) or u16(l4 + 4) == 0:
        return PASS_NOT_CLAIMED
    k.ports = query_ports(l4)
    return LIVE


cdef inline bint embedded_ports(Meta *k, const uint8_t *l4) noexcept nogil:
    """Of the packet that an ICMP error quotes, turned round; ICMP other than echo has none, and so no connection. At
    least 8 bytes are there. False: a protocol that is never ours."""
    cdef uint32_t ports = 0
    if k.proto == TCP or k.proto == UDP or k.proto == SCTP:
        ports = u32(l4)
    elif is_query(k.proto, l4[0]):
        ports = query_ports(l4)
    elif k.proto != (ICMP if k.family == 4 else ICMP6):
        return False
    k.ports = ports >> 16 | ports << 16
    return True


cdef inline int parse_embedded4(Burst *b, uint32_t i, const uint8_t *frame, uint32_t room) noexcept nogil:
    """The packet inside an ICMP error is one that we sent: turned round it is the key of an answer to it."""
    cdef Meta *k = &b.meta[i]
    cdef const uint8_t *inner = frame + k.l4 + 8
    cdef uint32_t header
    k.embedded = k.l4 + 8
    if room < 36 or inner[0] >> 4 != 4:
        return PASS_NOT_CLAIMED
    header = (inner[0] & 15) * 4
    if header < 20 or room < 8 + header + 8 or be16(u16(inner + 6)) & 0x1fff:
        return PASS_NOT_CLAIMED
    k.proto = inner[9]
    if not embedded_ports(k, inner + header):
        return PASS_NOT_CLAIMED
    set32(&b.turned[i][0], u32(inner + 16))
    set32(&b.turned[i][4], u32(inner + 12))
    k.addresses = &b.turned[i][0]
    k.flags |= M_ICMP_ERROR
    return LIVE


cdef inline int parse_embedded6(Burst *b, uint32_t i, const uint8_t *frame, uint32_t room) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef const uint8_t *inner = frame + k.l4 + 8
    k.embedded = k.l4 + 8
    if room < 8 + 40 + 8 or inner[0] >> 4 != 6:
        return PASS_NOT_CLAIMED
    k.proto = inner[6]
    if not embedded_ports(k, inner + 40):
        return PASS_NOT_CLAIMED
    memcpy(&b.turned[i][0], inner + 24, 16)
    memcpy(&b.turned[i][16], inner + 8, 16)
    k.addresses = &b.turned[i][0]
    k.flags |= M_ICMP_ERROR
    return LIVE


cdef inline int parse_rare(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    """Neither TCP nor UDP, or a piece of it."""
    cdef Meta *k = &b.meta[i]
    cdef const uint8_t *frame = bytes_of(b.m[i])
    cdef uint32_t length = ETHER + k.length - k.l4
    cdef uint32_t room = <uint32_t>b.m[i].data_len - k.l4
    if room > length:
        room = length
    if k.proto == SCTP:
        set_rare(b, k)
        return parse_sctp(k, frame + k.l4, room, length)
    if k.proto != (ICMP if k.family == 4 else ICMP6) or room < 8:
        return PASS_NOT_CLAIMED
    set_rare(b, k)
    if is_error(k.proto, frame[k.l4]):
        return parse_embedded4(b, i, frame, room) if k.family == 4 else parse_embedded6(b, i, frame, room)
    return parse_query(k, frame + k.l4)


cdef inline int parse_l4(Worker *w, Burst *b, uint32_t i, const uint8_t *frame, uint32_t room,
                         uint32_t length) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    if k.proto == TCP:
        return parse_tcp(k, frame + k.l4, room, length)
    if likely(k.proto == UDP):
        return parse_udp(k, frame + k.l4, room, length)
    return apart(parse_rare)(w, b, i)


cdef inline int parse4(Worker *w, Burst *b, uint32_t i, const uint8_t *frame, rte_mbuf *m) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef const uint8_t *ip = frame + ETHER
    cdef uint32_t header, total
    if m.data_len < ETHER + 20:
        return DROP_RUNT
    header = (ip[0] & 15) * 4
    total = be16(u16(ip + 2))
    if ip[0] >> 4 != 4 or header < 20 or total < header:
        return DROP_BAD_HEADER
    if total + ETHER > m.pkt_len:
        return DROP_TRUNCATED
    if m.data_len < ETHER + header:
        return DROP_RUNT
    if fold(sum_words(ip, header)) != 0xffff:
        return DROP_BAD_HEADER_CHECKSUM
    k.family = 4
    k.length = total
    k.proto = ip[9]
    k.l4 = <uint16_t>(ETHER + header)
    k.addresses = ip + 12
    if unlikely(u16(ip + 6) & be16(0x3fff)):
        k.flags |= M_FRAGMENT
        if u16(ip + 6) & be16(0x1fff):
            return LIVE              # what stands in the first one, gather knows
    return parse_l4(w, b, i, frame, m.data_len - k.l4, 65535 if k.flags & M_FRAGMENT else total - header)


cdef inline int skip_extensions(Meta *k, const uint8_t *frame, uint32_t end_at) noexcept nogil:
    """Moves k.l4 and k.proto past the extension headers (RFC 8200 section 4), 8 at most."""
    cdef uint32_t at = k.l4
    cdef uint32_t n
    for n in range(MAX_EXTENSIONS + 1):
        if k.proto != 0 and k.proto != 43 and k.proto != 60 and k.proto != 44:
            k.l4 = <uint16_t>at
            return LIVE
        if n == MAX_EXTENSIONS or at + 8 > end_at:
            return DROP_EXTENSION_HEADERS
        if k.proto == 44:
            if u16(frame + at + 2) & be16(0xfff9):
                k.flags |= M_FRAGMENT
                k.proto = frame[at]
                k.l4 = <uint16_t>(at + 8)
                return LIVE if at + 8 <= end_at else DROP_EXTENSION_HEADERS
            k.proto = frame[at]
            at += 8
        else:
            k.proto = frame[at]
            at += 8 + frame[at + 1] * 8
    return DROP_EXTENSION_HEADERS


cdef inline int parse6(Worker *w, Burst *b, uint32_t i, const uint8_t *frame, rte_mbuf *m) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef const uint8_t *ip = frame + ETHER
    cdef uint32_t end_at
    cdef int verdict
    if m.data_len < ETHER + 40:
        return DROP_RUNT
    if ip[0] >> 4 != 6:
        return DROP_BAD_HEADER
    k.length = 40 + be16(u16(ip + 4))
    if k.length + ETHER > m.pkt_len:
        return DROP_TRUNCATED
    k.family = 6
    k.proto = ip[6]
    k.l4 = ETHER + 40
    k.addresses = ip + 8
    end_at = ETHER + k.length
    if end_at > m.data_len:
        end_at = m.data_len
    verdict = skip_extensions(k, frame, end_at)
    if verdict != LIVE or (k.flags & M_FRAGMENT and u16(frame + k.l4 - 6) & be16(0xfff8)):
        return verdict               # of a later fragment, gather knows what stands in the first
    if k.l4 > end_at:
        return DROP_EXTENSION_HEADERS
    return parse_l4(w, b, i, frame, end_at - k.l4, 65535 if k.flags & M_FRAGMENT else ETHER + k.length - k.l4)


cdef inline int parse_frame(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    cdef rte_mbuf *m = b.m[i]
    cdef const uint8_t *frame = bytes_of(m)
    cdef Meta *k = &b.meta[i]
    cdef uint16_t type
    k.l3 = ETHER
    k.ref = 0
    k.hop = 0
    k.family = 0
    k.flags = 0
    if unlikely(m.data_len < ETHER):
        return DROP_RUNT
    if unlikely(not to_this_port(w.ports[k.in_port], frame)):
        return PASS_NOT_FOR_US
    if vnet_of(m).flags & VNET_NEEDS_CSUM:
        k.flags = M_PARTIAL
    type = u16(frame + 12)
    if likely(type == be16(0x0800)):
        return parse4(w, b, i, frame, m)
    if type == be16(0x86dd):
        return parse6(w, b, i, frame, m)
    return PASS_NOT_IP


cdef inline void st_parse(Worker *w, Burst *b) noexcept nogil:
    cdef uint32_t i
    cdef Meta *k
    for i in range(b.n):
        rte_prefetch0(bytes_of(b.m[i]))
    b.fragments = 0
    b.rare = 0
    for i in range(b.n):
        k = &b.meta[i]
        k.verdict = <uint8_t>parse_frame(w, b, i)
        if unlikely(k.flags & M_FRAGMENT):
            b.fragments += 1
        elif likely(k.verdict == LIVE):
            if likely(k.family == 4):
                k.hash = hash4(w.table4.secret, k.addresses, k.ports, k.proto)
                rte_prefetch0(bucket_of(&w.table4, k.hash))
            else:
                k.hash = hash6(w.table6.secret, k.addresses, k.ports, k.proto)
                rte_prefetch0(bucket_of(&w.table6, k.hash))
