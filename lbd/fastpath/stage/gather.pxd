# SPDX-License-Identifier: Apache-2.0
"""gather: fragments of one datagram are kept together. Each gets the ports of the first, and takes the way of that one.

What comes before the first waits for it. Nothing is put together, so pieces leave as they came (RFC 791 section 3.2,
RFC 8200 section 4.5). A duplicate is dropped, and so is what overlaps, with all that follows of its datagram (RFC 5722).
All fragments of a datagram come in at one worker; the one that owns the connection gets them from there with their
ports beside them.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy
from lbd.fastpath.atomic cimport u16, u32
from lbd.fastpath.burst cimport BURST, M_FRAGMENT, M_ICMP_ERROR, M_LATER, M_PIECE, Burst, Meta, end, set_rare
from lbd.fastpath.dpdk.eal cimport rte_prefetch0
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf, rte_pktmbuf_free
from lbd.fastpath.dpdk.net cimport be16
from lbd.fastpath.hdr.virtio cimport Private, private_of
from lbd.fastpath.reasons cimport *
from lbd.fastpath.stage.claim cimport NOT_OURS, claimed_address, wide
from lbd.fastpath.stage.lookup cimport table_of
from lbd.fastpath.stage.matching cimport matched
from lbd.fastpath.stage.parse cimport SCTP
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.conn cimport ConnTable, conn_hash
from lbd.fastpath.table.datagram cimport (D_BAD, D_FREE, D_KNOWN, D_WAITS, DATAGRAM_TICKS, DATAGRAMS, HELD, HOLD, Datagram,
                                          datagram_find, datagram_mark)

cdef struct Piece:
    uint32_t id
    uint32_t at                  # bytes into the datagram
    uint32_t length              # bytes of it
    bint more


cdef inline void read_piece(Meta *k, const uint8_t *frame, Piece *p) noexcept nogil:
    cdef const uint8_t *ip = frame + k.l3
    cdef uint32_t word
    if k.family == 4:
        word = be16(u16(ip + 6))
        p.id = u16(ip + 4)
        p.at = (word & 0x1fff) * 8
        p.more = word & 0x2000
    else:
        # the fragment header stands right before what k.l4 points at
        word = be16(u16(frame + k.l4 - 6))
        p.id = u32(frame + k.l4 - 4)
        p.at = word & 0xfff8
        p.more = word & 1
    p.length = k.length - (k.l4 - k.l3)


cdef inline int check_piece(Piece *p) noexcept nogil:
    if p.length == 0 or (p.more and p.length & 7) or p.at + p.length > 65535:
        return DROP_BAD_FRAGMENT
    return LIVE


cdef inline bint is_claimed(Worker *w, Meta *k) noexcept nogil:
    cdef uint8_t src[16]
    cdef uint8_t dst[16]
    wide(src, k.addresses, k.family)
    wide(dst, k.addresses + (4 if k.family == 4 else 16), k.family)
    if claimed_address(w.root, src, dst) != NOT_OURS:
        return True
    return w.root.n_matches and matched(w, k, src, dst, False) != NULL


cdef inline int check_first(Meta *k, int verdict) noexcept nogil:
    """verdict: what parse found of the L4 header, which has to stand in the first fragment (RFC 1858)."""
    if k.proto == SCTP:
        return DROP_FRAGMENTED_SCTP  # its checksum cannot be made anew of a part
    if k.flags & M_ICMP_ERROR or verdict == PASS_NOT_CLAIMED:
        return PUNT_FRAGMENT
    return verdict


cdef inline void known(Worker *w, Burst *b, Meta *k, uint32_t ports, bint later) noexcept nogil:
    cdef ConnTable *t = table_of(w, k)
    k.flags &= ~M_FRAGMENT & 0xffff
    k.flags |= M_PIECE
    if later:
        k.flags |= M_LATER
        set_rare(b, k)
    k.ports = ports
    k.hash = conn_hash(t, k.addresses, ports, k.proto)


cdef inline int hold(Worker *w, Datagram *d, rte_mbuf *m, uint16_t in_port) noexcept nogil:
    if d.n_held == HOLD or w.datagrams.n_held == HELD:
        return DROP_FRAGMENTS_FULL
    m.port = in_port
    d.held[d.n_held] = m
    d.n_held += 1
    w.datagrams.n_held += 1
    return WAITING


cdef inline void release(Worker *w, Datagram *d) noexcept nogil:
    """The first has come: those that wait for it follow, as a burst of their own."""
    cdef Private *own
    cdef uint32_t i
    for i in range(d.n_held):
        own = private_of(d.held[i])
        own.gathered = 1
        own.ports = d.ports
        w.ready[w.n_ready] = d.held[i]
        w.n_ready += 1
    w.datagrams.n_held -= d.n_held
    d.n_held = 0


cdef inline int first_of(Worker *w, Burst *b, Datagram *d, Meta *k) noexcept nogil:
    cdef int verdict = check_first(k, k.verdict)
    # of no connection, and so are the others: they follow it
    d.ports = k.ports if verdict == LIVE else 0
    d.state = D_KNOWN
    release(w, d)
    if verdict == LIVE:
        known(w, b, k, k.ports, False)
    return verdict


cdef inline int gather_one(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef const uint8_t *frame = bytes_of(b.m[i])
    cdef Private *own = private_of(b.m[i])
    cdef Datagram *d
    cdef Piece p
    cdef int verdict
    cdef uint32_t before
    read_piece(k, frame, &p)
    if own.gathered:
        known(w, b, k, own.ports, p.at != 0)
        return LIVE
    if p.at and k.verdict != LIVE:
        return k.verdict             # beyond what it says, or cut short
    if not is_claimed(w, k):
        return PASS_NOT_CLAIMED
    verdict = check_piece(&p)
    if verdict != LIVE:
        return verdict
    d = datagram_find(&w.datagrams, k.addresses, k.family, k.proto, p.id, w.tick)
    if d == NULL:
        return DROP_FRAGMENTS_FULL
    before = datagram_mark(d, p.at >> 3, (p.length + 7) >> 3)
    if before == (p.length + 7) >> 3:
        return DROP_DUPLICATE_FRAGMENT
    if before or d.state == D_BAD:
        d.state = D_BAD
        return DROP_OVERLAPPING_FRAGMENT
    if p.at == 0:
        return first_of(w, b, d, k)
    if d.state == D_WAITS:
        return hold(w, d, b.m[i], k.in_port)
    known(w, b, k, d.ports, True)
    return LIVE


cdef inline void st_gather(Worker *w, Burst *b) noexcept nogil:
    cdef uint32_t i
    for i in range(b.n):
        if b.meta[i].flags & M_FRAGMENT:
            end(b, i, gather_one(w, b, i))


cdef inline void forget(Worker *w, Datagram *d) noexcept nogil:
    cdef uint32_t i
    for i in range(d.n_held):
        w.counts[DROP_FIRST_FRAGMENT_MISSING] += 1
        rte_pktmbuf_free(d.held[i])
    w.datagrams.n_held -= d.n_held
    w.datagrams.used -= 1
    d.n_held = 0
    d.state = D_FREE


cdef inline void forget_old(Worker *w) noexcept nogil:
    """Once a tick, where there are any."""
    cdef uint32_t i
    cdef Datagram *d
    for i in range(DATAGRAMS):
        d = &w.datagrams.all[i]
        if d.state != D_FREE and w.tick - d.since > DATAGRAM_TICKS:
            forget(w, d)
