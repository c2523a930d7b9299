# SPDX-License-Identifier: Apache-2.0
"""Next hops: stable indexes, so that a change of MAC address is one store and no connection need know."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t

cdef enum:                       # HopState
    HOP_NONE = 0
    HOP_INCOMPLETE = 1           # being resolved
    HOP_VALID = 2

cdef enum:
    NO_PORT = 0xffff

cdef struct Hop:
    uint8_t dmac[6]
    uint16_t port                # dmac and port are written together, as one word
    uint8_t smac[6]
    uint16_t mtu                 # IP packet, bytes
    uint8_t state
    uint8_t pad[15]
