# SPDX-License-Identifier: Apache-2.0
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf, rte_mempool

cdef extern from "rte_ethdev.h" nogil:
    struct rte_ether_addr:
        uint8_t addr_bytes[6]
    struct rte_eth_conf:
        pass
    struct rte_eth_dev_info:
        uint16_t max_rx_queues
        uint16_t max_tx_queues
    int rte_eth_dev_info_get(uint16_t port, rte_eth_dev_info *)
    int rte_eth_dev_get_port_by_name(const char *name, uint16_t *port)
    int rte_eth_dev_configure(uint16_t port, uint16_t rxq, uint16_t txq, const rte_eth_conf *)
    int rte_eth_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t n, unsigned socket, const void *,
                               rte_mempool *)
    int rte_eth_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t n, unsigned socket, const void *)
    int rte_eth_dev_start(uint16_t port)
    int rte_eth_dev_stop(uint16_t port)
    int rte_eth_dev_close(uint16_t port)
    int rte_eth_macaddr_get(uint16_t port, rte_ether_addr *)
    uint16_t rte_eth_rx_burst(uint16_t port, uint16_t queue, rte_mbuf **, uint16_t n)
    uint16_t rte_eth_tx_burst(uint16_t port, uint16_t queue, rte_mbuf **, uint16_t n)

cdef extern from "rte_dev.h" nogil:
    int rte_eal_hotplug_add(const char *bus, const char *dev, const char *args)
    int rte_eal_hotplug_remove(const char *bus, const char *dev)
