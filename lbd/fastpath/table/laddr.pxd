# SPDX-License-Identifier: Apache-2.0
"""Local ports of one local address at one worker: constant cost, and a freed port is used last.

``ring`` holds freed ports in the order in which they were freed; ports from ``fresh`` to ``hi`` were never used.
"""
from libc.stdint cimport uint16_t, uint32_t, uint8_t

cdef enum:
    RING = 65536

cdef struct Laddr:
    uint8_t address[16]
    uint8_t family               # 0: the slot of this address is free
    uint8_t retired              # taken by no new connection
    uint16_t lo
    uint32_t fresh               # host order, up to 65536
    uint32_t hi
    uint32_t head                # of the ring, and how many stand in it
    uint32_t count
    uint32_t used
    uint16_t *ring

cdef inline uint32_t port_take(Laddr *a) noexcept nogil:
    """A port in host order; 0: none is free."""
    cdef uint32_t port
    if a.fresh <= a.hi:
        port = a.fresh
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
