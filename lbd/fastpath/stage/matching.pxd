# SPDX-License-Identifier: Apache-2.0
"""Services by match: what comes from inside, would be routed out, and has a source to be rewritten (SNAT).

A list of few, looked through in order for packets of no connection that nothing else claims.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp
from lbd.fastpath.burst cimport M_ICMP_ERROR, M_PIECE, Meta
from lbd.fastpath.dpdk.net cimport be16
from lbd.fastpath.stage.route cimport WAY_BLACKHOLE, WAY_UNRESOLVED, find_hop
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.directory cimport K_HOST, Match, Service, lookup
from lbd.fastpath.table.hop cimport NO_PORT


cdef inline bint between(const uint8_t *address, const uint8_t (*bounds)[16]) noexcept nogil:
    return memcmp(address, bounds[0], 16) >= 0 and memcmp(address, bounds[1], 16) <= 0


cdef inline bint leaves_by(Worker *w, Meta *k, const uint8_t *dst, uint16_t wanted) noexcept nogil:
    cdef uint16_t port = NO_PORT
    cdef uint32_t way
    if wanted == NO_PORT:
        return True
    way = find_hop(w, dst, k.family, k.hash, &port)
    if 0 < way < WAY_BLACKHOLE:
        port = w.shared.hops[way].port
    return port == wanted


cdef inline bint matches(Match *x, Meta *k, const uint8_t *src, const uint8_t *dst, bint ports) noexcept nogil:
    cdef uint32_t source = be16(<uint16_t>(k.ports & 0xffff))
    cdef uint32_t destination = be16(<uint16_t>(k.ports >> 16))
    if x.family != k.family or x.proto != k.proto or (x.in_port != NO_PORT and x.in_port != k.in_port):
        return False
    if ports and not (x.source_port[0] <= source <= x.source_port[1]
                      and x.destination_port[0] <= destination <= x.destination_port[1]):
        return False
    return between(src, x.source) and between(dst, x.destination)


cdef inline bint is_unicast(const uint8_t *dst, uint8_t family) noexcept nogil:
    return (0 < dst[0] < 224 and dst[0] != 127) if family == 4 else dst[0] != 0xff and not (
        dst[0] == 0xfe and dst[1] >> 6 == 2)


cdef inline Service *matched(Worker *w, Meta *k, const uint8_t *src, const uint8_t *dst, bint ports) noexcept nogil:
    """NULL: of none. Without ports (fragments) the addresses decide."""
    cdef uint32_t i
    cdef Match *x
    if not is_unicast(dst, k.family) or lookup(w.root, dst, 0, 0, K_HOST) != NULL:
        return NULL
    for i in range(w.root.n_matches):
        x = &w.root.matches[i]
        if matches(x, k, src, dst, ports) and leaves_by(w, k, dst, x.out_port):
            return x.service
    return NULL
