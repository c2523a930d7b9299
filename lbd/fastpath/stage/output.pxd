# SPDX-License-Identifier: Apache-2.0
"""output: next hop, Ethernet header, and the queue of the port; or the wait for a neighbour."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy
from lbd.fastpath.atomic cimport load32, store32
from lbd.fastpath.burst cimport BURST, Burst, Meta, end
from lbd.fastpath.dpdk.eal cimport likely, rte_prefetch0, unlikely
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf, rte_pktmbuf_free
from lbd.fastpath.hdr.virtio cimport VNET_GSO_NONE, vnet_of
from lbd.fastpath.reasons cimport *
from lbd.fastpath.slow.fragment cimport send_in_pieces
from lbd.fastpath.stage.claim cimport wide
from lbd.fastpath.stage.route cimport WAY_BLACKHOLE, WAY_NONE, WAY_UNRESOLVED, find_hop
from lbd.fastpath.stage.send cimport send
from lbd.fastpath.state cimport EVENTS, WAITERS, WAIT_TICKS, Event, Waiter, Worker
from lbd.fastpath.table.hop cimport HOP_VALID, NO_PORT, Hop

cdef extern from "unistd.h" nogil:
    ssize_t write(int fd, const void *, size_t)


cdef inline void put_on_wire(Worker *w, rte_mbuf *m, Hop *h) noexcept nogil:
    cdef uint8_t *frame = bytes_of(m)
    memcpy(frame, h.dmac, 6)
    memcpy(frame + 6, h.smac, 6)
    if unlikely(m.pkt_len > <uint32_t>h.mtu + 14 and vnet_of(m).gso_type == VNET_GSO_NONE and h.port != NO_PORT):
        send_in_pieces(w, m, h)
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


cdef inline int output_one(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef Hop *h
    cdef uint8_t to[16]
    cdef uint16_t port = 0
    cdef uint32_t way = k.hop
    if likely(0 < way < WAY_BLACKHOLE):
        h = &w.shared.hops[way]
        if likely(h.state == HOP_VALID):
            put_on_wire(w, b.m[i], h)
            return TX
    elif way != WAY_UNRESOLVED:
        return no_way(way)
    wide(to, k.target, k.family)
    find_hop(w, to, k.family, k.hash, &port)
    return wait(w, b.m[i], to, k.family, port)


cdef inline void st_output(Worker *w, Burst *b) noexcept nogil:
    cdef uint32_t i
    for i in range(b.n):
        if likely(b.meta[i].verdict == LIVE):
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
