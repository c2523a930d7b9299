# SPDX-License-Identifier: Apache-2.0
"""Schedulers by a hash of the packet: sh, dh and mh, after ip_vs_sh.c, ip_vs_dh.c and ip_vs_mh.c, and DPVS's conhash.

Their tables hold numbers of servers in the order of addresses and ports, so that services of equal servers share one;
``Service.sequence`` says which of its servers has a number.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport ctz, u64
from lbd.fastpath.burst cimport Meta
from lbd.fastpath.dpdk.net cimport be16
from lbd.fastpath.sched.candidate cimport usable
from lbd.fastpath.sched.hash cimport client_number, fold_address, hash_32, sip13
from lbd.fastpath.sched.maglev cimport key1
from lbd.fastpath.sched.ring cimport Point, next_point, place_of_number
from lbd.fastpath.stage.parse cimport ICMP, ICMP6, UDP
from lbd.fastpath.table.directory cimport Real, Service
from lbd.fastpath.table.slot cimport Slot

cdef enum:                       # HashTarget
    SOURCE = 0
    QUIC_ID = 1


cdef inline uint32_t half_of(Meta *k) noexcept nogil:
    """Bytes of an address."""
    return 4 if k.family == 4 else 16


cdef inline uint32_t source_number(Service *s, Meta *k) noexcept nogil:
    cdef uint32_t port = 0
    if s.hash_port and k.proto != ICMP and k.proto != ICMP6:
        port = be16(<uint16_t>(k.ports & 0xffff))
    return client_number(k.addresses, half_of(k), port)


cdef inline Real *entry(Service *s, uint32_t at) noexcept nogil:
    return &s.reals[s.sequence[(<const uint32_t *>s.table)[at]]]


cdef inline Real *pick_sh(Service *s, Slot *slots, Meta *k) noexcept nogil:
    """With sh-fallback: where the server is not to be had, the table is walked from there on."""
    cdef uint32_t hash, first, n
    cdef Real *r
    if s.n_table == 0:
        return NULL
    hash = hash_32(source_number(s, k), ctz(s.n_table))
    r = entry(s, hash)
    if usable(r, slots) or not s.fallback:
        return r if usable(r, slots) else NULL
    first = hash
    for n in range(s.n_table):
        r = entry(s, (hash + ((n + first) & (s.n_table - 1))) & (s.n_table - 1))
        if usable(r, slots):
            return r
    return NULL


cdef inline Real *pick_dh(Service *s, Slot *slots, Meta *k) noexcept nogil:
    cdef Real *r
    if s.n_table == 0:
        return NULL
    r = entry(s, hash_32(client_number(k.addresses + half_of(k), half_of(k), 0), ctz(s.n_table)))
    return r if usable(r, slots) else NULL


cdef inline Real *pick_mh(Service *s, Slot *slots, Meta *k) noexcept nogil:
    """With mh-fallback: where the server is not to be had, the client is hashed again and again."""
    cdef uint32_t number, first, n
    cdef Real *r
    if s.n_table == 0:
        return NULL
    number = source_number(s, k)
    first = sip13(key1(), number) % s.n_table
    r = entry(s, first)
    if usable(r, slots) or not s.fallback:
        return r if usable(r, slots) else NULL
    for n in range(s.n_table):
        r = entry(s, sip13(key1(), number + (n + first) % s.n_table) % s.n_table)
        if usable(r, slots):
            return r
    return NULL


cdef inline uint64_t ring_number(Service *s, Meta *k, const uint8_t *l4, uint32_t n) noexcept nogil:
    """The source address as it stands in memory; or the connection ID of Google's QUIC where the packet has one."""
    if s.hash_target == QUIC_ID and k.proto == UDP and n >= 17 and l4[8] & 8:
        return u64(l4 + 9)
    return fold_address(k.addresses, half_of(k))


cdef inline Real *pick_ring(Service *s, Slot *slots, Meta *k, const uint8_t *l4, uint32_t n) noexcept nogil:
    cdef const Point *points = <const Point *>s.table
    cdef Real *r
    if s.n_table == 0:
        return NULL
    r = &s.reals[s.sequence[points[next_point(points, s.n_table, place_of_number(ring_number(s, k, l4, n)))].who]]
    return r if usable(r, slots) else NULL
