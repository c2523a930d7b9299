# SPDX-License-Identifier: Apache-2.0
"""Tunnels: an outer packet around the whole of what the client sent, which nothing but the TTL changes.

IPIP and its mixed kinds (RFC 2003, RFC 2473, RFC 4213), GRE (RFC 2784) and GUE version 0 (draft-ietf-intarea-gue), with
the outer fields as IPVS writes them (ip_vs_tunnel_xmit): traffic class, TTL and DF are the inner packet's, IPv6 inside
IPv4 goes without DF. A checksum that the inner packet left to be made is made before, so that GUE's remote checksum
offload has nothing to do.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset
from lbd.fastpath.atomic cimport set16, set32, u16, u32
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf, rte_pktmbuf_prepend, rte_pktmbuf_trim
from lbd.fastpath.dpdk.net cimport be16, rte_ipv4_cksum, rte_ipv4_hdr, rte_raw_cksum, rte_raw_cksum_mbuf
from lbd.fastpath.hdr.csum cimport fold
from lbd.fastpath.hdr.virtio cimport PRIV_SIZE, VNET_NEEDS_CSUM, private_of, vnet_of
from lbd.fastpath.port.ethdev cimport complete
from lbd.fastpath.port.port cimport Port
from lbd.fastpath.reasons cimport DROP_NO_SOURCE, DROP_TX_REFUSED, LIVE
from lbd.fastpath.stage.parse cimport UDP
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.endpoint cimport T_GRE, T_GUE, Endpoint

cdef enum:
    IPIP = 4
    IPV6_IN = 41
    GRE = 47
    ETHER_LEN = 14
    FLOW_PORTS = 49152           # GUE: source ports from here on, by the flow (RFC 6335 section 6)


cdef inline bint has_source(Port *p, uint8_t family) noexcept nogil:
    return u32(p.address4) != 0 if family == 4 else p.address6[0] != 0


cdef inline uint8_t traffic_class(const uint8_t *ip, uint8_t family) noexcept nogil:
    return ip[1] if family == 4 else <uint8_t>(ip[0] << 4 | ip[1] >> 4)


cdef inline void outer4(Worker *w, uint8_t *out, const uint8_t *inner, uint8_t inner_family, Endpoint *e, Port *p,
                        uint8_t proto, uint32_t length) noexcept nogil:
    w.datagram += 1
    out[0] = 0x45
    out[1] = traffic_class(inner, inner_family)
    set16(out + 2, be16(<uint16_t>length))
    set16(out + 4, be16(<uint16_t>w.datagram))
    set16(out + 6, u16(inner + 6) & be16(0x4000) if inner_family == 4 else 0)
    out[8] = inner[8] if inner_family == 4 else inner[7]
    out[9] = proto
    memcpy(out + 12, p.address4, 4)
    memcpy(out + 16, e.address, 4)
    set16(out + 10, 0)
    set16(out + 10, rte_ipv4_cksum(<rte_ipv4_hdr *>out))


cdef inline void outer6(uint8_t *out, const uint8_t *inner, uint8_t inner_family, Endpoint *e, Port *p, uint8_t proto,
                        uint32_t length) noexcept nogil:
    cdef uint8_t tc = traffic_class(inner, inner_family)
    out[0] = 0x60 | tc >> 4
    out[1] = <uint8_t>(tc << 4)
    set16(out + 2, 0)
    set16(out + 4, be16(<uint16_t>(length - 40)))
    out[6] = proto
    out[7] = inner[8] if inner_family == 4 else inner[7]
    memcpy(out + 8, p.address6, 16)
    memcpy(out + 24, e.address, 16)


cdef inline uint16_t sum_from(rte_mbuf *m, uint32_t at, uint64_t more) noexcept nogil:
    """The checksum over everything from ``at`` on and a pseudo header's sum."""
    cdef uint16_t sum = 0
    rte_raw_cksum_mbuf(m, at, m.pkt_len - at, &sum)
    return ~fold(<uint64_t>sum + more) & 0xffff


cdef inline void write_gre(rte_mbuf *m, uint8_t *out, uint32_t at, Endpoint *e, uint8_t inner_family) noexcept nogil:
    set16(out, be16(0x8000) if e.checksum else 0)
    set16(out + 2, be16(0x0800 if inner_family == 4 else 0x86dd))
    if e.checksum:
        set32(out + 4, 0)
        set16(out + 4, sum_from(m, at, 0))


cdef inline void write_gue(rte_mbuf *m, uint8_t *out, uint32_t at, Endpoint *e, uint8_t inner_family,
                           uint64_t hash) noexcept nogil:
    """at: of the UDP header in the frame, whose outer IP header is complete."""
    cdef uint8_t *ip = bytes_of(m) + ETHER_LEN
    cdef uint32_t n = m.pkt_len - at
    cdef uint16_t sum
    set16(out, be16(<uint16_t>(FLOW_PORTS + (hash >> 32 & 0x3fff))))
    set16(out + 2, e.port_be)
    set16(out + 4, be16(<uint16_t>n))
    set16(out + 6, 0)
    set16(out + 8, be16(IPIP if inner_family == 4 else IPV6_IN))
    set16(out + 10, 0)
    if e.checksum:
        sum = sum_from(m, at, rte_raw_cksum(ip + (12 if e.family == 4 else 8), 8 if e.family == 4 else 32)
                       + <uint64_t>be16(<uint16_t>n) + be16(UDP))
        set16(out + 6, sum if sum else 0xffff)


cdef inline void trim(rte_mbuf *m, const uint8_t *ip, uint8_t family) noexcept nogil:
    """Ethernet's padding is not part of the inner packet."""
    cdef uint32_t end = ETHER_LEN + (be16(u16(ip + 2)) if family == 4 else 40 + <uint32_t>be16(u16(ip + 4)))
    if m.pkt_len > end:
        rte_pktmbuf_trim(m, <uint16_t>(m.pkt_len - end))


cdef inline int encapsulate(Worker *w, rte_mbuf *m, Endpoint *e, Port *p, uint64_t hash) noexcept nogil:
    """The frame in an outer packet from this port to the end of the tunnel. LIVE, or why it cannot be."""
    cdef uint8_t inner_family = 4 if bytes_of(m)[12] == 8 else 6
    cdef uint8_t proto = GRE if e.kind == T_GRE else UDP if e.kind == T_GUE else IPIP if inner_family == 4 else IPV6_IN
    cdef uint32_t header = 20 if e.family == 4 else 40
    cdef uint8_t *out
    cdef const uint8_t *inner
    if not has_source(p, e.family):
        return DROP_NO_SOURCE
    if vnet_of(m).flags & VNET_NEEDS_CSUM and not complete(m):
        return DROP_TX_REFUSED
    trim(m, bytes_of(m) + ETHER_LEN, inner_family)
    memset(vnet_of(m), 0, PRIV_SIZE)
    if rte_pktmbuf_prepend(m, e.overhead) == NULL:
        return DROP_TX_REFUSED
    out = bytes_of(m)
    inner = out + ETHER_LEN + e.overhead
    set16(out + 12, be16(0x0800 if e.family == 4 else 0x86dd))
    out += ETHER_LEN
    if e.family == 4:
        outer4(w, out, inner, inner_family, e, p, proto, m.pkt_len - ETHER_LEN)
    else:
        outer6(out, inner, inner_family, e, p, proto, m.pkt_len - ETHER_LEN)
        private_of(m).own = 1             # made here, so it may be fragmented here (RFC 2473 section 7.2)
    if e.kind == T_GRE:
        write_gre(m, out + header, ETHER_LEN + header, e, inner_family)
    elif e.kind == T_GUE:
        write_gue(m, out + header, ETHER_LEN + header, e, inner_family, hash)
    return LIVE
