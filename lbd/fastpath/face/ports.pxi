# SPDX-License-Identifier: Apache-2.0
# Adding and detaching ports: what each kind of port fills the four functions with.


cdef class WithPorts(Plane):
    """A plane with ports."""

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
