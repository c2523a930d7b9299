# SPDX-License-Identifier: Apache-2.0
# The pipeline without a port: frames in and out of memory, and replay for benchmarks.


cdef class Dataplane(WithConfiguration):
    """The whole of it; and without a port, for tests and benchmarks."""

    def feed(self, frames, double now, uint32_t worker=0):
        """Frames in on a virtual clock: [(port, bytes) or (port, bytes, virtio header)], at one of the workers.

        What it hands over is carried to its end by the others. Returns (verdict names in order, sent [(port, bytes,
        virtio header)], punted [bytes]). The workers must not run.
        """
        verdicts = []
        for i in range(self.n_workers):
            w = self.workers[i]
            w.now = <uint64_t>(now * 1e9)
            if w.swept == 0:
                w.swept = w.now
            keep_house(w)
        frames = list(frames)
        for at in range(0, len(frames), BURST):
            self._feed_burst(self.workers[worker], frames[at:at + BURST], verdicts)
        while any([take_inbox(self.workers[i]) for i in range(self.n_workers)]):
            pass
        return verdicts, self._sent(), self._punted()

    def turn(self, double now):
        """One turn of each worker's loop on this thread: house-keeping and a burst of every port. None must run."""
        total = 0
        for i in range(self.n_workers):
            self.workers[i].now = <uint64_t>(now * 1e9)
            keep_house(self.workers[i])
            total += poll_ports(self.workers[i])
        return total

    cdef void _feed_burst(self, Worker *w, frames, list verdicts) except *:
        cdef Burst *b = &w.burst
        cdef uint32_t i
        b.taken = False
        b.n = 0
        for item in frames:
            b.m[b.n] = self._mbuf(item[1], item[2] if len(item) > 2 else bytes(VNET_SIZE))
            b.meta[b.n].in_port = item[0]
            b.n += 1
        w.rx += b.n
        run_burst(w, b)
        for i in range(b.n):
            verdicts.append(NAMES[b.meta[i].verdict])
        run_ready(w)

    cdef rte_mbuf *_mbuf(self, bytes frame, bytes header) except NULL:
        """As a shared port would have received it: a small mbuf and a jumbo one for the rest."""
        cdef rte_mbuf *m = rte_pktmbuf_alloc(self.small)
        cdef uint32_t n = len(frame)
        cdef uint32_t first = min(n, SMALL_ROOM)
        if m == NULL:
            raise DpError("no mbuf is free")
        memset(vnet_of(m), 0, PRIV_SIZE)
        memcpy(vnet_of(m), <const char *>header, VNET_SIZE)
        memcpy(bytes_of(m), <const char *>frame, first)
        m.data_len = <uint16_t>first
        m.pkt_len = n
        if n > first:
            m.next = rte_pktmbuf_alloc(self.jumbo)
            if m.next == NULL:
                raise DpError("no jumbo mbuf is free")
            m.nb_segs = 2
            memcpy(bytes_of(m.next), <const char *>frame + first, n - first)
            m.next.data_len = <uint16_t>(n - first)
        return m

    cdef list _held(self, Port *p):
        cdef MemoryState *s = <MemoryState *>p.state
        cdef uint32_t i
        cdef rte_mbuf *seg
        out = []
        if s == NULL or p.tx != &memory_tx:
            return out
        for i in range(s.n):
            data = b""
            header = (<uint8_t *>vnet_of(s.m[i]))[:VNET_SIZE]
            seg = s.m[i]
            while seg != NULL:
                data += bytes_of(seg)[:seg.data_len]
                seg = seg.next
            out.append((data, header))
            rte_pktmbuf_free(s.m[i])
        s.n = 0
        return out

    cdef list _sent(self):
        out = []
        for i in range(MAX_PORTS):
            for worker in range(self.n_workers):
                p = self.workers[worker].ports[i]
                if p != NULL and p.attached:
                    out.extend((i, data, header) for data, header in self._held(p))
        return out

    cdef list _punted(self):
        out = []
        for worker in range(self.n_workers):
            if self.workers[worker].tap != NULL:
                out.extend(self._held(self.workers[worker].tap))
        return out

    def replay(self, bytes frame, const uint32_t[::1] flows, bint straight, *, uint32_t services=1,
               uint8_t[::1] answers=None, bint backward=False, bint clock=False, uint32_t worker=0):
        """Cycles that whole bursts of this frame take, each packet of the flow that ``flows`` says (``replay.pxd``).

        services: so many, on addresses from the frame's on; a flow is always of the same one.
        answers: 96 bytes for each flow; what leaves is kept there turned round, or is sent from there (backward).
        straight: sent as they are, without the pipeline. clock: time passes as it is spent.
        worker: whose flows they must be; several may be replayed at once, each in a thread of its own.
        """
        cdef Replay r
        cdef uint32_t bursts = flows.shape[0] // BURST
        cdef uint32_t how = (STRAIGHT if straight else 0) | (CLOCK if clock else 0)
        cdef uint64_t cycles
        if backward and answers is None:
            raise DpError("backward go answers, and there are none")
        self._template(&r, frame)
        r.services = services
        if answers is not None:
            r.answers = &answers[0]
            r.n_answers = <uint32_t>(answers.shape[0] // FRAME)
            how |= BACKWARD if backward else LEARN
        with nogil:
            cycles = replay(self.workers[worker], &r, &flows[0], bursts, how)
        for i in range(BURST):
            rte_pktmbuf_free(r.m[i])
        return cycles

    def replay_stages(self, bytes frame, const uint32_t[::1] flows):
        """Cycles of each stage in its order, of the emptying of the queues, and of reading the clock once."""
        cdef Replay r
        cdef uint64_t spent[MEASURED]
        cdef uint32_t bursts = flows.shape[0] // BURST
        self._template(&r, frame)
        memset(spent, 0, sizeof(spent))
        with nogil:
            measure_stages(self.w, &r, &flows[0], bursts, spent)
        for i in range(BURST):
            rte_pktmbuf_free(r.m[i])
        return [spent[i] for i in range(MEASURED)]

    cdef void _template(self, Replay *r, bytes frame) except *:
        if not 60 <= len(frame) <= FRAME:
            raise DpError(f"a frame of replay has 60 to {FRAME} bytes, not {len(frame)}")
        memset(r, 0, sizeof(Replay))
        memcpy(r.frame, <const char *>frame, len(frame))
        r.size = <uint32_t>len(frame)
        r.services = 1
        r.ns = 1e9 / <double>rte_get_tsc_hz()
        lay_out(r)
        for i in range(BURST):
            r.m[i] = rte_pktmbuf_alloc(self.small)
            if r.m[i] == NULL:
                raise DpError("no mbuf is free")
            r.m[i].data_len = <uint16_t>r.size
            r.m[i].pkt_len = r.size
            memset(vnet_of(r.m[i]), 0, PRIV_SIZE)

    def close(self):
        """Everything is given back; the object is of no further use. The worker is stopped first."""
        cdef Root *root = <Root *>self.shared.root
        cdef uint32_t i
        if self.w == NULL:
            return
        self.stop()
        for i in range(MAX_PORTS):
            self.detach_port(i)
        for i in range(self.n_workers):
            self._close_worker(self.workers[i])
        rte_rib_free(root.rib)
        rte_rib6_free(root.rib6)
        self._bury_root(root)
        rte_mempool_free(self.small)
        rte_mempool_free(self.jumbo)
        rte_mempool_free(self.shared.indirect)
        for address, size in self._maps:
            munmap(<void *><size_t>address, size)
        self.w = NULL

    cdef void _close_worker(self, Worker *w) noexcept:
        cdef rte_mbuf *m
        cdef uint32_t i, j
        for i in range(w.n_waiters):
            rte_pktmbuf_free(w.waiters[i].m)
        for i in range(DATAGRAMS):
            for j in range(w.datagrams.all[i].n_held):
                rte_pktmbuf_free(w.datagrams.all[i].held[j])
        for i in range(MAX_PORTS):
            free(w.ports[i])
        if w.tap != NULL and w.tap.state != NULL:
            w.tap.shut(w.tap)
        free(w.tap)
        while w.inbox != NULL and rte_ring_dequeue_burst(w.inbox, <void **>&m, 1, NULL):
            rte_pktmbuf_free(m)
        rte_ring_free(w.inbox)

    cdef void _bury_root(self, Root *root) noexcept:
        cdef uint32_t i, j
        for i in range(PAGES):
            if root.pages[i] == NULL:
                continue
            for j in range(root.pages[i].n):
                if root.pages[i].entries[j].kind == K_SERVICE:
                    free(<void *>root.pages[i].entries[j].value)
            free(root.pages[i])
        for i in range(root.n_matches):
            free(root.matches[i].service)
        free(root.matches)
        free(root.routes)
        free(root)
