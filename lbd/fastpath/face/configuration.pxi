# SPDX-License-Identifier: Apache-2.0
# Publishing: entries, routes, next hops, local addresses and timeouts.


cdef class WithConfiguration(WithTables):
    """A plane with ports that forwards as it is told.

    Every change is published to the workers at once, and waits until they have left what was before.
    """

    def publish(self, changes):
        """[(address, port, protocol, kind, value)], all at once. Value: a number, a service's tuple, or None: remove.

        A service's tuple is (slot, scheduler, (hash port, fallback, hash target), family, claimed, draining,
        established ticks, persistence ticks, reals, sequence, table, laddrs) with reals as (address, port, method, local,
        slot, weight, laddr). The value of K_MATCHES is all of them: [(service, protocol, port in, port out, source,
        destination)], ports indexes or None, and the last two (first address, last address, first port, last port).
        """
        left = []                # tables that may be read until workers have left the old root
        cdef Root *old = <Root *>self.shared.root
        cdef Root *root = <Root *>malloc(sizeof(Root))
        cdef Grave grave
        cdef Entry e
        memset(&grave, 0, sizeof(grave))
        memcpy(root, old, sizeof(Root))
        for address, port, proto, kind, value in changes:
            if kind == K_MATCHES:
                self._set_matches(root, value, &grave)
                left.append(self.tables.pop(K_MATCHES, None))
                self.tables[K_MATCHES] = [service[10] for service, *_ in value]
                continue
            memset(&e, 0, sizeof(e))
            wide_bytes(e.address, address)
            # a neighbour's "port" is the index of a port of ours, not one on the wire
            e.port_be = port if kind == K_NEIGHBOUR else be16(port)
            e.proto = proto
            e.kind = kind
            if value is not None:
                e.value = self._value(kind, value)
            change_entry(root, old, &e, &grave)
            if kind == K_SERVICE:
                left.append(self.tables.pop((address, port, proto), None))
                if value is not None:
                    self.tables[address, port, proto] = value[10]
        self._swap(root, old, &grave)

    cdef uint64_t _value(self, int kind, value) except? 0:
        if kind == K_SERVICE:
            return <uint64_t>self._service(value)
        return value

    cdef void _set_matches(self, Root *root, matches, Grave *grave) except *:
        cdef Match *out = <Match *>calloc(len(matches) + 1, sizeof(Match))
        cdef Match *x
        for i in range(root.n_matches):
            bury(grave, root.matches[i].service)
        bury(grave, root.matches)
        for i, (service, proto, in_port, out_port, source, destination) in enumerate(matches):
            x = &out[i]
            x.service = self._service(service)
            x.family = x.service.family
            x.proto = proto
            x.in_port = NO_PORT if in_port is None else in_port
            x.out_port = NO_PORT if out_port is None else out_port
            for side in range(2):
                wide_bytes(x.source[side], source[side])
                wide_bytes(x.destination[side], destination[side])
                x.source_port[side] = source[2 + side]
                x.destination_port[side] = destination[2 + side]
        root.matches = out
        root.n_matches = len(matches)

    cdef void _swap(self, Root *root, Root *old, Grave *grave) noexcept:
        publish(&self.shared.root, root)
        if not self.running:
            self._take_root()
        self._grace()
        free(old)
        empty(grave)
        self.hops_changed()

    cdef Service *_service(self, value) except NULL:
        slot, scheduler, hashing, family, claimed, draining, established, persistence, reals, sequence, table, laddrs = value
        cdef Service *s = service_new(len(reals), len(sequence), len(laddrs))
        cdef uint32_t i
        s.slot = slot
        s.scheduler = scheduler
        s.family = family
        s.claimed = claimed
        s.draining = draining
        s.established = established
        s.persistence = persistence
        s.choose = <void *>choose_tied if persistence else <void *>schedule
        s.hash_port, s.fallback, s.hash_target = hashing
        self._look_up(s, table)
        for i, (address, port, method, local, real_slot, weight, laddr) in enumerate(reals):
            wide_bytes(s.reals[i].address, address)
            s.reals[i].port_be = be16(port)
            s.reals[i].method = method
            s.reals[i].local = local
            s.reals[i].slot = real_slot
            s.reals[i].weight = weight
            s.reals[i].laddr = laddr
        for i in range(s.n_sequence):
            s.sequence[i] = sequence[i]
        for i in range(s.n_laddrs):
            s.laddrs[i] = laddrs[i]
        return s

    cdef void _look_up(self, Service *s, LookupTable table) noexcept:
        if table is not None:
            s.table = table.memory
            s.n_table = table.size

    def set_routes(self, routes, prefixes4, prefixes6):
        """All routes anew. routes: [(blackhole, [(port, onlink, hop)])]; prefixes: [(address, length, route)]."""
        cdef Root *old = <Root *>self.shared.root
        cdef Root *root = <Root *>malloc(sizeof(Root))
        cdef Grave grave
        cdef rte_rib *rib = old.rib
        cdef rte_rib6 *rib6 = old.rib6
        memset(&grave, 0, sizeof(grave))
        memcpy(root, old, sizeof(Root))
        self.generation += 1
        root.rib = self._rib4(prefixes4)
        root.rib6 = self._rib6(prefixes6)
        root.routes = self._routes(routes)
        root.epoch = old.epoch + 1
        bury(&grave, old.routes)
        self._swap(root, old, &grave)
        rte_rib_free(rib)
        rte_rib6_free(rib6)

    cdef Route *_routes(self, routes) except NULL:
        cdef Route *out = <Route *>calloc(len(routes) + 1, sizeof(Route))
        for i, (blackhole, paths) in enumerate(routes):
            out[i].blackhole = blackhole
            out[i].n_paths = min(len(paths), MAX_PATHS)
            for j, (port, onlink, hop) in enumerate(paths[:MAX_PATHS]):
                out[i].port[j] = NO_PORT if port is None else port
                out[i].onlink[j] = onlink
                out[i].hop[j] = hop
        return out

    cdef rte_rib *_rib4(self, prefixes) except NULL:
        cdef rte_rib_conf conf
        cdef rte_rib_node *node
        cdef rte_rib *rib
        conf.ext_sz = 0
        conf.max_nodes = 2 * len(prefixes) + 16
        cdef bytes name = f"lbd{self.number}v4.{self.generation}".encode()
        rib = rte_rib_create(name, -1, &conf)
        if rib == NULL:
            raise DpError(f"no room for {len(prefixes)} routes: {rte_strerror(rte_errno).decode()}")
        for address, length, route in prefixes:
            node = rte_rib_insert(rib, int.from_bytes(address, "big"), length)
            if node != NULL:
                rte_rib_set_nh(node, route)
        return rib

    cdef rte_rib6 *_rib6(self, prefixes) except NULL:
        cdef rte_rib6_conf conf
        cdef rte_rib6_node *node
        cdef rte_rib6 *rib
        conf.ext_sz = 0
        conf.max_nodes = 2 * len(prefixes) + 16
        cdef bytes name = f"lbd{self.number}v6.{self.generation}".encode()
        rib = rte_rib6_create(name, -1, &conf)
        if rib == NULL:
            raise DpError(f"no room for {len(prefixes)} routes: {rte_strerror(rte_errno).decode()}")
        for address, length, route in prefixes:
            node = rte_rib6_insert(rib, <const uint8_t *>(<const char *>(<bytes>address)), length)
            if node != NULL:
                rte_rib6_set_nh(node, route)
        return rib

    def set_hop(self, uint32_t index, bytes dmac, bytes smac, uint32_t port, uint32_t mtu, uint32_t state):
        """A next hop. A change of MAC address is one store of one word."""
        cdef Hop *h = &self.shared.hops[index]
        cdef uint8_t word[8]
        memcpy(word, <const char *>dmac, 6)
        word[6] = port & 0xff
        word[7] = port >> 8
        memcpy(h.smac, <const char *>smac, 6)
        h.mtu = <uint16_t>min(mtu, 65535)
        (<uint64_t *>h.dmac)[0] = (<uint64_t *>word)[0]
        h.state = state

    def hops_changed(self):
        """Packets that wait for a neighbour are tried again."""
        store32(&self.shared.hop_generation, self.shared.hop_generation + 1)
        self.wake_up()

    def set_laddr(self, uint32_t index, bytes address, uint32_t lo, uint32_t hi):
        """A local address with all its ports free."""
        for i in range(self.n_workers):
            a = &self.workers[i].laddrs[index]
            if a.ring == NULL:
                a.ring = <uint16_t *>self._map(RING * sizeof(uint16_t))
            wide_bytes(a.address, address)
            a.family = 4 if len(address) == 4 else 6
            a.worker = <uint8_t>i
            a.workers = <uint8_t>self.n_workers
            ports_between(a, lo, hi)

    def laddr_used(self, uint32_t index):
        return sum(self.workers[i].laddrs[index].used for i in range(self.n_workers))

    def set_timeouts(self, ticks):
        """Idle ticks by state (``states.ticks``)."""
        for worker in range(self.n_workers):
            for i, t in enumerate(ticks):
                self.workers[worker].timeouts[i] = t
