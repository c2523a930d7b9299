# SPDX-License-Identifier: Apache-2.0
"""A port is four functions, and a queue of each for every worker. What stands behind them is the file beside this one that fills them in.

rx gives up to n frames and owns none of them afterwards; tx takes all n, sends what it can, counts and frees the rest.
``fd`` is what an idle worker sleeps on, -1 where there is nothing to sleep on; ``shut`` frees what the port holds.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf, rte_mempool

cdef enum:
    MAX_PORTS = 64
    MAX_WORKERS = 16
    MAX_MACS = 8
    NO_QUEUE = 0xffff

cdef struct Port:
    uint16_t (*rx)(Port *p, rte_mbuf **frames, uint16_t n) noexcept nogil
    uint16_t (*tx)(Port *p, rte_mbuf **frames, uint16_t n, uint64_t *counts) noexcept nogil
    void (*shut)(Port *p) noexcept nogil
    int fd
    uint32_t attached
    void *state                  # of the kind of port
    rte_mempool *pool
    rte_mempool *jumbo
    uint16_t index
    uint16_t mtu
    uint16_t dev                 # ethdev: its DPDK port
    uint16_t rxq                 # and queues; NO_QUEUE: this worker receives nothing here
    uint16_t txq
    uint8_t n_macs
    uint8_t owned                # a passed frame goes to the kernel face, not to nobody
    uint8_t macs[MAX_MACS * 8]   # 6 bytes each; the first one is the port's own
    uint8_t address4[4]          # where ICMP errors of ours come from
    uint8_t address6[16]
    uint64_t rx_frames
    uint64_t tx_frames
    uint64_t tx_failed
