# SPDX-License-Identifier: Apache-2.0
"""rr and wrr: a precomputed sequence (``sequence.py``), walked by one cursor for all workers, so shares are exact."""
from libc.stdint cimport uint32_t
from lbd.fastpath.atomic cimport fetch_add
from lbd.fastpath.dpdk.eal cimport likely
from lbd.fastpath.sched.candidate cimport has_room
from lbd.fastpath.table.directory cimport Real, Service
from lbd.fastpath.table.slot cimport Slot


cdef inline Real *pick_sequence(Service *s, Slot *slots) noexcept nogil:
    """A full server loses its turn. Those of weight 0 are not in the sequence."""
    cdef Real *r
    cdef uint32_t n
    for n in range(s.n_sequence):
        r = &s.reals[s.sequence[fetch_add(&slots[s.slot].cursor, 1) % s.n_sequence]]
        if likely(has_room(r, slots)):
            return r
    return NULL
