# SPDX-License-Identifier: Apache-2.0
"""Datagrams that come in fragments: what is known of each, and which pieces wait for the first. One table a worker.

Bounded in number, time and memory: a datagram is remembered for a second, with at most HOLD pieces waiting, and all
of them together hold at most HELD buffers. Pieces are not put together; each is sent on by itself.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy, memset
from lbd.fastpath.atomic cimport mum, u64
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf

cdef enum:
    DATAGRAMS = 4096
    WAYS = 4
    HOLD = 64                    # 64 KiB in pieces of 1,500 bytes are 45
    HELD = 1024
    DATAGRAM_TICKS = 8           # one second

cdef enum:                       # DatagramState
    D_FREE = 0
    D_WAITS = 1                  # for its first fragment
    D_KNOWN = 2
    D_BAD = 3                    # overlapped: nothing more of it is sent on

cdef struct Datagram:
    uint8_t addresses[32]
    uint32_t id
    uint8_t family
    uint8_t proto                # part of the key in IPv4 (RFC 791), not in IPv6 (RFC 8200 section 4.5)
    uint8_t state
    uint8_t n_held
    uint32_t since               # tick
    uint32_t ports
    rte_mbuf *held[HOLD]
    uint64_t seen[128]           # the units of 8 bytes that came

cdef struct DatagramTable:
    Datagram *all
    uint32_t used
    uint32_t n_held
    uint64_t secret[2]


cdef inline Datagram *datagram_set(DatagramTable *t, const uint8_t *addresses, uint32_t size, uint32_t id) noexcept nogil:
    """The WAYS places where it may stand."""
    cdef uint64_t h = mum(id ^ t.secret[0], t.secret[1])
    cdef uint32_t i
    for i in range(0, size, 8):
        h = mum(h ^ u64(addresses + i), t.secret[1])
    return &t.all[(h & (DATAGRAMS // WAYS - 1)) * WAYS]


cdef inline Datagram *datagram_find(DatagramTable *t, const uint8_t *addresses, uint8_t family, uint8_t proto,
                                    uint32_t id, uint32_t tick) noexcept nogil:
    """The one, a new one where it is unknown; NULL: there is no room."""
    cdef uint32_t size = 8 if family == 4 else 32
    cdef Datagram *set = datagram_set(t, addresses, size, id)
    cdef Datagram *free = NULL
    cdef Datagram *d
    cdef uint32_t i
    for i in range(WAYS):
        d = &set[i]
        if d.state == D_FREE:
            free = d
        elif (d.id == id and d.family == family and (family == 6 or d.proto == proto)
              and memcmp(d.addresses, addresses, size) == 0):
            return d
    if free == NULL:
        return NULL
    memset(free, 0, 48)
    memset(free.seen, 0, sizeof(free.seen))
    memcpy(free.addresses, addresses, size)
    free.id = id
    free.family = family
    free.proto = proto
    free.state = D_WAITS
    free.since = tick
    t.used += 1
    return free


cdef inline uint32_t datagram_mark(Datagram *d, uint32_t first, uint32_t n) noexcept nogil:
    """Units first to first + n - 1 came: how many of them had come before."""
    cdef uint32_t i
    cdef uint32_t before = 0
    for i in range(first, first + n):
        before += <uint32_t>(d.seen[i >> 6] >> (i & 63)) & 1
        d.seen[i >> 6] |= <uint64_t>1 << (i & 63)
    return before
