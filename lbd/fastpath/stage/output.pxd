# SPDX-License-Identifier: Apache-2.0
"""output: next hop, Ethernet header, and the queue of the port; or the wait for a neighbour."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy
from lbd.fastpath.apart cimport apart
from lbd.fastpath.atomic cimport load32, store32
from lbd.fastpath.burst cimport BURST, M_TUNNEL, Burst, Meta, end
from lbd.fastpath.dpdk.eal cimport likely, rte_prefetch0, unlikely
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf, rte_pktmbuf_free
from lbd.fastpath.hdr.virtio cimport VNET_GSO_NONE, vnet_of
from lbd.fastpath.port.port cimport Port
from lbd.fastpath.reasons cimport *
from lbd.fastpath.rewrite.tunnel cimport encapsulate
from lbd.fastpath.slow.fragment cimport send_in_pieces
from lbd.fastpath.slow.segment cimport Cut, cut_piece, plan_cut
from lbd.fastpath.stage.claim cimport wide
from lbd.fastpath.stage.lookup cimport table_of, target_of
from lbd.fastpath.stage.parse cimport ETHER
from lbd.fastpath.stage.route cimport WAY_BLACKHOLE, WAY_NONE, WAY_UNRESOLVED, find_hop
from lbd.fastpath.stage.send cimport send
from lbd.fastpath.state cimport EVENTS, WAITERS, WAIT_TICKS, Event, Waiter, Worker
from lbd.fastpath.table.conn cimport conn_at
from lbd.fastpath.table.endpoint cimport Endpoint
from lbd.fastpath.table.hop cimport HOP_VALID, NO_PORT, Hop

cdef extern from "unistd.h" nogil:
    ssize_t write(int fd, const void *, size_t)


cdef inline void send_long(Worker *w, rte_mbuf *m, Hop *h) noexcept nogil:
    """What is longer than the MTU: a super-frame whole where the port takes it, else its segments; or fragments."""
    cdef Port *p = NULL if h.port == NO_PORT else w.ports[h.port]
    cdef Cut c
    cdef rte_mbuf *piece
    cdef uint32_t i
    if p == NULL or (vnet_of(m).gso_type != VNET_GSO_NONE and (not p.owned or not plan_cut(m, &c))):
        send(w, h.port, m)
        return
    if vnet_of(m).gso_type == VNET_GSO_NONE:
        send_in_pieces(w, m, h)
        return
    w.originated += c.pieces - 1
    for i in range(c.pieces):
        piece = cut_piece(p, m, &c, i)
        if piece == NULL:
            w.counts[DROP_NO_BUFFER] += 1
        else:
            send(w, h.port, piece)
    rte_pktmbuf_free(m)


cdef inline void address(rte_mbuf *m, Hop *h) noexcept nogil:
    memcpy(bytes_of(m), h.dmac, 6)
    memcpy(bytes_of(m) + 6, h.smac, 6)


cdef inline void put_on_wire(Worker *w, rte_mbuf *m, Hop *h) noexcept nogil:
    address(m, h)
    if m.pkt_len > <uint32_t>h.mtu + ETHER:
        send_long(w, m, h)
    else:
        send(w, h.port, m)


cdef inline void ask_control(Worker *w, const uint8_t *to, uint8_t family, uint16_t port) noexcept nogil:
    """Have the kernel resolve a neighbour. A full ring is no harm: the packet is tried again."""
    cdef Event *e
    cdef uint64_t one = 1
    if w.events_head - load32(&w.events_tail) == EVENTS:
        return
    e = &w.events[w.events_head % EVENTS]
    memcpy(e.address, to, 16)
    e.family = family
    e.port = port
    store32(&w.events_head, w.events_head + 1)
    if w.bell >= 0:
        write(w.bell, &one, 8)


cdef inline bint waits_already(Worker *w, const uint8_t *to) noexcept nogil:
    cdef uint32_t i
    for i in range(w.n_waiters):
        if memcmp(w.waiters[i].address, to, 16) == 0:
            return True
    return False


cdef inline int wait(Worker *w, rte_mbuf *m, const uint8_t *to, uint8_t family, uint16_t port) noexcept nogil:
    """The first that waits for a neighbour on the link has the kernel asked; gateways are kept resolved by control."""
    cdef Waiter *x
    if w.n_waiters == WAITERS:
        return DROP_NEIGHBOUR_QUEUE_FULL
    if port != NO_PORT and not waits_already(w, to):
        ask_control(w, to, family, port)
    x = &w.waiters[w.n_waiters]
    x.m = m
    memcpy(x.address, to, 16)
    x.family = family
    x.since = w.tick
    w.n_waiters += 1
    return WAITING


cdef inline int no_way(uint32_t way) noexcept nogil:
    return DROP_BLACKHOLE if way == WAY_BLACKHOLE else DROP_NO_ROUTE


cdef inline int leave(Worker *w, rte_mbuf *m, uint32_t way, const uint8_t *target, uint8_t family,
                      uint64_t hash) noexcept nogil:
    """TX or WAITING; or why not, and m is still the caller's. ``target``: the address that the way leads to."""
    cdef uint8_t to[16]
    cdef uint16_t port = 0
    if way != WAY_UNRESOLVED and (way == WAY_NONE or way == WAY_BLACKHOLE):
        return no_way(way)
    if way != WAY_UNRESOLVED and w.shared.hops[way].state == HOP_VALID:
        put_on_wire(w, m, &w.shared.hops[way])
        return TX
    wide(to, target, family)
    find_hop(w, to, family, hash, &port)
    return wait(w, m, to, family, port)


cdef inline int output_rare(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    """What waits, has no way, or is longer than the MTU."""
    cdef Meta *k = &b.meta[i]
    return leave(w, b.m[i], k.hop, target_of(w, k), k.family, k.hash)


cdef inline int output_one(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef Hop *h
    if likely(0 < k.hop < WAY_BLACKHOLE):
        h = &w.shared.hops[k.hop]
        if likely(h.state == HOP_VALID and b.m[i].pkt_len <= <uint32_t>h.mtu + ETHER):
            address(b.m[i], h)
            send(w, h.port, b.m[i])
            return TX
    return apart(output_rare)(w, b, i)


cdef inline int into_tunnel(Worker *w, rte_mbuf *m, Endpoint *e, uint32_t way, uint64_t hash) noexcept nogil:
    cdef uint8_t to[16]
    cdef uint16_t port = 0
    cdef int verdict
    if way == WAY_NONE or way == WAY_BLACKHOLE:
        return no_way(way)
    if way == WAY_UNRESOLVED:
        find_hop(w, e.address, e.family, hash, &port)
    else:
        port = w.shared.hops[way].port
    if port == NO_PORT or w.ports[port] == NULL:
        return DROP_PORT_DETACHED
    verdict = encapsulate(w, m, e, w.ports[port], hash)
    if verdict != LIVE:
        return verdict
    return leave(w, m, way, e.address, e.family, hash)


cdef inline int output_tunnelled(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    """A super-frame goes into a tunnel as the segments that it stands for."""
    cdef Meta *k = &b.meta[i]
    cdef Endpoint *e = &w.shared.endpoints[conn_at(table_of(w, k), k.ref >> 1).real]
    cdef Cut c
    cdef rte_mbuf *piece
    cdef uint32_t n
    cdef int verdict
    if vnet_of(b.m[i]).gso_type == VNET_GSO_NONE:
        return into_tunnel(w, b.m[i], e, k.hop, k.hash)
    if not plan_cut(b.m[i], &c):
        return DROP_TX_REFUSED
    w.originated += c.pieces - 1
    for n in range(c.pieces):
        piece = cut_piece(w.ports[k.in_port], b.m[i], &c, n)
        verdict = DROP_NO_BUFFER if piece == NULL else into_tunnel(w, piece, e, k.hop, k.hash)
        if verdict != TX and verdict != WAITING:
            w.counts[verdict] += 1
            if piece != NULL:
                rte_pktmbuf_free(piece)
    rte_pktmbuf_free(b.m[i])
    return TX


cdef inline void st_output(Worker *w, Burst *b) noexcept nogil:
    cdef uint32_t i
    for i in range(b.n):
        if unlikely(b.tunnelled) and b.meta[i].verdict == LIVE and b.meta[i].flags & M_TUNNEL:
            end(b, i, apart(output_tunnelled)(w, b, i))
        elif likely(b.meta[i].verdict == LIVE):
            end(b, i, output_one(w, b, i))


cdef inline void retry_waiters(Worker *w) noexcept nogil:
    """After a change of hops or routes, and once a tick: what can go goes, what is too old ends."""
    cdef uint32_t i, hop
    cdef uint32_t kept = 0
    cdef uint16_t port = 0
    cdef Waiter *x
    for i in range(w.n_waiters):
        x = &w.waiters[i]
        hop = find_hop(w, x.address, x.family, 0, &port)
        if 0 < hop < WAY_BLACKHOLE and w.shared.hops[hop].state == HOP_VALID:
            put_on_wire(w, x.m, &w.shared.hops[hop])
        elif w.tick - x.since > WAIT_TICKS or hop == WAY_NONE or hop == WAY_BLACKHOLE:
            w.counts[DROP_NEIGHBOUR_UNRESOLVED] += 1
            rte_pktmbuf_free(x.m)
        else:
            if kept != i:
                w.waiters[kept] = x[0]
            kept += 1
    w.n_waiters = kept
