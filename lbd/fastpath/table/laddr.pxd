# SPDX-License-Identifier: Apache-2.0
"""Local ports of one local address at one worker: constant cost, and a freed port is used last.

Ports are dealt out to workers in blocks, so that whose a reply is stands in its port. A worker numbers its ports from
0 on; ``ring`` holds freed ones in the order in which they were freed, those from ``fresh`` to ``last`` were never used.
"""
from libc.stdint cimport uint16_t, uint32_t, uint8_t

cdef enum:
    RING = 65536
    BLOCK_BITS = 6               # 64 ports

cdef struct Laddr:
    uint8_t address[16]
    uint8_t family               # 0: the slot of this address is free
    uint8_t worker
    uint8_t workers
    uint32_t fresh               # numbers, not ports
    uint32_t last                # one beyond
    uint32_t head                # of the ring, and how many stand in it
    uint32_t count
    uint32_t used
    uint16_t *ring

cdef inline uint32_t port_numbered(const Laddr *a, uint32_t number) noexcept nogil:
    cdef uint32_t block = (number >> BLOCK_BITS) * a.workers + a.worker
    return block << BLOCK_BITS | number & ((1 << BLOCK_BITS) - 1)

cdef inline void ports_between(Laddr *a, uint32_t lo, uint32_t hi) noexcept nogil:
    """All of this worker's ports from lo to hi are free and were never used."""
    a.fresh = 0
    while port_numbered(a, a.fresh) < lo:
        a.fresh += 1
    a.last = a.fresh
    while port_numbered(a, a.last) <= hi:
        a.last += 1
    a.head = 0
    a.count = 0
    a.used = 0

cdef inline uint32_t port_take(Laddr *a) noexcept nogil:
    """A port in host order; 0: none is free."""
    cdef uint32_t port
    if a.fresh < a.last:
        port = port_numbered(a, a.fresh)
        a.fresh += 1
    elif a.count:
        port = a.ring[a.head]
        a.head = (a.head + 1) & (RING - 1)
        a.count -= 1
    else:
        return 0
    a.used += 1
    return port

cdef inline void port_give(Laddr *a, uint32_t port) noexcept nogil:
    a.ring[(a.head + a.count) & (RING - 1)] = <uint16_t>port
    a.count += 1
    a.used -= 1
