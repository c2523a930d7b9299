# SPDX-License-Identifier: Apache-2.0
"""Everything one worker owns, and what it shares. Passed to every stage; there are no globals."""
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport acquire
from lbd.fastpath.burst cimport BURST, Burst
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf, rte_mempool
from lbd.fastpath.dpdk.rcu cimport rte_rcu_qsbr
from lbd.fastpath.dpdk.ring cimport rte_ring
from lbd.fastpath.port.port cimport MAX_PORTS, MAX_WORKERS, Port
from lbd.fastpath.reasons cimport N_VERDICTS
from lbd.fastpath.table.conn cimport ConnTable
from lbd.fastpath.table.datagram cimport HELD, DatagramTable
from lbd.fastpath.table.directory cimport Root
from lbd.fastpath.table.endpoint cimport Endpoint
from lbd.fastpath.table.hop cimport Hop
from lbd.fastpath.table.laddr cimport Laddr
from lbd.fastpath.table.slot cimport Slot, SlotCounters
from lbd.fastpath.table.tie cimport TieTable

cdef enum:
    TXQ = 64
    WAITERS = 256
    EVENTS = 256
    READY = HELD + BURST         # more cannot be waiting, and have come since
    WAIT_TICKS = 24              # 3 s
    STATES = 27                  # of TCP, UDP, SCTP and ICMP together (states.py)
    SCTP_EVENTS = 10
    TICK_NS = 125000000          # of expiry: an eighth of a second

cdef struct TxQueue:
    uint32_t n
    rte_mbuf *m[TXQ]

cdef struct Waiter:              # a packet whose next hop is not resolved yet
    rte_mbuf *m
    uint8_t address[16]
    uint8_t family
    uint32_t since               # tick

cdef struct Event:               # from worker to control: resolve this neighbour, please
    uint8_t address[16]
    uint8_t family
    uint16_t port

cdef struct Worker               # below

cdef struct Shared:              # by all workers; written by control unless said otherwise
    void *root                   # Root *, swapped
    Slot *slots                  # counted by workers, atomically
    TieTable ties                # of workers, by locks
    Endpoint *endpoints          # by slot: of real servers behind a tunnel
    Hop *hops
    uint32_t n_slots
    uint32_t hop_generation      # bumped with every change of a hop
    rte_rcu_qsbr *rcu
    uint8_t tap_mac[6]
    rte_mempool *indirect        # of fragments that point into the packet they are of
    uint32_t n_workers
    Worker *workers[MAX_WORKERS]
    uint32_t owner_key[3]        # of the hash that says whose a client is (steer.pxd)
    uint64_t spin_ns             # without a packet before a worker sleeps

cdef struct Worker:
    Shared *shared
    Root *root                   # of this burst
    uint32_t id
    uint32_t tick                # coarse time of this burst
    uint64_t now                 # ns
    uint64_t swept               # ns of the last slice of expiry
    uint32_t stop
    int wake                     # eventfd by which control wakes a sleeping worker
    int bell                     # eventfd by which the worker wakes control
    uint32_t asleep              # blocked, or about to be: who has something for it uses wake
    Port *ports[MAX_PORTS]       # this worker's queue of each
    Port *tap
    rte_ring *inbox              # packets that other workers found to be this one's
    ConnTable table4
    ConnTable table6
    DatagramTable datagrams      # in fragments
    rte_mbuf *ready[READY]       # fragments that waited for the first, which has come
    uint32_t n_ready
    SlotCounters *counters
    Laddr *laddrs
    uint32_t n_laddrs
    uint32_t laddr_cursor
    uint64_t counts[N_VERDICTS]
    uint64_t tap_counts[N_VERDICTS]  # of lbd0: what goes there was counted as a punt already
    uint64_t rx
    uint64_t taken               # out of the inbox
    uint32_t datagram            # the identification of the next IPv4 packet that lbd makes
    uint64_t originated          # packets that lbd made (ICMP errors)
    uint32_t icmp_tokens         # left of this tick's share
    uint32_t icmp_tick
    uint32_t timeouts[STATES]    # ticks
    uint8_t tcp_next[3][4][STATES]
    uint8_t sctp_next[3][SCTP_EVENTS][STATES]
    Burst burst
    TxQueue txq[MAX_PORTS]
    TxQueue tapq
    TxQueue handq[MAX_WORKERS]   # packets of others
    uint32_t n_handed            # in all of handq
    Waiter waiters[WAITERS]
    uint32_t n_waiters
    uint32_t waited_generation
    Event events[EVENTS]
    uint32_t events_head         # written by the worker
    uint32_t events_tail         # written by control
    uint64_t turns
    uint64_t busy                # ns in turns that had packets
