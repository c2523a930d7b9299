# SPDX-License-Identifier: Apache-2.0
"""Schedulers: which real server takes a new connection. Exact over workers, and with the meaning of the kernel's IPVS.

A server of weight 0 takes none, nor does one that is full (``slot.pxd``). Each is one small function of the service,
the shared counts and the packet.
"""
from libc.stdint cimport uint32_t, uint8_t
from lbd.fastpath.burst cimport Meta
from lbd.fastpath.dpdk.eal cimport likely
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf
from lbd.fastpath.sched.hashed cimport pick_dh, pick_mh, pick_ring, pick_sh
from lbd.fastpath.sched.least cimport pick_delay, pick_heaviest, pick_lc, pick_twos, pick_wlc
from lbd.fastpath.sched.locality cimport pick_local
from lbd.fastpath.sched.turns cimport next_turn
from lbd.fastpath.stage.parse cimport TCP
from lbd.fastpath.state cimport Worker
from lbd.fastpath.table.directory cimport Real, Service
from lbd.fastpath.table.slot cimport Slot, slot_enter

ctypedef Real *(*Choose)(Worker *, Service *, Meta *, rte_mbuf *) noexcept nogil

cdef enum:                       # Scheduler, as in validity.py
    SEQUENCE = 0                 # rr, wrr
    WLC = 1
    LC = 2
    SED = 3
    NQ = 4
    FO = 5
    OVF = 6
    TWOS = 7
    SH = 8
    DH = 9
    MH = 10
    CONHASH = 11
    LBLC = 12
    LBLCR = 13


cdef inline Real *pick_by_packet(Worker *w, Service *s, Meta *k, rte_mbuf *m) noexcept nogil:
    cdef Slot *slots = w.shared.slots
    if s.scheduler == SH:
        return pick_sh(s, slots, k)
    if s.scheduler == MH:
        return pick_mh(s, slots, k)
    if s.scheduler == DH:
        return pick_dh(s, slots, k)
    if s.scheduler == CONHASH:
        return pick_ring(s, slots, k, bytes_of(m) + k.l4, m.data_len - k.l4)
    return pick_local(w, s, k, s.scheduler == LBLCR)


cdef inline Real *pick_by_load(Service *s, Slot *slots, Meta *k) noexcept nogil:
    if s.scheduler == WLC:
        return pick_wlc(s, slots)
    if s.scheduler == LC:
        return pick_lc(s, slots)
    if s.scheduler == SED or s.scheduler == NQ:
        return pick_delay(s, slots, s.scheduler == NQ)
    if s.scheduler == FO or s.scheduler == OVF:
        return pick_heaviest(s, slots, s.scheduler == OVF)
    return pick_twos(s, slots, k.hash)


cdef inline Real *pick(Worker *w, Service *s, Meta *k, rte_mbuf *m) noexcept nogil:
    return pick_by_load(s, w.shared.slots, k) if s.scheduler < SH else pick_by_packet(w, s, k, m)


cdef inline Real *schedule(Worker *w, Service *s, Meta *k, rte_mbuf *m) noexcept nogil:
    """A server, with the connection counted there (TCP's as active: it is being opened); NULL: none takes connections.

    Another worker may fill a server between the choice and the count, so a refused one is full and the next is asked.
    A server that is this machine gets the packet by the kernel, and no connection.
    """
    cdef Real *r
    cdef uint32_t n
    if likely(s.scheduler == SEQUENCE):
        return next_turn(s, w.shared.slots, k.proto == TCP)
    for n in range(s.n_reals + 1):
        r = pick(w, s, k, m)
        if r == NULL or r.local or likely(slot_enter(&w.shared.slots[r.slot], k.proto == TCP)):
            return r
    return NULL
