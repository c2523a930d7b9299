# SPDX-License-Identifier: Apache-2.0
"""What all schedulers ask of a real server: may it be chosen, and what does it carry."""
from libc.stdint cimport int64_t, uint32_t
from lbd.fastpath.atomic cimport load32
from lbd.fastpath.table.directory cimport Real, Service
from lbd.fastpath.table.slot cimport Slot


cdef inline bint has_room(const Real *r, Slot *slots) noexcept nogil:
    return load32(&slots[r.slot].full) == 0


cdef inline bint usable(const Real *r, Slot *slots) noexcept nogil:
    return r.weight != 0 and has_room(r, slots)


cdef inline Real *real_of(Service *s, uint32_t slot) noexcept nogil:
    """The service's server of a slot; NULL: it is none of its any more."""
    cdef uint32_t i
    for i in range(s.n_reals):
        if s.reals[i].slot == slot:
            return &s.reals[i]
    return NULL


cdef inline int64_t active(const Real *r, Slot *slots) noexcept nogil:
    return slots[r.slot].active


cdef inline int64_t load(const Real *r, Slot *slots) noexcept nogil:
    """An active connection weighs as much as 256 inactive ones (ip_vs_dest_conn_overhead)."""
    return (<int64_t>slots[r.slot].active << 8) + slots[r.slot].inactive
