# SPDX-License-Identifier: Apache-2.0
# Adding and detaching ports: what each kind of port fills the four functions with, a queue for each worker.


cdef class WithPorts(Plane):
    """A plane with ports."""

    def _check_free(self, uint32_t index):
        if index >= MAX_PORTS or (self.w.ports[index] != NULL and self.w.ports[index].attached):
            raise DpError(f"port {index} cannot be added")

    cdef Port *_queue(self, uint32_t worker, uint32_t index, bytes mac, uint32_t mtu) except NULL:
        """This worker's queue of a port, with nothing behind it yet."""
        cdef Port *p = self.workers[worker].ports[index]
        if p == NULL:
            p = <Port *>calloc(1, sizeof(Port))
        p.index = <uint16_t>index
        p.pool = self.small
        p.jumbo = self.jumbo
        p.fd = -1
        p.owned = 0
        p.rxq = p.txq = <uint16_t>worker
        p.mtu = <uint16_t>min(mtu, 65535)
        p.n_macs = 1
        memcpy(p.macs, <const char *>mac, 6)
        self.workers[worker].ports[index] = p
        return p

    cdef void _attach(self, uint32_t index) noexcept:
        for i in range(self.n_workers):
            store32(&self.workers[i].ports[index].attached, 1)
        self.wake_up()

    def add_packet_port(self, uint32_t index, fds, bytes mac, uint32_t mtu):
        """A shared port; the sockets, one for each worker, are open, filtered and bound (``port/packet.py``) and stay
        the caller's."""
        self._check_free(index)
        for i, fd in enumerate(fds):
            p = self._queue(i, index, mac, mtu)
            p.fd = fd
            p.rx, p.tx, p.shut = &packet_rx, &packet_tx, &packet_shut
            p.state = calloc(1, sizeof(PacketState))
        self._attach(index)

    def add_memory_port(self, uint32_t index, bytes mac, uint32_t mtu=1500):
        """A port for feed: what is sent by it is kept."""
        self._check_free(index)
        for i in range(self.n_workers):
            p = self._queue(i, index, mac, mtu)
            p.rx, p.tx, p.shut = &memory_rx, &memory_tx, &memory_shut
            p.state = calloc(1, sizeof(MemoryState))
        self._attach(index)

    def add_sink_port(self, uint32_t index, bytes mac, uint32_t mtu=1500):
        """A port for replay."""
        self._check_free(index)
        for i in range(self.n_workers):
            p = self._queue(i, index, mac, mtu)
            p.rx, p.tx, p.shut = &sink_rx, &sink_tx, &sink_shut
        self._attach(index)

    def add_ethdev_port(self, uint32_t index, str device, str arguments, uint32_t mtu):
        """An owned port: a device of DPDK (``net_ring0``, a PCI address). Returns its MAC address.

        As many receiving queues as it has, up to one for each worker; and a sending queue for each.
        """
        cdef uint16_t dev = 0
        cdef uint16_t receiving
        cdef rte_ether_addr mac
        cdef bytes name = device.encode()
        cdef bytes options = arguments.encode()
        self._check_free(index)
        if rte_eth_dev_get_port_by_name(name, &dev) != 0:
            if rte_eal_hotplug_add(b"vdev", name, options) != 0:
                raise DpError(f"DPDK knows no device {device}: {rte_strerror(rte_errno).decode()}")
            rte_eth_dev_get_port_by_name(name, &dev)
        receiving = self._start_device(dev, device)
        rte_eth_macaddr_get(dev, &mac)
        address = mac.addr_bytes[:6]
        for i in range(self.n_workers):
            p = self._queue(i, index, address, mtu)
            p.dev = dev
            p.owned = 1
            p.rxq = <uint16_t>i if i < receiving else NO_QUEUE
            p.rx, p.tx, p.shut = &ethdev_rx, &ethdev_tx, &ethdev_shut
        self._attach(index)
        return address

    cdef uint16_t _start_device(self, uint16_t dev, str device) except 0xffff:
        """With its queues; how many of them receive."""
        cdef rte_eth_conf conf
        cdef rte_eth_dev_info info
        cdef uint16_t i, receiving
        memset(&conf, 0, sizeof(conf))
        rte_eth_dev_info_get(dev, &info)
        receiving = min(info.max_rx_queues, self.n_workers)
        if info.max_tx_queues < self.n_workers:
            raise DpError(f"device {device} has {info.max_tx_queues} sending queues and needs one for each of "
                          f"{self.n_workers} workers")
        good = rte_eth_dev_configure(dev, receiving, <uint16_t>self.n_workers, &conf) == 0
        for i in range(receiving):
            good = good and rte_eth_rx_queue_setup(dev, i, 1024, 0, NULL, self.small) == 0
        for i in range(self.n_workers):
            good = good and rte_eth_tx_queue_setup(dev, i, 1024, 0, NULL) == 0
        if not good or rte_eth_dev_start(dev) != 0:
            raise DpError(f"device {device} did not start: {rte_strerror(rte_errno).decode()}")
        return receiving

    def detach_port(self, uint32_t index):
        """The workers have let go of the port when this returns."""
        cdef Port *p = self.w.ports[index]
        if p == NULL or not p.attached:
            return
        for i in range(self.n_workers):
            store32(&self.workers[i].ports[index].attached, 0)
        self.wake_up()
        self._grace()
        for i in range(self.n_workers):
            p = self.workers[i].ports[index]
            p.shut(p)
            p.fd = -1
        if p.owned:
            rte_eth_dev_stop(p.dev)
            rte_eth_dev_close(p.dev)

    def set_port(self, uint32_t index, macs, uint32_t mtu, bytes address4=b"", bytes address6=b""):
        """What may change while a port works: MAC addresses that are ours, MTU, where ICMP errors come from."""
        macs = list(macs)[:MAX_MACS]
        for worker in range(self.n_workers):
            p = self.workers[worker].ports[index]
            if p == NULL:
                raise DpError(f"there is no port {index}")
            for i, mac in enumerate(macs):
                memcpy(&p.macs[i * 8], <const char *>(<bytes>mac), 6)
            p.n_macs = <uint8_t>len(macs)
            p.mtu = <uint16_t>min(mtu, 65535)
            memset(p.address4, 0, 4)
            memset(p.address6, 0, 16)
            memcpy(p.address4, <const char *>address4, len(address4))
            memcpy(p.address6, <const char *>address6, len(address6))

    def set_tap(self, int fd, bytes mac):
        """lbd0; fd -1 keeps what is punted in memory (feed)."""
        memcpy(self.shared.tap_mac, <const char *>mac, 6)
        for i in range(self.n_workers):
            p = <Port *>calloc(1, sizeof(Port))
            if fd >= 0:
                p.rx, p.tx, p.shut = &tap_rx, &tap_tx, &tap_shut
            else:
                p.rx, p.tx, p.shut = &memory_rx, &memory_tx, &memory_shut
                p.state = calloc(1, sizeof(MemoryState))
            p.fd = fd
            p.attached = 1
            self.workers[i].tap = p

    def port_counts(self, uint32_t index):
        """(attached, frames received, sent, not sent)"""
        cdef Port *p = self.w.ports[index]
        if p == NULL:
            return (False, 0, 0, 0)
        rx = tx = failed = 0
        for i in range(self.n_workers):
            rx += self.workers[i].ports[index].rx_frames
            tx += self.workers[i].ports[index].tx_frames
            failed += self.workers[i].ports[index].tx_failed
        return bool(p.attached), rx, tx, failed

    def port_held(self, uint32_t index):
        """mbufs that the port keeps ready for frames to come."""
        cdef PacketState *s
        held = 0
        for worker in range(self.n_workers):
            p = self.workers[worker].ports[index]
            if p == NULL or not p.attached or p.rx != &packet_rx:
                continue
            s = <PacketState *>p.state
            held += sum((s.small[i] != NULL) + (s.large[i] != NULL) for i in range(BURST))
        return held

    def tap_counts(self):
        rx = tx = failed = 0
        for i in range(self.n_workers):
            if self.workers[i].tap != NULL:
                rx += self.workers[i].tap.rx_frames
                tx += self.workers[i].tap.tx_frames
                failed += self.workers[i].tap.tx_failed
        return rx, tx, failed
