# SPDX-License-Identifier: Apache-2.0
"""claim, the fastpath's rendering: is this packet ours at all? The other rendering is the guard's, in ``claim.py``.

Asked for packets of no connection; those of a connection were claimed when it was made. It may claim too much (what is
not wanted is punted), never too little.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset
from lbd.fastpath.burst cimport M_ICMP_ERROR, Burst, Meta
from lbd.fastpath.dpdk.net cimport be16
from lbd.fastpath.stage.matching cimport matched
from lbd.fastpath.stage.parse cimport ICMP, ICMP6
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.directory cimport (K_CLAIMED, K_HOST, K_LOCAL, K_NAT_ADDRESS, K_NAT_SOURCE, K_SERVICE, Entry,
                                           Root, Service, lookup)


cdef enum:                       # Side: what makes a packet ours
    NOT_OURS = 0
    BY_SERVICE = 1               # its destination is a service's; it comes from a client
    BY_LOCAL = 2                 # its destination is a local address
    BY_SERVER = 3                # its source is a NAT real server's; it goes to a client
    BY_MATCH = 4                 # it goes out, and a service takes it by where it comes from


cdef inline void wide(uint8_t *out, const uint8_t *address, uint8_t family) noexcept nogil:
    """An address as 16 bytes: IPv4 in the first 4."""
    memset(out, 0, 16)
    memcpy(out, address, 4 if family == 4 else 16)


cdef inline bint has_ports(uint8_t proto) noexcept nogil:
    return proto != ICMP and proto != ICMP6


cdef inline Service *claimed_service(Root *r, const uint8_t *dst, uint32_t port_be, uint8_t proto) noexcept nogil:
    """The one of the port, else the one of all ports (IPVS's port 0)."""
    cdef const Entry *e = lookup(r, dst, port_be, proto, K_SERVICE)
    if e == NULL and has_ports(proto):
        e = lookup(r, dst, 0, proto, K_SERVICE)
    if e == NULL or not (<Service *>e.value).claimed:
        return NULL
    return <Service *>e.value


cdef inline bint nat_source(Root *r, const uint8_t *src, uint32_t port_be, uint8_t proto) noexcept nogil:
    if lookup(r, src, port_be, proto, K_NAT_SOURCE) != NULL:
        return True
    return has_ports(proto) and lookup(r, src, 0, proto, K_NAT_SOURCE) != NULL


cdef inline bint local_port(Root *r, const uint8_t *dst, uint32_t port_be) noexcept nogil:
    cdef const Entry *e = lookup(r, dst, 0, 0, K_LOCAL)
    if e == NULL:
        return False
    return <uint32_t>(e.value >> 16) <= be16(<uint16_t>port_be) <= <uint32_t>(e.value & 0xffff)


cdef inline int claimed_address(Root *r, const uint8_t *src, const uint8_t *dst) noexcept nogil:
    """Fragments and ICMP errors are claimed by address alone: ports are not to be had, or not worth a rule."""
    if lookup(r, dst, 0, 0, K_LOCAL) != NULL:
        return BY_LOCAL
    if lookup(r, dst, 0, 0, K_CLAIMED) != NULL:
        return BY_SERVICE
    if lookup(r, src, 0, 0, K_NAT_ADDRESS) != NULL and lookup(r, dst, 0, 0, K_HOST) == NULL:
        return BY_SERVER
    return NOT_OURS


cdef inline int claim(Root *r, Meta *k, Service **service) noexcept nogil:
    cdef uint8_t src[16]
    cdef uint8_t dst[16]
    cdef uint32_t half = 4 if k.family == 4 else 16
    wide(src, k.addresses, k.family)
    wide(dst, k.addresses + half, k.family)
    service[0] = NULL
    # an embedded packet is turned round: what we sent it from is its destination here
    if k.flags & M_ICMP_ERROR:
        return claimed_address(r, src, dst)
    service[0] = claimed_service(r, dst, k.ports >> 16, k.proto)
    if service[0] != NULL:
        return BY_SERVICE
    if local_port(r, dst, k.ports >> 16):
        return BY_LOCAL
    if nat_source(r, src, k.ports & 0xffff, k.proto) and lookup(r, dst, 0, 0, K_HOST) == NULL:
        return BY_SERVER
    return NOT_OURS


cdef inline int claim_matched(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    """What nothing else claims, where there are services by match. An ICMP error opens nothing."""
    cdef Meta *k = &b.meta[i]
    cdef bint error = k.flags & M_ICMP_ERROR
    cdef Service *s
    cdef uint8_t src[16]
    cdef uint8_t dst[16]
    wide(src, k.addresses, k.family)
    wide(dst, k.addresses + (4 if k.family == 4 else 16), k.family)
    s = matched(w, k, src, dst, not error)
    b.service[i] = NULL if error else s
    return BY_MATCH if s != NULL else NOT_OURS
