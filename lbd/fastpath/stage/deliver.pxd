# SPDX-License-Identifier: Apache-2.0
"""deliver: state, counters, next hop, TTL and MTU, and the rewrite by forwarding method.

No atomic and no shared line is written here but where a TCP connection becomes established or ceases to be.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport set16, u16
from lbd.fastpath.burst cimport BURST, M_ICMP_ERROR, M_TUNNEL, Burst, Meta, end
from lbd.fastpath.dpdk.eal cimport likely, unlikely
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf
from lbd.fastpath.dpdk.net cimport be16
from lbd.fastpath.hdr.csum cimport apply
from lbd.fastpath.hdr.virtio cimport VNET_GSO_NONE, vnet_of
from lbd.fastpath.reasons cimport *
from lbd.fastpath.rewrite.icmp cimport translate_error
from lbd.fastpath.rewrite.method cimport DR, TUN
from lbd.fastpath.rewrite.nat cimport translate, translate_other
from lbd.fastpath.slow.fragment cimport may_fragment
from lbd.fastpath.slow.icmp cimport reject_too_big, reject_ttl
from lbd.fastpath.stage.claim cimport wide
from lbd.fastpath.stage.life cimport sctp_step, tcp_step
from lbd.fastpath.stage.lookup cimport table_of, target_of
from lbd.fastpath.stage.parse cimport SCTP, TCP, is_tcp_or_udp
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


cdef inline uint32_t find_way(Worker *w, Conn *c, Meta *k) noexcept nogil:
    cdef Endpoint *e
    cdef uint8_t to[16]
    cdef uint16_t port = 0
    if c.method == TUN:
        e = &w.shared.endpoints[c.real]
        return find_hop(w, e.address, e.family, k.hash, &port)
    wide(to, target_of(w, k), k.family)
    return find_hop(w, to, k.family, k.hash, &port)


cdef inline uint32_t hop_of(Worker *w, Conn *c, Meta *k) noexcept nogil:
    """Index of the next hop, or a Way. What was looked up before holds until the routes change."""
    cdef uint32_t direction = k.ref & 1
    cdef uint32_t hop
    if unlikely(c.epoch != w.root.epoch):
        c.epoch = w.root.epoch
        c.hop[0] = 0
        c.hop[1] = 0
    if likely(c.hop[direction] != 0):
        return c.hop[direction]
    hop = find_way(w, c, k)
    if 0 < hop < WAY_BLACKHOLE:
        c.hop[direction] = hop
    return hop


cdef inline uint32_t segment_length(Meta *k, const uint8_t *frame, rte_mbuf *m) noexcept nogil:
    """Bytes of the longest IP packet that this frame is on the wire: of a super-frame, one segment."""
    if likely(vnet_of(m).gso_type == VNET_GSO_NONE):
        return k.length
    return k.l4 - k.l3 + (frame[k.l4 + 12] >> 4) * 4 + vnet_of(m).gso_size if k.proto == TCP else (
        k.l4 - k.l3 + 8 + vnet_of(m).gso_size)


cdef inline int fits(Worker *w, Burst *b, uint32_t i, Conn *c) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef Hop *h = &w.shared.hops[k.hop]
    cdef uint32_t mtu = h.mtu
    if unlikely(c.method == TUN):
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


cdef inline int deliver_other(Worker *w, ConnTable *t, Conn *c, Meta *k, rte_mbuf *m) noexcept nogil:
    if k.proto == SCTP:
        sctp_step(w, c, k.ref & 1, bytes_of(m) + k.l4, m.data_len - k.l4)
    return translate_other(t, c, k, m) if c.method < DR else LIVE


cdef inline int deliver_one(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef uint8_t *frame = bytes_of(b.m[i])
    cdef uint8_t *ip = frame + k.l3
    cdef ConnTable *t = table_of(w, k)
    cdef Conn *c = conn_at(t, k.ref >> 1)
    cdef int verdict
    if unlikely((ip[8] if k.family == 4 else ip[7]) <= 1):
        reject_ttl(w, b, i)
        return DROP_TTL_EXCEEDED
    k.hop = hop_of(w, c, k)
    if likely(0 < k.hop < WAY_BLACKHOLE):
        verdict = fits(w, b, i, c)
        if unlikely(verdict != LIVE):
            return verdict
    count(w, c, k)
    if unlikely(k.flags & M_ICMP_ERROR):
        verdict = translate_error(t, c, k, frame, b.m[i].data_len)
        if verdict != LIVE:
            return verdict
    else:
        c.seen = w.tick
        if k.proto == TCP:
            tcp_step(w, c, k.ref & 1, k.flags)
        if likely(is_tcp_or_udp(k.proto)):
            if likely(c.method < DR):
                translate(t, c, k, frame)
        else:
            verdict = deliver_other(w, t, c, k, b.m[i])
            if verdict != LIVE:
                return verdict
    lower_ttl(k, ip)
    if unlikely(c.method == TUN):
        k.flags |= M_TUNNEL
        b.tunnelled += 1
    return LIVE


cdef inline void st_deliver(Worker *w, Burst *b) noexcept nogil:
    cdef uint32_t i
    b.tunnelled = 0
    for i in range(b.n):
        if b.meta[i].verdict == LIVE:
            end(b, i, deliver_one(w, b, i))
