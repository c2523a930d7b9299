# SPDX-License-Identifier: Apache-2.0
"""The one extension that links DPDK: a thin Python face over worker, tables and ports.

Nothing here is on the way of a packet; that is ``worker.pxd``. Addresses are bytes (4 or 16), ports host-order numbers.
"""
from libc.errno cimport EAGAIN, errno
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset
from lbd.fastpath.atomic cimport acquire, load32, publish, store32
from lbd.fastpath.burst cimport BURST, Burst
from lbd.fastpath.dpdk.eal cimport (lcore_function_t, rte_eal_init, rte_eal_remote_launch, rte_eal_wait_lcore, rte_errno,
                                    rte_get_next_lcore, rte_get_tsc_hz, rte_rdtsc, rte_strerror, RTE_MAX_LCORE)
from lbd.fastpath.dpdk.ethdev cimport (rte_eal_hotplug_add, rte_eth_conf, rte_eth_dev_close, rte_eth_dev_configure,
                                       rte_eth_dev_get_port_by_name, rte_eth_dev_start, rte_eth_dev_stop,
                                       rte_eth_macaddr_get, rte_eth_rx_queue_setup, rte_eth_tx_queue_setup,
                                       rte_eth_dev_info, rte_eth_dev_info_get, rte_ether_addr)
from lbd.fastpath.dpdk.mbuf cimport (RTE_PKTMBUF_HEADROOM, bytes_of, rte_mbuf, rte_mempool, rte_mempool_free, rte_mempool_in_use_count,
                                     rte_pktmbuf_alloc, rte_pktmbuf_free, rte_pktmbuf_pool_create)
from lbd.fastpath.dpdk.net cimport be16, be32
from lbd.fastpath.dpdk.rcu cimport (RTE_QSBR_THRID_INVALID, rte_rcu_qsbr, rte_rcu_qsbr_get_memsize, rte_rcu_qsbr_init,
                                    rte_rcu_qsbr_quiescent, rte_rcu_qsbr_synchronize, rte_rcu_qsbr_thread_offline,
                                    rte_rcu_qsbr_thread_online, rte_rcu_qsbr_thread_register)
from lbd.fastpath.dpdk.rib cimport (rte_rib, rte_rib6, rte_rib6_conf, rte_rib6_create, rte_rib6_free, rte_rib6_insert,
                                    rte_rib6_node, rte_rib6_set_nh, rte_rib_conf, rte_rib_create, rte_rib_free,
                                    rte_rib_insert, rte_rib_node, rte_rib_set_nh)
from lbd.fastpath.dpdk.ring cimport RING_F_SC_DEQ, rte_ring_count, rte_ring_create, rte_ring_dequeue_burst, rte_ring_free
from lbd.fastpath.hdr.virtio cimport PRIV_SIZE, VNET_SIZE, vnet_of
from lbd.fastpath.port.ethdev cimport ethdev_rx, ethdev_shut, ethdev_tx
from lbd.fastpath.port.memory cimport MemoryState, memory_rx, memory_shut, memory_tx
from lbd.fastpath.port.packet cimport PacketState, packet_rx, packet_shut, packet_tx
from lbd.fastpath.port.port cimport MAX_MACS, MAX_PORTS, MAX_WORKERS, NO_QUEUE, Port
from lbd.fastpath.port.sink cimport sink_rx, sink_shut, sink_tx
from lbd.fastpath.port.tap cimport tap_rx, tap_shut, tap_tx
from lbd.fastpath.reasons cimport HANDED, N_VERDICTS
from lbd.fastpath.replay cimport (BACKWARD, CLOCK, FRAME, LEARN, MEASURED, STRAIGHT, Replay, lay_out, measure_stages,
                                  replay)
from lbd.fastpath.sched.hash cimport client_number
from lbd.fastpath.sched.maglev cimport Walk, fill_maglev, set_walk
from lbd.fastpath.sched.md5 cimport MD5_LONGEST
from lbd.fastpath.sched.ring cimport Point, place_of, sort_points
from lbd.fastpath.sched.sched cimport Choose, schedule
from lbd.fastpath.sched.sticky cimport choose_tied
from lbd.fastpath.state cimport EVENTS, WAITERS, Shared, Worker
from lbd.fastpath.table.conn cimport C_USED, Bucket, Conn, ConnTable, conn_at
from lbd.fastpath.table.datagram cimport DATAGRAMS, Datagram
from lbd.fastpath.table.directory cimport (K_MATCHES, K_NEIGHBOUR, K_SERVICE, MAX_PATHS, PAGES, Entry, Match, Page,
                                           Real, Root, Route,
                                           Service)
from lbd.fastpath.table.endpoint cimport T_GRE, T_GUE, Endpoint
from lbd.fastpath.table.hop cimport NO_PORT, Hop
from lbd.fastpath.table.laddr cimport RING, Laddr, ports_between
from lbd.fastpath.table.publish cimport Grave, bury, change_entry, empty, service_new
from lbd.fastpath.table.slot cimport Slot, SlotCounters, slot_limit
from lbd.fastpath.table.tie cimport Chain, Tie, TieTable
from lbd.fastpath.worker cimport keep_house, poll_ports, run_burst, run_ready, take_inbox, worker_loop

import itertools
import os
import struct

from lbd.fastpath.reasons import NAMES
from lbd.fastpath.sctp_states import sctp_transitions
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
    INBOX = 4096                 # packets from other workers
    SPIN_NS = 100000


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


def tsc_hertz():
    """Cycles per second of the clock in which ``replay`` measures."""
    return rte_get_tsc_hz()


_kept_for_eal = []
_numbers = itertools.count()
"""DPDK's names of pools and tables are one space for the process."""


include "face/plane.pxi"
include "face/ports.pxi"
include "face/tables.pxi"
include "face/configuration.pxi"
include "face/feed.pxi"
