# SPDX-License-Identifier: Apache-2.0
"""From an address to a next hop: routes and neighbours as the kernel has them. Asked on connect and after a change."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport u32
from lbd.fastpath.dpdk.net cimport be32
from lbd.fastpath.dpdk.rib cimport (rte_rib6_get_nh, rte_rib6_lookup, rte_rib6_node, rte_rib_get_nh, rte_rib_lookup,
                                    rte_rib_node)
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.directory cimport K_NEIGHBOUR, Entry, Route, lookup
from lbd.fastpath.table.hop cimport HOP_VALID, NO_PORT

cdef enum:                       # Way: what find_hop answers where there is no hop; hops are above these
    WAY_NONE = 0                 # no route
    WAY_BLACKHOLE = 0xfffffffe
    WAY_UNRESOLVED = 0xffffffff  # on a link, and the neighbour is not known yet


cdef inline Route *find_route(Worker *w, const uint8_t *address, uint8_t family) noexcept nogil:
    cdef rte_rib_node *n4
    cdef rte_rib6_node *n6
    cdef uint64_t nh = 0
    if family == 4:
        n4 = NULL if w.root.rib == NULL else rte_rib_lookup(w.root.rib, be32(u32(address)))
        if n4 == NULL or rte_rib_get_nh(n4, &nh) != 0:
            return NULL
    else:
        n6 = NULL if w.root.rib6 == NULL else rte_rib6_lookup(w.root.rib6, address)
        if n6 == NULL or rte_rib6_get_nh(n6, &nh) != 0:
            return NULL
    return &w.root.routes[nh]


cdef inline uint32_t find_hop(Worker *w, const uint8_t *address, uint8_t family, uint64_t hash,
                              uint16_t *port) noexcept nogil:
    """Index of the hop, or a Way. ``address`` is 16 bytes.

    ``port`` is where the address itself is on the link; NO_PORT where the way is by a gateway, or there is none.
    """
    cdef Route *r = find_route(w, address, family)
    cdef const Entry *e
    cdef uint32_t path
    port[0] = NO_PORT
    if r == NULL:
        return WAY_NONE
    if r.blackhole:
        return WAY_BLACKHOLE
    path = 0 if r.n_paths <= 1 else <uint32_t>(hash % r.n_paths)
    if r.port[path] == NO_PORT:
        return WAY_NONE
    if not r.onlink[path]:
        return r.hop[path]
    port[0] = r.port[path]
    e = lookup(w.root, address, r.port[path], 0, K_NEIGHBOUR)
    if e == NULL:
        return WAY_UNRESOLVED
    return <uint32_t>e.value
