# SPDX-License-Identifier: Apache-2.0
"""connect: what to do with a packet of no connection. Claim, then service, scheduler, local port, both keys."""
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy, memset
from lbd.fastpath.apart cimport apart
from lbd.fastpath.atomic cimport set16, set32, u16, u32
from lbd.fastpath.burst cimport (BURST, M_ACK, M_FIN, M_ICMP_ERROR, M_LATER, M_PIECE, M_RST, M_SYN, Burst, Meta, end)
from lbd.fastpath.dpdk.eal cimport likely, rte_prefetch0, unlikely
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf
from lbd.fastpath.dpdk.net cimport be16
from lbd.fastpath.hdr.csum cimport fold, sum_words
from lbd.fastpath.reasons cimport *
from lbd.fastpath.rewrite.method cimport DR, FNAT, SNAT
from lbd.fastpath.sched.sched cimport Choose
from lbd.fastpath.sched.sticky cimport untie
from lbd.fastpath.slow.icmp cimport reject_unreachable
from lbd.fastpath.stage.claim cimport NOT_OURS, claim, claim_matched, wide
from lbd.fastpath.stage.life cimport conn_end, first_state, is_over
from lbd.fastpath.stage.lookup cimport table_of
from lbd.fastpath.stage.parse cimport ICMP, SCTP, TCP, UDP
from lbd.fastpath.stage.steer cimport hand_over, owner_of
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.conn cimport (C_ACTIVE, C_ONE_KEY, C_TIED, C_USED, FORWARD, REPLY, Conn, ConnTable, conn_alloc, conn_at, conn_find,
                                      conn_insert, conn_key, conn_release)
from lbd.fastpath.table.directory cimport K_SERVICE, Real, Service, page_of
from lbd.fastpath.table.laddr cimport Laddr, port_give, port_take
from lbd.fastpath.table.slot cimport slot_leave


cdef enum:
    FEW = 4                      # packets of no connection that are worth a look ahead


cdef inline bint martian(Meta *k) noexcept nogil:
    """Sources that RFC 1812 section 5.3.7 (IPv4) and RFC 4291 section 2.7 (IPv6) forbid, and LAND."""
    cdef const uint8_t *a = k.addresses
    if k.family == 4:
        return a[0] == 0 or a[0] == 127 or a[0] >= 224 or u32(a) == u32(a + 4)
    return a[0] == 0xff or memcmp(a, a + 16, 16) == 0 or (
        u32(a) == 0 and u32(a + 4) == 0 and u32(a + 8) == 0 and (u32(a + 12) == 0 or u32(a + 12) == be_one()))


cdef inline uint32_t be_one() noexcept nogil:
    return <uint32_t>be16(1) << 16


cdef inline uint32_t take_local_port(Worker *w, Service *s, uint32_t *laddr) noexcept nogil:
    """A port of the next local address that has one; 0: none has. ``laddr`` is its index."""
    cdef uint32_t n, port
    for n in range(s.n_laddrs):
        w.laddr_cursor += 1
        laddr[0] = s.laddrs[w.laddr_cursor % s.n_laddrs]
        port = port_take(&w.laddrs[laddr[0]])
        if port:
            return port
    return 0


cdef inline uint32_t take_outer_port(Worker *w, Service *s, Real *first, uint32_t *laddr) noexcept nogil:
    """SNAT: a port of the address that the scheduler chose, else of the next that has one."""
    cdef uint32_t i, port
    laddr[0] = first.laddr
    port = port_take(&w.laddrs[first.laddr])
    for i in range(s.n_reals):
        if port:
            break
        laddr[0] = s.reals[i].laddr
        if s.reals[i].weight:
            port = port_take(&w.laddrs[laddr[0]])
    return port


cdef inline void set_keys(ConnTable *t, Conn *c, Meta *k, Real *real, Laddr *from_, uint32_t local_be) noexcept nogil:
    """FORWARD as it came; REPLY as the answer will come: from the real server to the local address or the client."""
    cdef uint8_t *f = conn_key(t, c, FORWARD)
    cdef uint8_t *r = conn_key(t, c, REPLY)
    cdef uint32_t half = t.address_size // 2
    # a server of a service for all ports is asked on the one that the client asked for
    cdef uint32_t port_be = real.port_be if real.port_be else k.ports >> 16
    memcpy(f, k.addresses, t.address_size)
    set32(f + t.address_size, k.ports)
    if real.method != SNAT:
        memcpy(r, real.address, half)
    else:
        memcpy(r, f + half, half)    # whom the client asked answers
    if from_ != NULL:
        memcpy(r + half, from_.address, half)
        set32(r + t.address_size, port_be | local_be << 16)
    else:
        memcpy(r + half, f, half)
        set32(r + t.address_size, port_be | k.ports << 16)


cdef inline void set_deltas(ConnTable *t, Conn *c) noexcept nogil:
    """new - old of addresses, and of addresses and ports. A sum knows no order, so the keys' own sums will do."""
    cdef uint8_t *f = conn_key(t, c, FORWARD)
    cdef uint8_t *r = conn_key(t, c, REPLY)
    cdef uint64_t old3 = sum_words(f, t.address_size)
    cdef uint64_t new3 = sum_words(r, t.address_size)
    # ICMP has no pseudo header, ICMPv6 has one
    cdef bint pseudo = c.proto != ICMP
    cdef uint64_t old4 = (old3 if pseudo else 0) + u32(f + t.address_size)
    cdef uint64_t new4 = (new3 if pseudo else 0) + u32(r + t.address_size)
    c.delta3 = fold(<uint64_t>fold(new3) + (~fold(old3) & 0xffff))
    c.delta4 = fold(<uint64_t>fold(new4) + (~fold(old4) & 0xffff))


cdef inline void forget(Worker *w, ConnTable *t, uint32_t index, uint32_t laddr, uint32_t port) noexcept nogil:
    if port:
        port_give(&w.laddrs[laddr], port)
    conn_release(t, index)


cdef inline int create(Worker *w, Meta *k, Service *s, Real *real) noexcept nogil:
    """LIVE and k.ref, or the reason why not. The real server has counted it. A scalar way: connect is not the hot path."""
    cdef ConnTable *t = table_of(w, k)
    cdef uint32_t laddr = 0
    cdef uint32_t port = 0
    cdef uint32_t index = conn_alloc(t)
    cdef Conn *c
    if index == 0:
        return DROP_TABLE_FULL
    if real.method == FNAT or real.method == SNAT:
        port = take_local_port(w, s, &laddr) if real.method == FNAT else take_outer_port(w, s, real, &laddr)
        if port == 0:
            conn_release(t, index)
            return DROP_NO_LOCAL_PORT
    c = conn_at(t, index)
    memset(c, 0, t.stride)
    c.proto = k.proto
    c.state = first_state(k.proto)
    c.method = real.method
    c.flags = C_USED | (C_ONE_KEY if real.method >= DR else 0) | (C_ACTIVE if k.proto == TCP else 0)
    if unlikely(s.persistence != 0):
        c.flags |= C_TIED
    c.seen = w.tick
    c.service = s.slot
    c.real = real.slot
    c.established = s.established
    c.epoch = w.root.epoch
    c.laddr = laddr + 1 if port else 0
    set_keys(t, c, k, real, &w.laddrs[laddr] if port else NULL, be16(<uint16_t>port))
    if real.method < DR:
        set_deltas(t, c)
    if not conn_insert(t, index):
        forget(w, t, index, laddr, port)
        return DROP_TABLE_FULL
    w.counters[real.slot].connections += 1
    k.ref = index << 1 | FORWARD
    return LIVE


cdef inline bint opens(Meta *k) noexcept nogil:
    """Whether this packet may begin a connection: of TCP a SYN, of SCTP an INIT, of ICMP a request; no later fragment."""
    if k.flags & M_LATER:
        return False
    if k.proto == UDP:
        return True
    if k.proto == TCP or k.proto == SCTP:
        return k.flags & (M_SYN | M_ACK | M_FIN | M_RST) == M_SYN
    return k.ports >> 16 == 0


cdef inline Real *choose(Worker *w, Service *s, Meta *k, rte_mbuf *m) noexcept nogil:
    return (<Choose>s.choose)(w, s, k, m)


cdef inline void give_back(Worker *w, Service *s, Meta *k, Real *real) noexcept nogil:
    """The place at a server that was chosen for a connection that could not be made."""
    slot_leave(&w.shared.slots[real.slot], k.proto == TCP)
    if s.persistence:
        untie(w, s.slot, k.addresses, 4 if k.family == 4 else 16)


cdef inline int connect_one(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef Service *s = <Service *>b.service[i]
    cdef Real *real
    cdef int verdict
    cdef int side = b.side[i]
    cdef uint32_t owner
    if side == NOT_OURS:
        # all fragments to an address are kept from the kernel, whatever their ports
        return PUNT_FRAGMENT if k.flags & M_PIECE else PASS_NOT_CLAIMED
    if w.shared.n_workers > 1 and not b.taken:
        owner = owner_of(w, k, side)
        if owner != w.id:
            hand_over(w, b, i, owner)
            return HANDED
    if s == NULL or s.draining:
        return PUNT_NO_CONNECTION
    if not opens(k):
        return PUNT_NO_CONNECTION
    if martian(k):
        return DROP_MARTIAN
    real = choose(w, s, k, b.m[i])
    if real == NULL:
        reject_unreachable(w, b, i)
        return DROP_NO_SERVER
    if real.local:
        return PUNT_LOCAL_SERVER
    rte_prefetch0(&w.counters[real.slot])
    verdict = create(w, k, s, real)
    if likely(verdict == LIVE):
        b.created += 1
    else:
        give_back(w, s, k, real)
    return verdict


cdef inline bint begins_anew(Worker *w, Meta *k) noexcept nogil:
    """A SYN on a connection that is over is a new one (RFC 9293 section 3.6.1; IPVS's conn_reuse_mode 3); and where the
    server is gone a SYN need not follow it."""
    cdef Conn *c = conn_at(table_of(w, k), k.ref >> 1)
    if k.flags & (M_SYN | M_ACK | M_RST | M_FIN | M_ICMP_ERROR) != M_SYN or k.ref & 1 != FORWARD:
        return False
    return is_over(c) or w.shared.slots[c.real].closed != 0


cdef inline void ask(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    """What makes packet i ours, and its service."""
    cdef Service *s = NULL
    b.side[i] = <uint8_t>claim(w.root, &b.meta[i], &s)
    b.service[i] = s
    rte_prefetch0(s)
    if unlikely(w.root.n_matches != 0) and b.side[i] == NOT_OURS:
        b.side[i] = <uint8_t>apart(claim_matched)(w, b, i)


cdef inline bint let_go(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    """Ends the connection of packet i, which begins anew. Not while an earlier packet of the burst is still to be
    delivered by it; later ones are looked up again."""
    cdef uint32_t j
    cdef uint32_t index = b.meta[i].ref >> 1
    for j in range(i):
        if b.meta[j].verdict == LIVE and b.meta[j].ref >> 1 == index and b.meta[j].family == b.meta[i].family:
            return False
    for j in range(i + 1, b.n):
        if b.meta[j].ref >> 1 == index and b.meta[j].family == b.meta[i].family:
            b.meta[j].ref = 0
            ask(w, b, j)
    conn_end(w, table_of(w, &b.meta[i]), index)
    b.meta[i].ref = 0
    ask(w, b, i)
    b.created += 1
    return True


cdef inline void fetch_services(Worker *w, Burst *b) noexcept nogil:
    """The pages of the directory where the services of packets without a connection stand, all at once."""
    cdef uint8_t dst[16]
    cdef uint32_t page[BURST]
    cdef uint32_t n = 0
    cdef uint32_t i
    cdef Meta *k
    for i in range(b.n):
        k = &b.meta[i]
        if k.verdict == LIVE and k.ref == 0 and not k.flags & M_ICMP_ERROR:
            wide(dst, k.addresses + (4 if k.family == 4 else 16), k.family)
            page[n] = page_of(dst, k.ports >> 16, k.proto, K_SERVICE)
            rte_prefetch0(&w.root.pages[page[n]])
            n += 1
    for i in range(n):
        rte_prefetch0(w.root.pages[page[i]])


cdef inline void claim_missed(Worker *w, Burst *b) noexcept nogil:
    """What makes the packets without a connection ours, each touch of memory a pass ahead of its use."""
    cdef uint32_t i
    cdef Service *s
    if b.openers >= FEW:
        fetch_services(w, b)
    for i in range(b.n):
        if b.meta[i].verdict == LIVE and b.meta[i].ref == 0:
            ask(w, b, i)
    for i in range(b.n):
        if b.meta[i].verdict == LIVE and b.meta[i].ref == 0 and b.service[i] != NULL:
            s = <Service *>b.service[i]
            rte_prefetch0(&w.shared.slots[s.slot])
            rte_prefetch0(s.reals)
            rte_prefetch0(s.sequence)
            rte_prefetch0(s.laddrs)


cdef inline void st_connect(Worker *w, Burst *b) noexcept nogil:
    cdef uint32_t i
    cdef Meta *k
    b.created = 0
    if likely(b.openers == 0):
        return
    claim_missed(w, b)
    for i in range(b.n):
        k = &b.meta[i]
        if k.verdict != LIVE:
            continue
        if likely(k.ref != 0):
            if likely(not k.flags & M_SYN or not begins_anew(w, k) or not let_go(w, b, i)):
                continue
        elif unlikely(b.created):
            # an earlier packet of this burst may have made its connection
            k.ref = conn_find(table_of(w, k), k.hash, k.addresses, k.ports, k.proto)
            if k.ref:
                continue
        end(b, i, connect_one(w, b, i))
