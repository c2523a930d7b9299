# SPDX-License-Identifier: Apache-2.0
"""Internet checksum updates (RFC 1624). All sums are in the byte order of the packet; that is no matter (RFC 1071 2.B).

A *delta* is the one's complement difference new - old of some words, folded to 16 bits; its negation (for the other
direction) is its complement.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport u16, u32

cdef inline uint16_t fold(uint64_t s) noexcept nogil:
    s = (s & 0xffffffffULL) + (s >> 32)
    s = (s & 0xffffffffULL) + (s >> 32)
    s = (s & 0xffff) + (s >> 16)
    s = (s & 0xffff) + (s >> 16)
    return <uint16_t>s

cdef inline uint64_t sum_words(const uint8_t *p, uint32_t n) noexcept nogil:
    """Unfolded sum of n bytes, n a multiple of 4."""
    cdef uint64_t s = 0
    cdef uint32_t i
    for i in range(0, n, 4):
        s += u32(p + i)
    return s

cdef inline uint16_t apply(uint16_t checksum, uint16_t delta) noexcept nogil:
    """HC' = ~(~HC + (new - old)), equation 3 of RFC 1624."""
    cdef uint32_t s = (<uint32_t>(~checksum) & 0xffff) + delta
    s = (s & 0xffff) + (s >> 16)
    return <uint16_t>(~s & 0xffff)

cdef inline uint16_t apply_partial(uint16_t sum, uint16_t delta) noexcept nogil:
    """A partial checksum is the pseudo-header sum itself, not complemented."""
    cdef uint32_t s = <uint32_t>sum + delta
    return <uint16_t>((s & 0xffff) + (s >> 16))
