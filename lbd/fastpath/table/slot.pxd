# SPDX-License-Identifier: Apache-2.0
"""Slots: what lives longer than a configuration. A slot belongs to one real server of one service.

``Slot`` is shared by all workers and touched once a connection; ``SlotCounters`` is one worker's own line of it.
The two counts of a slot are halves of one word, so that a connection moves from one to the other at once, and their
sum is exact for whoever asks: a limit holds over all workers.
"""
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport fence, fetch_add64, load32, load64, store32
from lbd.fastpath.dpdk.eal cimport likely

cdef struct Slot:
    int32_t inactive             # UDP, and what ends or has not begun: the low half of the word (atomic)
    int32_t active               # TCP that opens or is established, SCTP that is: the high half
    uint32_t cursor              # a service's: where its scheduler stands (atomic)
    uint32_t closed              # takes no new connection: removed, or of weight 0 (written by control)
    uint32_t full                # reached ``upper`` and is not below ``lower`` yet: IPVS's OVERLOAD (atomic)
    uint32_t upper               # most connections; 0: no limit (written by control)
    uint32_t lower               # 0: three quarters of upper
    uint32_t generation          # a service's: of its ties (tie.pxd), so that old ones are known (written by control)
    uint8_t mask[16]             # a service's: which bits of a client's address persistence looks at (written by control)
    uint32_t pad[4]

cdef struct SlotCounters:
    uint64_t connections
    uint64_t in_packets
    uint64_t in_bytes
    uint64_t out_packets
    uint64_t out_bytes
    uint64_t pad[3]

cdef enum:                       # one connection in each half
    ONE_INACTIVE = 1
    ACTIVE_BITS = 32


cdef inline uint64_t one_active() noexcept nogil:
    return <uint64_t>1 << ACTIVE_BITS


cdef inline uint64_t both(uint64_t word) noexcept nogil:
    return <uint32_t>word + (word >> ACTIVE_BITS)


cdef inline bint drained(Slot *s, uint64_t total) noexcept nogil:
    """Below the lower limit (ip_vs_unbind_dest)."""
    if s.upper == 0:
        return True
    return total < s.upper and (total < s.lower if s.lower else total * 4 < <uint64_t>s.upper * 3)


cdef inline void set_full(Slot *s) noexcept nogil:
    """Who ends the last connection meanwhile may have looked before the flag stood: so look again."""
    store32(&s.full, 1)
    fence()
    if drained(s, both(load64(<uint64_t *>s))):
        store32(&s.full, 0)


cdef inline bint slot_enter(Slot *s, bint active) noexcept nogil:
    """One more connection. False: the server has as many as it may, and nothing was counted."""
    cdef uint64_t one = one_active() if active else ONE_INACTIVE
    cdef uint64_t total = both(fetch_add64(<uint64_t *>s, one))
    if likely(s.upper == 0):
        return True
    if total >= s.upper:
        fetch_add64(<uint64_t *>s, -one)
        set_full(s)
        return False
    if total + 1 >= s.upper:
        set_full(s)
    return True


cdef inline void slot_enter_over(Slot *s, bint active) noexcept nogil:
    """One more, whatever the limit."""
    cdef uint64_t total = both(fetch_add64(<uint64_t *>s, one_active() if active else ONE_INACTIVE))
    if s.upper and total + 1 >= s.upper:
        set_full(s)


cdef inline void slot_leave(Slot *s, bint active) noexcept nogil:
    cdef uint64_t one = one_active() if active else ONE_INACTIVE
    cdef uint64_t total = both(fetch_add64(<uint64_t *>s, -one)) - 1
    if load32(&s.full) and drained(s, total):
        store32(&s.full, 0)
        fence()
        if s.upper and both(load64(<uint64_t *>s)) >= s.upper:
            store32(&s.full, 1)


cdef inline void slot_turn(Slot *s, bint active) noexcept nogil:
    """A connection becomes active, or inactive again."""
    cdef uint64_t step = one_active() - ONE_INACTIVE
    fetch_add64(<uint64_t *>s, step if active else -step)


cdef inline void slot_limit(Slot *s, uint32_t upper, uint32_t lower) noexcept nogil:
    """New limits, by control. A full server that may have more is full no longer (ip_vs_edit_dest)."""
    cdef bint more = upper == 0 or upper > s.upper
    s.upper = upper
    s.lower = lower
    if more:
        store32(&s.full, 0)
    elif both(load64(<uint64_t *>s)) >= upper:
        set_full(s)
