# SPDX-License-Identifier: Apache-2.0
# The workers' memory, their counters, their start and stop.

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
    """The workers and their memory; what can be asked of them, and their life."""
    cdef Worker *w               # the first one
    cdef Worker *workers[MAX_WORKERS]
    cdef Shared shared
    cdef size_t rcu_size
    cdef rte_mempool *small
    cdef rte_mempool *jumbo
    cdef unsigned lcores[MAX_WORKERS]
    cdef bint running
    cdef int generation
    cdef int number
    cdef list _maps
    cdef readonly uint32_t capacity
    cdef readonly uint32_t n_workers
    cdef readonly uint32_t n_hops

    def __cinit__(self, *, uint32_t capacity=1048575, uint32_t slots=262144, uint32_t laddrs=4096,
                  uint32_t hops=65536, unsigned mbufs=16383, unsigned jumbos=511, int bell=-1, wake=(), uint32_t workers=1):
        """capacity: connections of each family, over all workers; wake: an eventfd for each worker, or none."""
        if not 1 <= workers <= MAX_WORKERS:
            raise DpError(f"there can be 1 to {MAX_WORKERS} workers, not {workers}")
        self._maps = []
        self.number = next(_numbers)
        self.capacity = capacity
        self.n_hops = hops
        self.n_workers = workers
        self.shared.n_workers = workers
        self.shared.spin_ns = SPIN_NS
        self._owner_key()
        self.shared.slots = <Slot *>self._map(slots * sizeof(Slot))
        self.shared.n_slots = slots
        self._ties()
        self.shared.endpoints = <Endpoint *>self._map(slots * sizeof(Endpoint))
        self.shared.hops = <Hop *>self._map(hops * sizeof(Hop))
        self.shared.root = calloc(1, sizeof(Root))
        self._rcu()
        for i in range(workers):
            self._worker(i, slots, laddrs, bell, wake[i] if wake else -1)
        self.w = self.workers[0]
        cdef bytes small = f"lbd{self.number}s".encode()
        cdef bytes pieces = f"lbd{self.number}i".encode()
        cdef bytes jumbo = f"lbd{self.number}j".encode()
        self.small = rte_pktmbuf_pool_create(small, mbufs, 128, PRIV_SIZE, SMALL_ROOM + RTE_PKTMBUF_HEADROOM, -1)
        self.jumbo = rte_pktmbuf_pool_create(jumbo, jumbos, 0, PRIV_SIZE, JUMBO_ROOM + RTE_PKTMBUF_HEADROOM, -1)
        self.shared.indirect = rte_pktmbuf_pool_create(pieces, 1023, 0, PRIV_SIZE, 0, -1)
        if self.small == NULL or self.jumbo == NULL or self.shared.indirect == NULL:
            raise DpError(f"no memory for packet buffers: {rte_strerror(rte_errno).decode()}")

    cdef void _ties(self) except *:
        """As many as there can be connections of one family: a client without one is tied for a while only."""
        cdef TieTable *t = &self.shared.ties
        cdef bytes secret = os.urandom(sizeof(t.secret))
        cdef uint32_t chains = 1
        while chains < self.capacity:
            chains *= 2
        memcpy(t.secret, <const char *>secret, sizeof(t.secret))
        t.mask = chains - 1
        t.capacity = self.capacity
        t.fresh = 1
        t.chains = <Chain *>self._map(<size_t>chains * sizeof(Chain))
        t.ties = <Tie *>self._map((<size_t>self.capacity + 1) * sizeof(Tie))

    def ties(self):
        """How many addresses are tied to servers now, or were and are not forgotten yet."""
        return self.shared.ties.used

    cdef void _owner_key(self) except *:
        key = struct.unpack("3I", os.urandom(12))
        for i in range(3):
            self.shared.owner_key[i] = key[i] | 1

    def owner_key(self):
        """Of the hash by which clients are dealt out to workers: three odd numbers of 32 bits."""
        return tuple(self.shared.owner_key[i] for i in range(3))

    cdef void _worker(self, uint32_t i, uint32_t slots, uint32_t laddrs, int bell, int wake) except *:
        cdef Worker *w = <Worker *>self._map(sizeof(Worker))
        cdef bytes table = transitions()
        cdef bytes associations = sctp_transitions()
        cdef bytes secret
        cdef bytes inbox = f"lbd{self.number}w{i}".encode()
        self.workers[i] = w
        self.shared.workers[i] = w
        w.id = i
        w.shared = &self.shared
        w.bell = bell
        w.wake = wake
        w.root = <Root *>self.shared.root
        w.counters = <SlotCounters *>self._map(slots * sizeof(SlotCounters))
        w.laddrs = <Laddr *>self._map(laddrs * sizeof(Laddr))
        w.n_laddrs = laddrs
        w.datagrams.all = <Datagram *>self._map(DATAGRAMS * sizeof(Datagram))
        secret = os.urandom(sizeof(w.datagrams.secret))
        memcpy(w.datagrams.secret, <const char *>secret, sizeof(w.datagrams.secret))
        self._table(&w.table4, 64, 12, 8)
        self._table(&w.table6, 128, 36, 32)
        memcpy(w.tcp_next, <const char *>table, sizeof(w.tcp_next))
        memcpy(w.sctp_next, <const char *>associations, sizeof(w.sctp_next))
        if self.n_workers > 1:
            w.inbox = rte_ring_create(inbox, INBOX, -1, RING_F_SC_DEQ)
            if w.inbox == NULL:
                raise DpError(f"no memory for the inbox of a worker: {rte_strerror(rte_errno).decode()}")

    cdef void _table(self, ConnTable *t, uint32_t stride, uint32_t key, uint32_t address) except *:
        """A worker's share; with several a sixteenth more, because a hash does not deal out evenly."""
        cdef uint32_t buckets = 1
        cdef uint32_t capacity = self.capacity
        if self.n_workers > 1:
            capacity = capacity // self.n_workers + capacity // self.n_workers // 16 + 64
        while buckets * 8 < capacity * 3:
            buckets *= 2
        t.mask = buckets - 1
        t.stride = stride
        t.key_size = key
        t.address_size = address
        t.capacity = capacity
        t.fresh = 1
        t.buckets = <Bucket *>self._map(<size_t>buckets * sizeof(Bucket))
        t.conns = <uint8_t *>self._map(<size_t>(capacity + 1) * stride)
        cdef bytes secret = os.urandom(sizeof(t.secret))
        memcpy(t.secret, <const char *>secret, sizeof(t.secret))

    cdef void *_map(self, size_t n) except NULL:
        cdef void *p = memory(n)
        self._maps.append((<size_t>p, n))
        return p

    cdef void _rcu(self) except *:
        self.rcu_size = rte_rcu_qsbr_get_memsize(self.n_workers)
        self.shared.rcu = <rte_rcu_qsbr *>self._map(self.rcu_size)
        rte_rcu_qsbr_init(self.shared.rcu, self.n_workers)
        for i in range(self.n_workers):
            rte_rcu_qsbr_thread_register(self.shared.rcu, i)

    cdef void _grace(self) noexcept:
        """Until no worker reads anything any more that was unpublished before."""
        cdef rte_rcu_qsbr *rcu = self.shared.rcu
        if self.running:
            with nogil:
                rte_rcu_qsbr_synchronize(rcu, RTE_QSBR_THRID_INVALID)


    # --- what there is

    def counters(self, uint32_t slot):
        """(connections, in packets, in bytes, out packets, out bytes, active, inactive) of a slot."""
        cdef SlotCounters sum
        cdef SlotCounters *c
        cdef Slot *s = &self.shared.slots[slot]
        memset(&sum, 0, sizeof(sum))
        for i in range(self.n_workers):
            c = &self.workers[i].counters[slot]
            sum.connections += c.connections
            sum.in_packets += c.in_packets
            sum.in_bytes += c.in_bytes
            sum.out_packets += c.out_packets
            sum.out_bytes += c.out_bytes
        return (sum.connections, sum.in_packets, sum.in_bytes, sum.out_packets, sum.out_bytes, s.active, s.inactive)

    def clear_slot(self, uint32_t slot):
        """For a new owner; the last one has no connection left."""
        for i in range(self.n_workers):
            memset(&self.workers[i].counters[slot], 0, sizeof(SlotCounters))
        generation = self.shared.slots[slot].generation + 1
        memset(&self.shared.slots[slot], 0, sizeof(Slot))
        self.shared.slots[slot].generation = generation

    def limit_slot(self, uint32_t slot, uint32_t upper, uint32_t lower):
        """How many connections its real server has at most, and below how many it takes new ones again; 0: IPVS's."""
        slot_limit(&self.shared.slots[slot], upper, lower)

    def mask_slot(self, uint32_t slot, bytes mask):
        """Which bits of a client's address a service's persistence looks at. Where they change, old ties are none."""
        cdef Slot *s = &self.shared.slots[slot]
        cdef uint8_t wide[16]
        wide_bytes(wide, mask)
        if memcmp(wide, s.mask, 16):
            memcpy(s.mask, wide, 16)
            s.generation += 1

    def close_slot(self, uint32_t slot, bint closed):
        """Whether its real server takes no new connections."""
        self.shared.slots[slot].closed = closed

    def set_endpoint(self, uint32_t slot, bytes address, int kind, int port, bint checksum):
        """Where the tunnel to a real server ends, before the real server is published. kind: as in table/endpoint.pxd"""
        cdef Endpoint *e = &self.shared.endpoints[slot]
        cdef int header = 20 if len(address) == 4 else 40
        cdef int inside = 4 * (1 + checksum) if kind == T_GRE else 12 if kind == T_GUE else 0
        wide_bytes(e.address, address)
        e.family = 4 if len(address) == 4 else 6
        e.checksum = checksum
        e.port_be = be16(port)
        e.overhead = header + inside
        e.kind = kind

    def verdicts(self):
        """Counts by verdict, in the order of reasons.NAMES."""
        return [sum(self.workers[w].counts[i] for w in range(self.n_workers)) for i in range(N_VERDICTS)]

    def totals(self):
        """(frames received, packets originated, packets waiting, connections, mbufs in use)

        A packet on its way from one worker to another waits.
        """
        rx = originated = waiting = connections = 0
        for i in range(self.n_workers):
            w = self.workers[i]
            rx += w.rx
            originated += w.originated
            waiting += w.n_waiters + w.datagrams.n_held + w.n_ready + (rte_ring_count(w.inbox) if w.inbox != NULL else 0)
            connections += w.table4.used + w.table6.used
        return rx, originated, waiting, connections, self.mbufs_in_use()

    def worker(self, uint32_t i):
        """(turns, busy seconds, frames received, handed to others, taken from others, connections)

        Busy is the time of the turns that had packets.
        """
        w = self.workers[i]
        return (w.turns, w.busy / 1e9, w.rx, w.counts[HANDED], w.taken, w.table4.used + w.table6.used)

    def mbufs_in_use(self):
        return (rte_mempool_in_use_count(self.small) + rte_mempool_in_use_count(self.jumbo)
                + rte_mempool_in_use_count(self.shared.indirect))

    def mbufs(self):
        return self.small.size + self.jumbo.size

    def events(self):
        """Neighbours that workers ask for: [(address, family, port)]."""
        out = []
        for i in range(self.n_workers):
            w = self.workers[i]
            while w.events_tail != load32(&w.events_head):
                e = &w.events[w.events_tail % EVENTS]
                out.append((e.address[:4] if e.family == 4 else e.address[:16], e.family, e.port))
                store32(&w.events_tail, w.events_tail + 1)
        return out

    # --- running

    def set_spin(self, uint64_t ns):
        """How long without a packet a worker spins before it sleeps."""
        self.shared.spin_ns = ns

    def start(self):
        """Each worker on an lcore of its own."""
        cdef unsigned lcore = <unsigned>-1
        for i in range(self.n_workers):
            lcore = rte_get_next_lcore(lcore, 1, 0)
            if lcore >= RTE_MAX_LCORE:
                raise DpError(f"no lcore is left for worker {i}")
            self.lcores[i] = lcore
        self.running = True
        for i in range(self.n_workers):
            self.workers[i].stop = 0
            if rte_eal_remote_launch(<lcore_function_t *>&worker_loop, self.workers[i], self.lcores[i]) != 0:
                self.stop()
                raise DpError(f"worker {i} did not start")

    def stop(self):
        """Returns when the workers have ended."""
        cdef unsigned lcore
        if not self.running:
            return
        for i in range(self.n_workers):
            store32(&self.workers[i].stop, 1)
        self.wake_up()
        for i in range(self.n_workers):
            lcore = self.lcores[i]
            with nogil:
                rte_eal_wait_lcore(lcore)
        self.running = False
        self._take_root()

    cdef void _take_root(self) noexcept:
        """What a worker does at the begin of a turn, for workers that do not run."""
        for i in range(self.n_workers):
            self.workers[i].root = <Root *>self.shared.root

    def heartbeats(self):
        """A number for each worker that grows while it lives."""
        return [self.workers[i].turns for i in range(self.n_workers)]

    cpdef void wake_up(self) noexcept:
        for i in range(self.n_workers):
            if self.workers[i].wake >= 0:
                try:
                    os.eventfd_write(self.workers[i].wake, 1)
                except OSError:
                    pass
