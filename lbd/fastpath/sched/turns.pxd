# SPDX-License-Identifier: Apache-2.0
"""rr and wrr: a precomputed sequence (``sequence.py``), walked by one cursor for all workers, so shares are exact."""
from libc.stdint cimport uint32_t
from lbd.fastpath.atomic cimport fetch_add
from lbd.fastpath.dpdk.eal cimport likely
from lbd.fastpath.sched.candidate cimport has_room
from lbd.fastpath.table.directory cimport Real, Service
from lbd.fastpath.table.slot cimport Slot, slot_enter


cdef inline bint takes(Real *r, Slot *slots, bint active) noexcept nogil:
    return likely(has_room(r, slots)) and (r.local or likely(slot_enter(&slots[r.slot], active)))


cdef inline Real *next_turn(Service *s, Slot *slots, bint active) noexcept nogil:
    """The next server, with the connection counted there. A full one loses its turn; one of weight 0 has none."""
    cdef Real *r
    cdef uint32_t n
    for n in range(s.n_sequence):
        r = &s.reals[s.sequence[fetch_add(&slots[s.slot].cursor, 1) % s.n_sequence]]
        if takes(r, slots, active):
            return r
    # another worker may have drawn every turn of those that have room: all of them are asked, whoever's turn it is
    for n in range(s.n_reals):
        if s.reals[n].weight and takes(&s.reals[n], slots, active):
            return &s.reals[n]
    return NULL
