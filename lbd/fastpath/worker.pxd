# SPDX-License-Identifier: Apache-2.0
"""The way of a packet. Read this first.

A burst passes the stages in this order; each works on all packets, ends some of them by name, keeps their order and
never knows the next stage. A reply takes the same way: lookup finds the same connection in the other direction.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memmove, memset
from lbd.fastpath.atomic cimport acquire, fence, load32, store32
from lbd.fastpath.burst cimport BURST, Burst
from lbd.fastpath.dpdk.eal cimport rte_get_tsc_hz, rte_pause, rte_rdtsc, unlikely
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf
from lbd.fastpath.dpdk.rcu cimport rte_rcu_qsbr_quiescent, rte_rcu_qsbr_thread_offline, rte_rcu_qsbr_thread_online
from lbd.fastpath.dpdk.ring cimport rte_ring_count, rte_ring_dequeue_burst
from lbd.fastpath.port.port cimport MAX_PORTS, NO_QUEUE, Port
from lbd.fastpath.stage.connect cimport st_connect
from lbd.fastpath.stage.deliver cimport st_deliver
from lbd.fastpath.stage.gather cimport forget_old, st_gather
from lbd.fastpath.stage.life cimport sweep
from lbd.fastpath.stage.lookup cimport st_lookup
from lbd.fastpath.stage.output cimport retry_waiters, st_output
from lbd.fastpath.stage.parse cimport st_parse
from lbd.fastpath.stage.punt cimport st_punt
from lbd.fastpath.stage.send cimport flush_all
from lbd.fastpath.stage.steer cimport deliver_handed
from lbd.fastpath.state cimport TICK_NS, Worker
from lbd.fastpath.table.conn cimport ConnTable
from lbd.fastpath.table.directory cimport Root

cdef enum:
    HOUSEKEEPING = 256           # turns
    SWEEP_NS = 1000000           # at most one slice of expiry a millisecond
    ROUND_NS = 1000000000        # the whole table once a second
    SLEEP_MS = 125


cdef inline void run_burst(Worker *w, Burst *b) noexcept nogil:
    st_parse(w, b)
    if unlikely(b.fragments != 0):
        st_gather(w, b)
    st_lookup(w, b)
    st_connect(w, b)
    st_deliver(w, b)
    st_output(w, b)
    st_punt(w, b)
    flush_all(w)
    if unlikely(w.n_handed != 0):
        deliver_handed(w)


cdef inline void run_ready(Worker *w) noexcept nogil:
    """Fragments that waited for the first of their datagram, once that has gone before them."""
    cdef Burst *b = &w.burst
    cdef uint32_t i
    while unlikely(w.n_ready != 0):
        b.n = BURST if w.n_ready > BURST else w.n_ready
        for i in range(b.n):
            b.m[i] = w.ready[i]
            b.meta[i].in_port = b.m[i].port
        w.n_ready -= b.n
        memmove(w.ready, &w.ready[b.n], w.n_ready * sizeof(w.ready[0]))
        b.taken = False
        run_burst(w, b)


cdef inline void expire(Worker *w, ConnTable *t, uint64_t elapsed) noexcept nogil:
    cdef uint64_t share = <uint64_t>t.fresh * elapsed // ROUND_NS + 1
    sweep(w, t, <uint32_t>(share if share < t.fresh else t.fresh))


cdef inline void keep_house(Worker *w) noexcept nogil:
    """Clock, expiry, and packets that wait. Cheap enough for every turn; most of them return at once."""
    cdef uint64_t elapsed = w.now - w.swept
    cdef uint32_t generation
    cdef uint32_t tick = <uint32_t>(w.now // TICK_NS)
    cdef bint ticked = tick != w.tick
    w.root = <Root *>acquire(&w.shared.root)
    if unlikely(w.n_waiters != 0):
        generation = load32(&w.shared.hop_generation)
        if generation != w.waited_generation or ticked:
            w.waited_generation = generation
            w.tick = tick
            retry_waiters(w)
            flush_all(w)
    w.tick = tick
    if unlikely(w.datagrams.used != 0) and ticked:
        forget_old(w)
    if elapsed >= SWEEP_NS:
        w.swept = w.now
        expire(w, &w.table4, elapsed)
        expire(w, &w.table6, elapsed)


cdef inline uint32_t take_inbox(Worker *w) noexcept nogil:
    """One burst of what other workers found to be ours."""
    cdef Burst *b = &w.burst
    cdef uint32_t i
    if w.inbox == NULL:
        return 0
    b.n = rte_ring_dequeue_burst(w.inbox, <void **>b.m, BURST, NULL)
    if b.n == 0:
        return 0
    for i in range(b.n):
        b.meta[i].in_port = b.m[i].port
    b.taken = True
    w.taken += b.n
    run_burst(w, b)
    run_ready(w)
    return b.n


cdef inline uint32_t poll_ports(Worker *w) noexcept nogil:
    """One burst of every port; how many packets there were."""
    cdef Burst *b = &w.burst
    cdef Port *p
    cdef uint32_t i, j
    cdef uint32_t total = 0
    for i in range(MAX_PORTS):
        p = w.ports[i]
        if p == NULL or not p.attached:
            continue
        b.n = p.rx(p, b.m, BURST)
        if b.n == 0:
            continue
        for j in range(b.n):
            b.meta[j].in_port = <uint16_t>i
        b.taken = False
        w.rx += b.n
        total += b.n
        run_burst(w, b)
        run_ready(w)
    return total + take_inbox(w)


cdef extern from "<poll.h>" nogil:
    enum: POLLIN
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *fds, unsigned long n, int timeout)

cdef extern from "unistd.h" nogil:
    ssize_t read(int fd, void *, size_t)


cdef inline bint may_sleep(Worker *w) noexcept nogil:
    """Not beside a port that cannot wake us: a device polled by DPDK."""
    cdef uint32_t i
    for i in range(MAX_PORTS):
        if w.ports[i] != NULL and w.ports[i].attached and w.ports[i].fd < 0 and w.ports[i].rxq != NO_QUEUE:
            return False
    return w.wake >= 0


cdef inline void doze(Worker *w) noexcept nogil:
    """Blocked until a port, lbd0 or control has something, at most one tick; offline for RCU meanwhile."""
    cdef pollfd fds[MAX_PORTS + 2]
    cdef unsigned long n = 0
    cdef uint64_t sink
    cdef uint32_t i
    memset(fds, 0, sizeof(fds))
    for i in range(MAX_PORTS):
        if w.ports[i] != NULL and w.ports[i].attached and w.ports[i].fd >= 0:
            fds[n].fd = w.ports[i].fd
            fds[n].events = POLLIN
            n += 1
    if w.tap != NULL:
        fds[n].fd = w.tap.fd
        fds[n].events = POLLIN
        n += 1
    fds[n].fd = w.wake
    fds[n].events = POLLIN
    store32(&w.asleep, 1)
    fence()                          # who hands over writes the inbox first, then reads ``asleep``
    if w.inbox == NULL or rte_ring_count(w.inbox) == 0:
        rte_rcu_qsbr_thread_offline(w.shared.rcu, w.id)
        poll(fds, n + 1, SLEEP_MS)
        rte_rcu_qsbr_thread_online(w.shared.rcu, w.id)
    store32(&w.asleep, 0)
    if fds[n].revents:
        read(w.wake, &sink, 8)
    if w.tap != NULL and fds[n - 1].revents:
        w.tap.rx(w.tap, w.burst.m, BURST)


cdef inline int worker_loop(void *argument) noexcept nogil:
    """The life of a worker, on its lcore, until it is told to stop."""
    cdef Worker *w = <Worker *>argument
    cdef double ns = 1e9 / <double>rte_get_tsc_hz()
    cdef uint64_t before, active
    cdef uint32_t got = 0
    rte_rcu_qsbr_thread_online(w.shared.rcu, w.id)
    w.now = <uint64_t>(<double>rte_rdtsc() * ns)
    w.swept = w.now
    active = w.now
    while not load32(&w.stop):
        before = w.now
        w.now = <uint64_t>(<double>rte_rdtsc() * ns)
        w.turns += 1
        if got:
            w.busy += w.now - before     # the last turn had packets
            active = w.now
        keep_house(w)
        got = poll_ports(w)
        if not got and w.now - active >= w.shared.spin_ns and may_sleep(w):
            doze(w)
        rte_rcu_qsbr_quiescent(w.shared.rcu, w.id)
    rte_rcu_qsbr_thread_offline(w.shared.rcu, w.id)
    return 0
