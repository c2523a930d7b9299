# SPDX-License-Identifier: Apache-2.0
"""The published configuration: one root, read by all workers, never changed in place.

A root has PAGES pages of entries; a change copies the pages it touches and the root, and publishes one pointer, so it
is atomic for packets and costs its own size. What the pages point to (services, routes) is as immutable. The old ones
are freed after a grace period (rte_rcu_qsbr).
"""
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp
from lbd.fastpath.atomic cimport mum, u64
from lbd.fastpath.dpdk.rib cimport rte_rib, rte_rib6

cdef enum:
    PAGES = 16384                # one entry a page or two, at 10,000 services; the root is 128 KiB
    MAX_PATHS = 8

cdef enum:                       # Kind: of an entry; what its value is
    K_SERVICE = 1                # address, port, protocol: Service *
    K_LOCAL = 2                  # local address of a pool: first port << 16 | last port
    K_NAT_SOURCE = 3             # address, port, protocol of a NAT real server
    K_CLAIMED = 4                # address of a claimed service or local address (fragments, ICMP errors)
    K_NAT_ADDRESS = 5            # address of a NAT real server (the same)
    K_HOST = 6                   # address of this machine
    K_NEIGHBOUR = 7              # address on a port (port = its index): index of the hop
    K_MATCHES = 8                # no entry: the list of services by match

cdef struct Real:
    uint8_t address[16]
    uint16_t port_be
    uint8_t method
    uint8_t local                # the address is this machine's
    uint32_t slot
    uint32_t weight
    uint32_t laddr               # SNAT: index of the address as a local one

cdef struct Service:
    uint32_t slot
    uint8_t scheduler
    uint8_t family
    uint8_t claimed
    uint8_t draining             # taken out: lives on for its connections only
    uint32_t n_reals
    uint32_t n_sequence
    uint32_t n_laddrs
    uint32_t established         # ticks, 0: the table's
    void *choose                 # Choose (sched.pxd): by call, so that connect carries no scheduler's code
    uint32_t persistence         # ticks that a client stays with its server; 0: it does not
    uint32_t n_table
    const void *table            # of a hashing scheduler: shared, and of its own life (sched/hashed.pxd)
    uint8_t hash_port            # sh-port, mh-port
    uint8_t fallback             # sh-fallback, mh-fallback
    uint8_t hash_target          # of conhash
    Real *reals
    uint32_t *sequence           # indexes of reals; rr, wrr: in the order in which they are chosen; hashes: by number
    uint32_t *laddrs             # indexes of local addresses, of the service's family

cdef struct Entry:
    uint8_t address[16]          # IPv4 in the first 4, the rest 0
    uint16_t port_be
    uint8_t proto
    uint8_t kind
    uint32_t pad
    uint64_t value

cdef struct Page:
    uint32_t n
    uint32_t pad
    Entry entries[1]             # n of them

cdef struct Route:               # what a prefix of the RIB leads to
    uint8_t blackhole
    uint8_t n_paths
    uint16_t port[MAX_PATHS]     # index of the port, NO_PORT where it is none of ours
    uint8_t onlink[MAX_PATHS]
    uint32_t hop[MAX_PATHS]      # of the gateway

cdef struct Match:               # packets of a service without an address; all bounds are inclusive
    Service *service
    uint8_t family
    uint8_t proto
    uint16_t in_port             # index of a port, NO_PORT: any
    uint16_t out_port
    uint8_t source[2][16]
    uint8_t destination[2][16]
    uint16_t source_port[2]      # host order
    uint16_t destination_port[2]

cdef struct Root:
    Page *pages[PAGES]
    rte_rib *rib
    rte_rib6 *rib6
    Route *routes
    Match *matches
    uint32_t n_matches
    uint32_t epoch               # of the routes

cdef inline uint32_t page_of(const uint8_t *address, uint32_t port_be, uint32_t proto, uint32_t kind) noexcept nogil:
    cdef uint64_t h = mum(u64(address) ^ 0x9e3779b97f4a7c15ULL, u64(address + 8) ^ 0xbf58476d1ce4e5b9ULL)
    h = mum(h ^ (port_be | <uint64_t>proto << 16 | <uint64_t>kind << 24), 0x94d049bb133111ebULL)
    return <uint32_t>h & (PAGES - 1)

cdef inline const Entry *lookup(Root *r, const uint8_t *address, uint32_t port_be, uint32_t proto,
                                uint32_t kind) noexcept nogil:
    """NULL where there is none. ``address`` is 16 bytes."""
    cdef Page *page = r.pages[page_of(address, port_be, proto, kind)]
    cdef uint32_t i
    cdef const Entry *e
    if page == NULL:
        return NULL
    for i in range(page.n):
        e = &page.entries[i]
        if (e.port_be == port_be and e.proto == proto and e.kind == kind
                and u64(e.address) == u64(address) and u64(&e.address[8]) == u64(address + 8)):
            return e
    return NULL
