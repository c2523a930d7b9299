# SPDX-License-Identifier: Apache-2.0
"""The connection table of one worker and one family: what lbd exists for.

A connection has two keys, one per direction, each as the packet shows it when it *arrives*: addresses (source and
destination side by side) and ports. What a packet becomes is the other key turned round, so that FullNAT and NAT are
the same store in both directions. IPv4: one cache line for everything, IPv6: two.

The index has buckets of one cache line: 8 signatures of 16 bits, 8 references (connection << 1 | direction). A full
bucket overflows into the next ones (at most PROBES), counted on the way so that a lookup knows when to stop. Which
tuples collide depends on the secret of the table: a linear hash (CRC32, Toeplitz) would let a stranger choose them.
"""
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp
from lbd.fastpath.atomic cimport ctz, match8, mum, u32, u64
from lbd.fastpath.dpdk.eal cimport rte_prefetch0, likely

cdef enum:
    FORWARD = 0          # from the client
    REPLY = 1            # from the real server
    PROBES = 16
    KEYS_AT = 40         # offset of the keys in a connection

cdef enum:                       # ConnFlag
    C_ONE_KEY = 1        # DR: replies do not pass here
    C_ACTIVE = 2         # counted as active (else as inactive) at its real server
    C_FIN_FORWARD = 4
    C_FIN_REPLY = 8
    C_TIED = 64          # counted in its client's tie
    C_USED = 128

cdef struct Conn:                # 40 bytes, then the two keys
    uint8_t proto
    uint8_t state
    uint8_t method
    uint8_t flags
    uint32_t seen                # tick of the last packet
    uint32_t service             # slot
    uint32_t real                # slot
    uint32_t hop[2]              # next hop of packets of each direction, 0: not looked up
    uint32_t epoch               # of the routes in which the hops were found
    uint32_t laddr               # index of the local address + 1, 0: none
    uint16_t delta3              # addresses, new - old, forward
    uint16_t delta4              # addresses and ports
    uint32_t established         # idle ticks of the service, 0: the table's

cdef struct Bucket:               # 64 bytes
    uint16_t sig[8]
    uint32_t ref[8]
    uint16_t overflow            # keys that wanted this bucket or passed it and stand further on
    uint16_t pad[7]

cdef struct ConnTable:
    Bucket *buckets
    uint8_t *conns
    uint32_t mask                # buckets - 1
    uint32_t stride              # bytes of a connection: 64 or 128
    uint32_t key_size            # 12 or 36
    uint32_t address_size        # 8 or 32
    uint32_t capacity
    uint32_t fresh               # connections from here on were never used
    uint32_t free                # head of the list of freed ones (linked by ``seen``), 0: none
    uint32_t used
    uint32_t sweep               # next one to look at
    uint64_t secret[6]

cdef inline Conn *conn_at(ConnTable *t, uint32_t index) noexcept nogil:
    return <Conn *>(t.conns + <uint64_t>index * t.stride)

cdef inline uint8_t *conn_key(ConnTable *t, Conn *c, uint32_t direction) noexcept nogil:
    return <uint8_t *>c + KEYS_AT + direction * t.key_size

cdef inline uint64_t hash4(const uint64_t *secret, const uint8_t *addresses, uint32_t ports,
                           uint8_t proto) noexcept nogil:
    cdef uint64_t h = mum(u64(addresses) ^ secret[0], (ports | <uint64_t>proto << 32) ^ secret[1])
    return mum(h ^ secret[2], secret[3])

cdef inline uint64_t hash6(const uint64_t *secret, const uint8_t *addresses, uint32_t ports,
                           uint8_t proto) noexcept nogil:
    cdef uint64_t h = mum(u64(addresses) ^ secret[0], u64(addresses + 8) ^ secret[1])
    h = mum(h ^ u64(addresses + 16) ^ secret[2], u64(addresses + 24) ^ secret[3])
    return mum(h ^ secret[4], (ports | <uint64_t>proto << 32) ^ secret[5])

cdef inline uint64_t conn_hash(ConnTable *t, const uint8_t *addresses, uint32_t ports, uint8_t proto) noexcept nogil:
    if t.address_size == 8:
        return hash4(t.secret, addresses, ports, proto)
    return hash6(t.secret, addresses, ports, proto)

cdef inline Bucket *bucket_of(ConnTable *t, uint64_t h) noexcept nogil:
    return &t.buckets[<uint32_t>h & t.mask]

cdef inline uint16_t sig_of(uint64_t h) noexcept nogil:
    return <uint16_t>(h >> 48) | 1

cdef inline bint same_key(ConnTable *t, uint32_t ref, const uint8_t *addresses, uint32_t ports,
                          uint8_t proto) noexcept nogil:
    cdef Conn *c = conn_at(t, ref >> 1)
    cdef uint8_t *k = conn_key(t, c, ref & 1)
    if c.proto != proto or u32(k + t.address_size) != ports:
        return False
    if t.address_size == 8:
        return u64(k) == u64(addresses)
    return memcmp(k, addresses, 32) == 0

cdef inline uint32_t conn_candidate(ConnTable *t, uint64_t h) noexcept nogil:
    """The first reference whose signature fits in the home bucket, prefetched; 0: none there."""
    cdef Bucket *b = bucket_of(t, h)
    cdef uint32_t hits = match8(b.sig, sig_of(h))
    if hits == 0:
        return 0
    cdef uint32_t ref = b.ref[ctz(hits)]
    rte_prefetch0(conn_at(t, ref >> 1))
    return ref

cdef inline uint32_t conn_find(ConnTable *t, uint64_t h, const uint8_t *addresses, uint32_t ports,
                               uint8_t proto) noexcept nogil:
    """The reference of the key, 0: not there. Looks at PROBES buckets at most."""
    cdef uint32_t at = <uint32_t>h & t.mask
    cdef uint16_t sig = sig_of(h)
    cdef Bucket *b
    cdef uint32_t hits, ref, probe
    for probe in range(PROBES):
        b = &t.buckets[at]
        hits = match8(b.sig, sig)
        while hits:
            ref = b.ref[ctz(hits)]
            if likely(same_key(t, ref, addresses, ports, proto)):
                return ref
            hits &= hits - 1
        if b.overflow == 0:
            return 0
        at = (at + 1) & t.mask
    return 0

cdef inline bint index_insert(ConnTable *t, uint64_t h, uint32_t ref) noexcept nogil:
    """False: no room within PROBES buckets, and nothing was changed."""
    cdef uint32_t home = <uint32_t>h & t.mask
    cdef uint32_t at = home
    cdef Bucket *b
    cdef uint32_t free_slots, probe
    for probe in range(PROBES):
        b = &t.buckets[at]
        free_slots = match8(b.sig, 0)
        if free_slots:
            b.sig[ctz(free_slots)] = sig_of(h)
            b.ref[ctz(free_slots)] = ref
            while home != at:
                t.buckets[home].overflow += 1
                home = (home + 1) & t.mask
            return True
        at = (at + 1) & t.mask
    return False

cdef inline void index_remove(ConnTable *t, uint64_t h, uint32_t ref) noexcept nogil:
    cdef uint32_t home = <uint32_t>h & t.mask
    cdef uint32_t at = home
    cdef Bucket *b
    cdef uint32_t hits, probe
    cdef int i
    for probe in range(PROBES):
        b = &t.buckets[at]
        hits = match8(b.sig, sig_of(h))
        while hits:
            i = ctz(hits)
            if b.ref[i] == ref:
                b.sig[i] = 0
                b.ref[i] = 0
                while home != at:
                    t.buckets[home].overflow -= 1
                    home = (home + 1) & t.mask
                return
            hits &= hits - 1
        at = (at + 1) & t.mask

cdef inline uint64_t key_hash(ConnTable *t, Conn *c, uint32_t direction) noexcept nogil:
    cdef uint8_t *k = conn_key(t, c, direction)
    return conn_hash(t, k, u32(k + t.address_size), c.proto)

cdef inline uint32_t conn_alloc(ConnTable *t) noexcept nogil:
    """Index of a connection that is in no index yet; 0: the table is full."""
    cdef uint32_t index = t.free
    if index:
        t.free = conn_at(t, index).seen
    elif t.fresh <= t.capacity:
        index = t.fresh
        t.fresh += 1
    else:
        return 0
    t.used += 1
    return index

cdef inline void conn_release(ConnTable *t, uint32_t index) noexcept nogil:
    """The connection is in no index any more."""
    cdef Conn *c = conn_at(t, index)
    c.flags = 0
    c.seen = t.free
    t.free = index
    t.used -= 1

cdef inline bint conn_insert(ConnTable *t, uint32_t index) noexcept nogil:
    """Both keys into the index (one with C_ONE_KEY). False: no room, and neither is in."""
    cdef Conn *c = conn_at(t, index)
    if not index_insert(t, key_hash(t, c, FORWARD), index << 1):
        return False
    if c.flags & C_ONE_KEY:
        return True
    if index_insert(t, key_hash(t, c, REPLY), index << 1 | REPLY):
        return True
    index_remove(t, key_hash(t, c, FORWARD), index << 1)
    return False

cdef inline void conn_remove(ConnTable *t, uint32_t index) noexcept nogil:
    cdef Conn *c = conn_at(t, index)
    index_remove(t, key_hash(t, c, FORWARD), index << 1)
    if not c.flags & C_ONE_KEY:
        index_remove(t, key_hash(t, c, REPLY), index << 1 | REPLY)
