# SPDX-License-Identifier: Apache-2.0
# The worker's memory, its counters, and its start and stop.

cdef void *memory(size_t n) except NULL:
    """Zeroed pages, given by the kernel as they are touched, huge ones where it can."""
    cdef void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    if p == MAP_FAILED:
        raise MemoryError(f"{n} bytes of table")
    if n >= 1 << 21:
        madvise(p, n, MADV_HUGEPAGE)
    return p


cdef void wide_bytes(uint8_t *out, bytes address):
    memset(out, 0, 16)
    memcpy(out, <const char *>address, len(address))


cdef class Plane:
    """One worker and its memory; what can be asked of it, and its life."""
    cdef Worker *w
    cdef Shared shared
    cdef size_t rcu_size
    cdef rte_mempool *small
    cdef rte_mempool *jumbo
    cdef unsigned lcore
    cdef bint running
    cdef int generation
    cdef int number
    cdef Port tap
    cdef list _maps
    cdef readonly uint32_t capacity
    cdef readonly uint32_t n_hops

    def __cinit__(self, *, uint32_t capacity=1048575, uint32_t slots=262144, uint32_t laddrs=4096,
                  uint32_t hops=65536, unsigned mbufs=16383, unsigned jumbos=511, int bell=-1, int wake=-1):
        self._maps = []
        self.number = next(_numbers)
        self.w = <Worker *>self._map(sizeof(Worker))
        self.w.shared = &self.shared
        self.w.bell = bell
        self.w.wake = wake
        self.capacity = capacity
        self.n_hops = hops
        self.shared.slots = <Slot *>self._map(slots * sizeof(Slot))
        self.shared.n_slots = slots
        self.shared.hops = <Hop *>self._map(hops * sizeof(Hop))
        self.w.counters = <SlotCounters *>self._map(slots * sizeof(SlotCounters))
        self.w.laddrs = <Laddr *>self._map(laddrs * sizeof(Laddr))
        self.w.n_laddrs = laddrs
        self._table(&self.w.table4, 64, 12, 8)
        self._table(&self.w.table6, 128, 36, 32)
        cdef bytes table = transitions()
        memcpy(self.w.tcp_next, <const char *>table, 3 * 4 * STATES)
        self.shared.root = calloc(1, sizeof(Root))
        self.w.root = <Root *>self.shared.root
        self._rcu()
        cdef bytes small = f"lbd{self.number}s".encode()
        cdef bytes pieces = f"lbd{self.number}i".encode()
        cdef bytes jumbo = f"lbd{self.number}j".encode()
        self.small = rte_pktmbuf_pool_create(small, mbufs, 128, PRIV_SIZE, SMALL_ROOM + RTE_PKTMBUF_HEADROOM, -1)
        self.jumbo = rte_pktmbuf_pool_create(jumbo, jumbos, 0, PRIV_SIZE, JUMBO_ROOM + RTE_PKTMBUF_HEADROOM, -1)
        self.shared.indirect = rte_pktmbuf_pool_create(pieces, 1023, 0, PRIV_SIZE, 0, -1)
        if self.small == NULL or self.jumbo == NULL or self.shared.indirect == NULL:
            raise DpError(f"no memory for packet buffers: {rte_strerror(rte_errno).decode()}")

    cdef void _table(self, ConnTable *t, uint32_t stride, uint32_t key, uint32_t address) except *:
        cdef uint32_t buckets = 1
        while buckets * 8 < self.capacity * 3:
            buckets *= 2
        t.mask = buckets - 1
        t.stride = stride
        t.key_size = key
        t.address_size = address
        t.capacity = self.capacity
        t.fresh = 1
        t.buckets = <Bucket *>self._map(<size_t>buckets * sizeof(Bucket))
        t.conns = <uint8_t *>self._map(<size_t>(self.capacity + 1) * stride)
        cdef bytes secret = os.urandom(sizeof(t.secret))
        memcpy(t.secret, <const char *>secret, sizeof(t.secret))

    cdef void *_map(self, size_t n) except NULL:
        cdef void *p = memory(n)
        self._maps.append((<size_t>p, n))
        return p

    cdef void _rcu(self) except *:
        self.rcu_size = rte_rcu_qsbr_get_memsize(1)
        self.shared.rcu = <rte_rcu_qsbr *>self._map(self.rcu_size)
        rte_rcu_qsbr_init(self.shared.rcu, 1)
        rte_rcu_qsbr_thread_register(self.shared.rcu, 0)

    cdef void _grace(self) noexcept:
        """Until the worker reads nothing any more that was unpublished before."""
        cdef rte_rcu_qsbr *rcu = self.shared.rcu
        if self.running:
            with nogil:
                rte_rcu_qsbr_synchronize(rcu, RTE_QSBR_THRID_INVALID)


    # --- what there is

    def counters(self, uint32_t slot):
        """(connections, in packets, in bytes, out packets, out bytes, active, inactive) of a slot."""
        cdef SlotCounters *c = &self.w.counters[slot]
        cdef Slot *s = &self.shared.slots[slot]
        return (c.connections, c.in_packets, c.in_bytes, c.out_packets, c.out_bytes, s.active, s.inactive)

    def clear_slot(self, uint32_t slot):
        """For a new owner; the last one has no connection left."""
        memset(&self.w.counters[slot], 0, sizeof(SlotCounters))
        memset(&self.shared.slots[slot], 0, sizeof(Slot))

    def close_slot(self, uint32_t slot, bint closed):
        """Whether its real server takes no new connections."""
        self.shared.slots[slot].closed = closed

    def verdicts(self):
        """Counts by verdict, in the order of reasons.NAMES."""
        return [self.w.counts[i] for i in range(N_VERDICTS)]

    def totals(self):
        """(frames received, packets originated, packets waiting, connections, mbufs in use)"""
        return (self.w.rx, self.w.originated, self.w.n_waiters, self.w.table4.used + self.w.table6.used,
                self.mbufs_in_use())

    def mbufs_in_use(self):
        return (rte_mempool_in_use_count(self.small) + rte_mempool_in_use_count(self.jumbo)
                + rte_mempool_in_use_count(self.shared.indirect))

    def mbufs(self):
        return self.small.size + self.jumbo.size

    def events(self):
        """Neighbours that workers ask for: [(address, family, port)]."""
        out = []
        while self.w.events_tail != load32(&self.w.events_head):
            e = &self.w.events[self.w.events_tail % EVENTS]
            out.append((e.address[:4] if e.family == 4 else e.address[:16], e.family, e.port))
            store32(&self.w.events_tail, self.w.events_tail + 1)
        return out

    # --- running

    def start(self):
        """The worker on its own lcore."""
        self.lcore = rte_get_next_lcore(-1, 1, 0)
        if self.lcore >= RTE_MAX_LCORE:
            raise DpError("no lcore is left for a worker")
        self.w.stop = 0
        self.running = True
        if rte_eal_remote_launch(<lcore_function_t *>&worker_loop, self.w, self.lcore) != 0:
            self.running = False
            raise DpError("the worker did not start")

    def stop(self):
        """Returns when the worker has ended."""
        cdef unsigned lcore = self.lcore
        if not self.running:
            return
        store32(&self.w.stop, 1)
        self.wake_up()
        with nogil:
            rte_eal_wait_lcore(lcore)
        self.running = False
        self.w.root = <Root *>self.shared.root

    def heartbeat(self):
        """A number that grows while the worker lives."""
        return self.w.turns

    cpdef void wake_up(self) noexcept:
        if self.w.wake >= 0:
            try:
                os.eventfd_write(self.w.wake, 1)
            except OSError:
                pass
