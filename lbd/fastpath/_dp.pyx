# SPDX-License-Identifier: Apache-2.0
"""The one extension that links DPDK: a thin Python face over worker, tables and ports.

Nothing here is on the way of a packet; that is ``worker.pxd``. Addresses are bytes (4 or 16), ports host-order numbers.
"""
from libc.errno cimport EAGAIN, errno
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from lbd.fastpath.atomic cimport acquire, load32, publish, store32
from lbd.fastpath.burst cimport BURST, Burst
from lbd.fastpath.dpdk.eal cimport (lcore_function_t, rte_eal_init, rte_eal_remote_launch, rte_eal_wait_lcore, rte_errno,
                                    rte_get_next_lcore, rte_get_tsc_hz, rte_rdtsc, rte_strerror, RTE_MAX_LCORE)
from lbd.fastpath.dpdk.ethdev cimport (rte_eal_hotplug_add, rte_eth_conf, rte_eth_dev_close, rte_eth_dev_configure,
                                       rte_eth_dev_get_port_by_name, rte_eth_dev_start, rte_eth_dev_stop,
                                       rte_eth_macaddr_get, rte_eth_rx_queue_setup, rte_eth_tx_queue_setup,
                                       rte_ether_addr)
from lbd.fastpath.dpdk.mbuf cimport (RTE_PKTMBUF_HEADROOM, bytes_of, rte_mbuf, rte_mempool, rte_mempool_free, rte_mempool_in_use_count,
                                     rte_pktmbuf_alloc, rte_pktmbuf_free, rte_pktmbuf_pool_create)
from lbd.fastpath.dpdk.net cimport be16, be32
from lbd.fastpath.dpdk.rcu cimport (RTE_QSBR_THRID_INVALID, rte_rcu_qsbr, rte_rcu_qsbr_get_memsize, rte_rcu_qsbr_init,
                                    rte_rcu_qsbr_quiescent, rte_rcu_qsbr_synchronize, rte_rcu_qsbr_thread_offline,
                                    rte_rcu_qsbr_thread_online, rte_rcu_qsbr_thread_register)
from lbd.fastpath.dpdk.rib cimport (rte_rib, rte_rib6, rte_rib6_conf, rte_rib6_create, rte_rib6_free, rte_rib6_insert,
                                    rte_rib6_node, rte_rib6_set_nh, rte_rib_conf, rte_rib_create, rte_rib_free,
                                    rte_rib_insert, rte_rib_node, rte_rib_set_nh)
from lbd.fastpath.hdr.virtio cimport PRIV_SIZE, VNET_SIZE, vnet_of
from lbd.fastpath.port.ethdev cimport ethdev_rx, ethdev_shut, ethdev_tx
from lbd.fastpath.port.memory cimport MemoryState, memory_rx, memory_shut, memory_tx
from lbd.fastpath.port.packet cimport PacketState, packet_rx, packet_shut, packet_tx
from lbd.fastpath.port.port cimport MAX_MACS, MAX_PORTS, Port
from lbd.fastpath.port.sink cimport sink_rx, sink_shut, sink_tx
from lbd.fastpath.port.tap cimport tap_rx, tap_shut, tap_tx
from lbd.fastpath.reasons cimport N_VERDICTS
from lbd.fastpath.replay cimport Replay, replay
from lbd.fastpath.state cimport EVENTS, STATES, WAITERS, Shared, Worker
from lbd.fastpath.table.conn cimport C_USED, Bucket, Conn, ConnTable, conn_at
from lbd.fastpath.table.directory cimport (K_NEIGHBOUR, K_SERVICE, MAX_PATHS, PAGES, Entry, Page, Real, Root, Route,
                                           Service)
from lbd.fastpath.table.hop cimport NO_PORT, Hop
from lbd.fastpath.table.laddr cimport RING, Laddr
from lbd.fastpath.table.publish cimport Grave, bury, change_entry, empty, service_new
from lbd.fastpath.table.slot cimport Slot, SlotCounters
from lbd.fastpath.worker cimport keep_house, poll_ports, run_burst, worker_loop

import itertools
import os

from lbd.fastpath.reasons import NAMES
from lbd.fastpath.states import transitions

cdef extern from "<sys/mman.h>" nogil:
    enum: PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE, MADV_HUGEPAGE
    void *mmap(void *, size_t, int, int, int, long)
    int munmap(void *, size_t)
    int madvise(void *, size_t, int)
    void *MAP_FAILED

assert len(NAMES) == N_VERDICTS

cdef enum:
    SMALL_ROOM = 2048
    JUMBO_ROOM = 65280


class DpError(Exception):
    """The dataplane cannot do that; the text says why."""


def eal_init(arguments):
    """Start DPDK's environment; once in the life of a process. Raises DpError with EAL's own reason."""
    cdef char *argv[32]
    kept = [a.encode() for a in ["lbd", *arguments]]
    for i, a in enumerate(kept):
        argv[i] = a
    if rte_eal_init(len(kept), argv) < 0:
        raise DpError(f"DPDK did not start: {rte_strerror(rte_errno).decode()}")
    _kept_for_eal.append(kept)


_kept_for_eal = []
_numbers = itertools.count()
"""DPDK's names of pools and tables are one space for the process."""


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


cdef class Dataplane:
    """One worker, its tables and its ports.

    Every change of configuration is published to the worker at once and waits until the worker has left the old one.
    """
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

    def close(self):
        """Everything is given back; the object is of no further use. The worker is stopped first."""
        cdef Root *root = <Root *>self.shared.root
        cdef uint32_t i
        if self.w == NULL:
            return
        self.stop()
        self.feed((), 0)
        for i in range(self.w.n_waiters):
            rte_pktmbuf_free(self.w.waiters[i].m)
        for i in range(MAX_PORTS):
            self.detach_port(i)
            free(self.shared.ports[i])
        if self.tap.state != NULL:
            self.tap.shut(&self.tap)
        rte_rib_free(root.rib)
        rte_rib6_free(root.rib6)
        self._bury_root(root)
        rte_mempool_free(self.small)
        rte_mempool_free(self.jumbo)
        rte_mempool_free(self.shared.indirect)
        for address, size in self._maps:
            munmap(<void *><size_t>address, size)
        self.w = NULL

    cdef void _bury_root(self, Root *root) noexcept:
        cdef uint32_t i, j
        for i in range(PAGES):
            if root.pages[i] == NULL:
                continue
            for j in range(root.pages[i].n):
                if root.pages[i].entries[j].kind == K_SERVICE:
                    free(<void *>root.pages[i].entries[j].value)
            free(root.pages[i])
        free(root.routes)
        free(root)

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

    # --- ports

    cdef Port *_port(self, uint32_t index, bytes mac, uint32_t mtu, int fd) except NULL:
        cdef Port *p
        if index >= MAX_PORTS or (self.shared.ports[index] != NULL and self.shared.ports[index].attached):
            raise DpError(f"port {index} cannot be added")
        p = self.shared.ports[index]
        if p == NULL:
            p = <Port *>calloc(1, sizeof(Port))
        p.index = <uint16_t>index
        p.pool = self.small
        p.jumbo = self.jumbo
        p.fd = fd
        p.mtu = <uint16_t>min(mtu, 65535)
        p.n_macs = 1
        memcpy(p.macs, <const char *>mac, 6)
        return p

    cdef void _attach(self, Port *p) noexcept:
        self.shared.ports[p.index] = p
        store32(&p.attached, 1)
        self.wake_up()

    def add_packet_port(self, uint32_t index, int fd, bytes mac, uint32_t mtu):
        """A shared port; the socket is open, filtered and bound (``port/packet.py``) and stays the caller's."""
        cdef Port *p = self._port(index, mac, mtu, fd)
        p.rx, p.tx, p.shut = &packet_rx, &packet_tx, &packet_shut
        p.state = calloc(1, sizeof(PacketState))
        self._attach(p)

    def add_memory_port(self, uint32_t index, bytes mac, uint32_t mtu=1500):
        """A port for feed: what is sent by it is kept."""
        cdef Port *p = self._port(index, mac, mtu, -1)
        p.rx, p.tx, p.shut = &memory_rx, &memory_tx, &memory_shut
        p.state = calloc(1, sizeof(MemoryState))
        self._attach(p)

    def add_sink_port(self, uint32_t index, bytes mac, uint32_t mtu=1500):
        """A port for replay."""
        cdef Port *p = self._port(index, mac, mtu, -1)
        p.rx, p.tx, p.shut = &sink_rx, &sink_tx, &sink_shut
        self._attach(p)

    def add_ethdev_port(self, uint32_t index, str device, str arguments, uint32_t mtu):
        """An owned port: a device of DPDK (``net_ring0``, a PCI address), with one queue. Returns its MAC address."""
        cdef uint16_t dev = 0
        cdef rte_eth_conf conf
        cdef rte_ether_addr mac
        cdef Port *p
        cdef bytes name = device.encode()
        cdef bytes options = arguments.encode()
        if rte_eth_dev_get_port_by_name(name, &dev) != 0:
            if rte_eal_hotplug_add(b"vdev", name, options) != 0:
                raise DpError(f"DPDK knows no device {device}: {rte_strerror(rte_errno).decode()}")
            rte_eth_dev_get_port_by_name(name, &dev)
        memset(&conf, 0, sizeof(conf))
        if (rte_eth_dev_configure(dev, 1, 1, &conf) != 0
                or rte_eth_rx_queue_setup(dev, 0, 1024, 0, NULL, self.small) != 0
                or rte_eth_tx_queue_setup(dev, 0, 1024, 0, NULL) != 0 or rte_eth_dev_start(dev) != 0):
            raise DpError(f"device {device} did not start: {rte_strerror(rte_errno).decode()}")
        rte_eth_macaddr_get(dev, &mac)
        address = mac.addr_bytes[:6]
        p = self._port(index, address, mtu, -1)
        p.dev = dev
        p.owned = 1
        p.rx, p.tx, p.shut = &ethdev_rx, &ethdev_tx, &ethdev_shut
        self._attach(p)
        return address

    def detach_port(self, uint32_t index):
        """The worker has let go of the port when this returns."""
        cdef Port *p = self.shared.ports[index]
        if p == NULL or not p.attached:
            return
        store32(&p.attached, 0)
        self.wake_up()
        self._grace()
        p.shut(p)
        p.fd = -1
        if p.owned:
            rte_eth_dev_stop(p.dev)
            rte_eth_dev_close(p.dev)

    def set_port(self, uint32_t index, macs, uint32_t mtu, bytes address4=b"", bytes address6=b""):
        """What may change while a port works: MAC addresses that are ours, MTU, where ICMP errors come from."""
        cdef Port *p = self.shared.ports[index]
        if p == NULL:
            raise DpError(f"there is no port {index}")
        for i, mac in enumerate(list(macs)[:MAX_MACS]):
            memcpy(&p.macs[i * 8], <const char *>(<bytes>mac), 6)
        p.n_macs = <uint8_t>min(len(macs), MAX_MACS)
        p.mtu = <uint16_t>min(mtu, 65535)
        memset(p.address4, 0, 4)
        memset(p.address6, 0, 16)
        memcpy(p.address4, <const char *>address4, len(address4))
        memcpy(p.address6, <const char *>address6, len(address6))

    def set_tap(self, int fd, bytes mac):
        """lbd0; fd -1 keeps what is punted in memory (feed)."""
        if fd >= 0:
            self.tap.rx, self.tap.tx, self.tap.shut = &tap_rx, &tap_tx, &tap_shut
        else:
            self.tap.rx, self.tap.tx, self.tap.shut = &memory_rx, &memory_tx, &memory_shut
            self.tap.state = calloc(1, sizeof(MemoryState))
        self.tap.fd = fd
        self.tap.attached = 1
        memcpy(self.shared.tap_mac, <const char *>mac, 6)
        self.shared.tap = &self.tap

    def port_counts(self, uint32_t index):
        """(attached, frames received, sent, not sent)"""
        cdef Port *p = self.shared.ports[index]
        if p == NULL:
            return (False, 0, 0, 0)
        return (bool(p.attached), p.rx_frames, p.tx_frames, p.tx_failed)

    def port_held(self, uint32_t index):
        """mbufs that the port keeps ready for frames to come."""
        cdef Port *p = self.shared.ports[index]
        cdef PacketState *s
        if p == NULL or not p.attached or p.rx != &packet_rx:
            return 0
        s = <PacketState *>p.state
        return sum((s.small[i] != NULL) + (s.large[i] != NULL) for i in range(BURST))

    def tap_counts(self):
        return (self.tap.rx_frames, self.tap.tx_frames, self.tap.tx_failed)

    # --- configuration

    def publish(self, changes):
        """[(address, port, protocol, kind, value)], all at once. Value: a number, a service's tuple, or None: remove.

        A service's tuple is (slot, scheduler, family, claimed, draining, established ticks, reals, sequence, laddrs)
        with reals as (address, port, method, local, slot, weight).
        """
        cdef Root *old = <Root *>self.shared.root
        cdef Root *root = <Root *>malloc(sizeof(Root))
        cdef Grave grave
        cdef Entry e
        memset(&grave, 0, sizeof(grave))
        memcpy(root, old, sizeof(Root))
        for address, port, proto, kind, value in changes:
            memset(&e, 0, sizeof(e))
            wide_bytes(e.address, address)
            # a neighbour's "port" is the index of a port of ours, not one on the wire
            e.port_be = port if kind == K_NEIGHBOUR else be16(port)
            e.proto = proto
            e.kind = kind
            if value is not None:
                e.value = self._value(kind, value)
            change_entry(root, old, &e, &grave)
        self._swap(root, old, &grave)

    cdef uint64_t _value(self, int kind, value) except? 0:
        if kind == K_SERVICE:
            return <uint64_t>self._service(value)
        return value

    cdef void _swap(self, Root *root, Root *old, Grave *grave) noexcept:
        publish(&self.shared.root, root)
        self.w.root = root if not self.running else self.w.root
        self._grace()
        free(old)
        empty(grave)
        self.hops_changed()

    cdef Service *_service(self, value) except NULL:
        slot, scheduler, family, claimed, draining, established, reals, sequence, laddrs = value
        cdef Service *s = service_new(len(reals), len(sequence), len(laddrs))
        cdef uint32_t i
        s.slot = slot
        s.scheduler = scheduler
        s.family = family
        s.claimed = claimed
        s.draining = draining
        s.established = established
        for i, (address, port, method, local, real_slot, weight) in enumerate(reals):
            wide_bytes(s.reals[i].address, address)
            s.reals[i].port_be = be16(port)
            s.reals[i].method = method
            s.reals[i].local = local
            s.reals[i].slot = real_slot
            s.reals[i].weight = weight
        for i in range(s.n_sequence):
            s.sequence[i] = sequence[i]
        for i in range(s.n_laddrs):
            s.laddrs[i] = laddrs[i]
        return s

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
        cdef Laddr *a = &self.w.laddrs[index]
        if a.ring == NULL:
            a.ring = <uint16_t *>self._map(RING * sizeof(uint16_t))
        wide_bytes(a.address, address)
        a.family = 4 if len(address) == 4 else 6
        a.lo, a.fresh, a.hi = lo, lo, hi
        a.head = a.count = a.used = 0

    def laddr_used(self, uint32_t index):
        return self.w.laddrs[index].used

    def set_timeouts(self, ticks):
        """Idle ticks by state (``states.ticks``)."""
        for i, t in enumerate(ticks):
            self.w.timeouts[i] = t

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

    # --- without a port

    def feed(self, frames, double now):
        """Frames in on a virtual clock: [(port, bytes) or (port, bytes, virtio header)].

        Returns (verdict names in order, sent [(port, bytes, virtio header)], punted [bytes]). The worker must not run.
        """
        verdicts = []
        self.w.now = <uint64_t>(now * 1e9)
        if self.w.swept == 0:
            self.w.swept = self.w.now
        keep_house(self.w)
        frames = list(frames)
        for at in range(0, len(frames), BURST):
            self._feed_burst(frames[at:at + BURST], verdicts)
        return verdicts, self._sent(), self._held(&self.tap)

    def turn(self, double now):
        """One turn of the worker's loop on this thread: house-keeping and a burst of every port. It must not run."""
        self.w.now = <uint64_t>(now * 1e9)
        keep_house(self.w)
        return poll_ports(self.w)

    cdef void _feed_burst(self, frames, list verdicts) except *:
        cdef Burst *b = &self.w.burst
        cdef uint32_t i
        b.n = 0
        for item in frames:
            b.m[b.n] = self._mbuf(item[1], item[2] if len(item) > 2 else bytes(VNET_SIZE))
            b.meta[b.n].in_port = item[0]
            b.n += 1
        self.w.rx += b.n
        run_burst(self.w, b)
        for i in range(b.n):
            verdicts.append(NAMES[b.meta[i].verdict])

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
            if self.shared.ports[i] != NULL and self.shared.ports[i].attached:
                out.extend((i, data, header) for data, header in self._held(self.shared.ports[i]))
        return out

    def replay(self, bytes frame, const uint32_t[::1] flows, bint straight):
        """Cycles that whole bursts of this 64-byte frame take, each packet of the flow that ``flows`` says.

        The flow is added to the frame's source address. straight: sent as they are, without the pipeline.
        """
        cdef Replay r
        cdef uint32_t bursts = flows.shape[0] // BURST
        cdef uint32_t i
        cdef uint64_t cycles
        memcpy(r.frame, <const char *>frame, 64)
        for i in range(BURST):
            r.m[i] = rte_pktmbuf_alloc(self.small)
            r.m[i].data_len = 64
            r.m[i].pkt_len = 64
            memset(vnet_of(r.m[i]), 0, PRIV_SIZE)
        with nogil:
            cycles = replay(self.w, &r, &flows[0], bursts, straight)
        for i in range(BURST):
            rte_pktmbuf_free(r.m[i])
        return cycles
