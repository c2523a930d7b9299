# SPDX-License-Identifier: Apache-2.0
"""The life of a connection: its states, its end, and the sweep that finds the idle ones.

States and timeouts are IPVS's (ip_vs_proto_tcp.c, ip_vs_proto_udp.c, ip_vs_proto_sctp.c); the tables of transitions stand
in ``states.py``.
"""
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport u16
from lbd.fastpath.burst cimport M_ACK, M_FIN, M_RST, M_SYN
from lbd.fastpath.dpdk.eal cimport unlikely
from lbd.fastpath.dpdk.net cimport be16
from lbd.fastpath.sched.sticky cimport untie
from lbd.fastpath.stage.parse cimport SCTP, TCP, UDP
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.conn cimport (C_ACTIVE, C_ONE_KEY, C_TIED, C_USED, FORWARD, REPLY, Conn, ConnTable, conn_at, conn_key,
                                      conn_release, conn_remove)
from lbd.fastpath.table.laddr cimport port_give
from lbd.fastpath.table.slot cimport slot_leave, slot_turn

cdef enum:                       # State
    S_NONE = 0
    S_ESTABLISHED = 1
    S_SYN_SENT = 2
    S_SYN_RECV = 3
    S_FIN_WAIT = 4
    S_TIME_WAIT = 5
    S_CLOSE = 6
    S_CLOSE_WAIT = 7
    S_LAST_ACK = 8
    S_LISTEN = 9
    S_SYNACK = 10
    S_UDP = 11
    S_SCTP_NONE = 12
    S_SCTP_ESTABLISHED = 20
    S_SCTP_REJECTED = 24
    S_SCTP_CLOSED = 25
    S_ICMP = 26

cdef enum:                       # TcpColumn
    IN = 0
    OUT = 1
    IN_ONLY = 2                  # DR: replies do not pass here


cdef inline void count_active(Worker *w, Conn *c, bint active) noexcept nogil:
    """A change is rare, so the atomics are."""
    if active == ((c.flags & C_ACTIVE) != 0):
        return
    c.flags ^= C_ACTIVE
    slot_turn(&w.shared.slots[c.real], active)


cdef inline bint tcp_is_active(uint8_t state) noexcept nogil:
    """As in ip_vs_proto_tcp.c: a connection that is being opened counts, too. Of SCTP only ESTABLISHED does."""
    return state == S_ESTABLISHED or state == S_SYN_RECV or state == S_SYN_SENT or state == S_SYNACK


cdef inline void tcp_step(Worker *w, Conn *c, uint32_t direction, uint8_t flags) noexcept nogil:
    """Event precedence RST > SYN > FIN > ACK."""
    cdef uint32_t column = IN_ONLY if c.flags & C_ONE_KEY else direction
    cdef uint32_t event
    if flags & M_RST:
        event = 3
    elif flags & M_SYN:
        event = 0
    elif flags & M_FIN:
        event = 1
    elif flags & M_ACK:
        event = 2
    else:
        return
    c.state = w.tcp_next[column][event][c.state]
    count_active(w, c, tcp_is_active(c.state))


cdef inline uint32_t sctp_event(uint8_t chunk) noexcept nogil:
    """The row of ``states.SCTP_EVENTS`` for a chunk type (RFC 9260 section 3.2)."""
    if chunk == 1 or chunk == 2:
        return chunk                 # INIT, INIT ACK
    if chunk == 10 or chunk == 11:
        return chunk - 7             # COOKIE ECHO, COOKIE ACK
    if chunk == 7 or chunk == 8:
        return chunk - 2             # SHUTDOWN, SHUTDOWN ACK
    if chunk == 14:
        return 7                     # SHUTDOWN COMPLETE
    if chunk == 9:
        return 8                     # ERROR
    return 9 if chunk == 6 else 0    # ABORT, or DATA and the like


cdef inline uint8_t leading_chunk(const uint8_t *l4, uint32_t n) noexcept nogil:
    """The type of the first chunk; but of an ABORT that is bundled behind a COOKIE (RFC 9260 section 6.10), as IPVS."""
    cdef uint8_t chunk = l4[12] if n >= 16 else 0
    cdef uint32_t next
    if chunk != 10 and chunk != 11:
        return chunk
    next = 12 + ((be16(u16(l4 + 14)) + 3) & <uint32_t>0xfffc)
    return 6 if next + 4 <= n and l4[next] == 6 else chunk


cdef inline void sctp_step(Worker *w, Conn *c, uint32_t direction, const uint8_t *l4, uint32_t n) noexcept nogil:
    cdef uint32_t column = IN_ONLY if c.flags & C_ONE_KEY else direction
    c.state = w.sctp_next[column][sctp_event(leading_chunk(l4, n))][c.state]
    count_active(w, c, c.state == S_SCTP_ESTABLISHED)


cdef inline uint8_t first_state(uint8_t proto) noexcept nogil:
    if proto == TCP:
        return S_NONE
    if proto == UDP:
        return S_UDP
    return S_SCTP_NONE if proto == SCTP else S_ICMP


cdef inline bint is_over(Conn *c) noexcept nogil:
    """What opens a connection begins it anew. One-way traffic (DR) is last seen in FIN_WAIT."""
    if c.state == S_TIME_WAIT or c.state == S_CLOSE or (c.flags & C_ONE_KEY and c.state == S_FIN_WAIT):
        return True
    return c.state == S_SCTP_CLOSED or c.state == S_SCTP_REJECTED


cdef inline uint32_t idle_limit(Worker *w, Conn *c) noexcept nogil:
    if c.established and (c.state == S_ESTABLISHED or c.state == S_UDP or c.state == S_SCTP_ESTABLISHED):
        return c.established
    return w.timeouts[c.state]


cdef inline void conn_end(Worker *w, ConnTable *t, uint32_t index) noexcept nogil:
    cdef Conn *c = conn_at(t, index)
    cdef uint8_t *reply
    conn_remove(t, index)
    if c.laddr:
        # the local port is the destination port of the reply
        reply = conn_key(t, c, REPLY)
        port_give(&w.laddrs[c.laddr - 1], be16(u16(reply + t.address_size + 2)))
    slot_leave(&w.shared.slots[c.real], c.flags & C_ACTIVE)
    if unlikely(c.flags & C_TIED):
        untie(w, c.service, conn_key(t, c, FORWARD), t.address_size // 2)
    conn_release(t, index)


cdef inline void sweep(Worker *w, ConnTable *t, uint32_t n) noexcept nogil:
    """Ends what was idle too long among the next n connections."""
    cdef Conn *c
    cdef uint32_t i
    for i in range(n):
        t.sweep += 1
        if t.sweep >= t.fresh:
            t.sweep = 1
            if t.fresh <= 1:
                return
        c = conn_at(t, t.sweep)
        if c.flags & C_USED and w.tick - c.seen > idle_limit(w, c):
            conn_end(w, t, t.sweep)
