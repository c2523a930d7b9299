# SPDX-License-Identifier: Apache-2.0
"""deliver: state, counters, next hop, TTL and MTU, and the rewrite by forwarding method.

No atomic and no shared line is written here but where a TCP connection becomes established or ceases to be.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.apart cimport apart
from lbd.fastpath.atomic cimport set16, u16
from lbd.fastpath.burst cimport BURST, M_ICMP_ERROR, M_LATER, M_RARE, M_TUNNEL, Burst, Meta, end
from lbd.fastpath.dpdk.eal cimport likely, unlikely
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf
from lbd.fastpath.dpdk.net cimport be16
from lbd.fastpath.hdr.csum cimport apply
from lbd.fastpath.hdr.virtio cimport VNET_GSO_NONE, vnet_of
from lbd.fastpath.reasons cimport *
from lbd.fastpath.rewrite.icmp cimport translate_error
from lbd.fastpath.rewrite.method cimport DR, TUN
from lbd.fastpath.rewrite.nat cimport translate, translate_addresses, translate_other
from lbd.fastpath.slow.fragment cimport may_fragment
from lbd.fastpath.slow.icmp cimport reject_too_big, reject_ttl
from lbd.fastpath.stage.claim cimport wide
from lbd.fastpath.stage.life cimport sctp_step, tcp_step
from lbd.fastpath.stage.lookup cimport table_of, target_of
from lbd.fastpath.stage.parse cimport SCTP, TCP
from lbd.fastpath.stage.route cimport WAY_BLACKHOLE, find_hop
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.conn cimport FORWARD, REPLY, Conn, ConnTable, conn_at
from lbd.fastpath.table.endpoint cimport Endpoint
from lbd.fastpath.table.hop cimport HOP_VALID, Hop
from lbd.fastpath.table.slot cimport SlotCounters


cdef inline void count(Worker *w, Conn *c, Meta *k) noexcept nogil:
    cdef SlotCounters *s = &w.counters[c.real]
    if k.ref & 1 == FORWARD:
        s.in_packets += 1
        s.in_bytes += k.length
    else:
        s.out_packets += 1
        s.out_bytes += k.length


cdef inline uint32_t look_for_way(Worker *w, Conn *c, Meta *k) noexcept nogil:
    """The hop is not known, or the routes have changed since it was found."""
    cdef Endpoint *e
    cdef uint8_t to[16]
    cdef uint16_t port = 0
    cdef uint32_t hop
    if c.epoch != w.root.epoch:
        c.epoch = w.root.epoch
        c.hop[0] = 0
        c.hop[1] = 0
    if c.method == TUN:
        e = &w.shared.endpoints[c.real]
        hop = find_hop(w, e.address, e.family, k.hash, &port)
    else:
        wide(to, target_of(w, k), k.family)
        hop = find_hop(w, to, k.family, k.hash, &port)
    if 0 < hop < WAY_BLACKHOLE:
        c.hop[k.ref & 1] = hop
    return hop


cdef inline uint32_t hop_of(Worker *w, Conn *c, Meta *k) noexcept nogil:
    """Index of the next hop, or a Way. What was looked up before holds until the routes change."""
    if likely(c.epoch == w.root.epoch and c.hop[k.ref & 1] != 0):
        return c.hop[k.ref & 1]
    return look_for_way(w, c, k)


cdef inline uint32_t segment_length(Meta *k, const uint8_t *frame, rte_mbuf *m) noexcept nogil:
    """Bytes of the longest IP packet that this frame is on the wire: of a super-frame, one segment."""
    if vnet_of(m).gso_type == VNET_GSO_NONE:
        return k.length
    return k.l4 - k.l3 + (frame[k.l4 + 12] >> 4) * 4 + vnet_of(m).gso_size if k.proto == TCP else (
        k.l4 - k.l3 + 8 + vnet_of(m).gso_size)


cdef inline int fits_at_all(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    """Of a super-frame, or what seems too long."""
    cdef Meta *k = &b.meta[i]
    cdef Conn *c = conn_at(table_of(w, k), k.ref >> 1)
    cdef Hop *h = &w.shared.hops[k.hop]
    cdef uint32_t mtu = h.mtu
    if c.method == TUN:
        mtu -= w.shared.endpoints[c.real].overhead
    if h.state != HOP_VALID or segment_length(k, bytes_of(b.m[i]), b.m[i]) <= mtu:
        return LIVE
    if may_fragment(bytes_of(b.m[i]), b.m[i]):
        return LIVE
    reject_too_big(w, b, i, mtu)
    return DROP_TOO_BIG


cdef inline void lower_ttl(Meta *k, uint8_t *ip) noexcept nogil:
    if k.family == 4:
        # the word of TTL and protocol falls by 0x0100: new - old = ~0x0100 (RFC 1624)
        ip[8] -= 1
        set16(ip + 10, apply(u16(ip + 10), ~be16(0x0100) & 0xffff))
    else:
        ip[7] -= 1


cdef inline void set_tunnelled(Burst *b, Meta *k) noexcept nogil:
    k.flags |= M_TUNNEL
    b.tunnelled += 1


cdef inline int set_out(Worker *w, Burst *b, uint32_t i, Conn *c) noexcept nogil:
    """Whether the packet can be sent on, and where to; counted then. LIVE, or why not."""
    cdef Meta *k = &b.meta[i]
    cdef const uint8_t *ip = bytes_of(b.m[i]) + k.l3
    cdef int verdict
    if unlikely((ip[8] if k.family == 4 else ip[7]) <= 1):
        reject_ttl(w, b, i)
        return DROP_TTL_EXCEEDED
    k.hop = hop_of(w, c, k)
    if likely(0 < k.hop < WAY_BLACKHOLE) and unlikely(k.length > w.shared.hops[k.hop].mtu or c.method == TUN):
        verdict = apart(fits_at_all)(w, b, i)
        if verdict != LIVE:
            return verdict
    count(w, c, k)
    return LIVE


cdef inline int change_rare(Worker *w, ConnTable *t, Conn *c, Meta *k, rte_mbuf *m) noexcept nogil:
    """LIVE, or why the packet must not go on."""
    if k.flags & M_ICMP_ERROR:
        return translate_error(t, c, k, bytes_of(m), m.data_len)
    c.seen = w.tick
    if k.flags & M_LATER:
        if c.method < DR:
            translate_addresses(t, c, k, bytes_of(m))
        return LIVE
    if k.proto == SCTP:
        sctp_step(w, c, k.ref & 1, bytes_of(m) + k.l4, m.data_len - k.l4)
    return translate_other(t, c, k, m) if c.method < DR else LIVE


cdef inline int deliver_rare(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    """An ICMP error, a later fragment, SCTP or ICMP that can be sent on."""
    cdef Meta *k = &b.meta[i]
    cdef ConnTable *t = table_of(w, k)
    cdef Conn *c = conn_at(t, k.ref >> 1)
    cdef int verdict = change_rare(w, t, c, k, b.m[i])
    if verdict == LIVE:
        lower_ttl(k, bytes_of(b.m[i]) + k.l3)
        if c.method == TUN:
            set_tunnelled(b, k)
    return verdict


cdef inline int deliver_one(Worker *w, Burst *b, uint32_t i, bint some_rare) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef uint8_t *frame = bytes_of(b.m[i])
    cdef ConnTable *t = table_of(w, k)
    cdef Conn *c = conn_at(t, k.ref >> 1)
    cdef int verdict = set_out(w, b, i, c)
    if unlikely(verdict != LIVE):
        return verdict
    if unlikely(some_rare) and k.flags & M_RARE:
        return apart(deliver_rare)(w, b, i)
    c.seen = w.tick
    if k.proto == TCP:
        tcp_step(w, c, k.ref & 1, k.flags)
    if likely(c.method < DR):
        translate(t, c, k, frame)
    elif c.method == TUN:
        set_tunnelled(b, k)
    lower_ttl(k, frame + k.l3)
    return LIVE


cdef inline void st_deliver(Worker *w, Burst *b) noexcept nogil:
    cdef bint some_rare = b.rare != 0
    cdef uint32_t i
    b.tunnelled = 0
    for i in range(b.n):
        if b.meta[i].verdict == LIVE:
            end(b, i, deliver_one(w, b, i, some_rare))
