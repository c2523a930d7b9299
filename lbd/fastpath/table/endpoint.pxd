# SPDX-License-Identifier: Apache-2.0
"""Where the tunnel to a real server ends, by its slot. Written by control before the real server is published."""
from libc.stdint cimport uint16_t, uint8_t

cdef enum:                       # TunnelKind
    T_IPIP = 1                   # also 6in4, 4in6 and 6in6
    T_GRE = 2
    T_GUE = 3

cdef struct Endpoint:
    uint8_t address[16]
    uint8_t family
    uint8_t kind
    uint8_t checksum             # GRE: with one (RFC 2784); GUE: in the UDP header
    uint8_t overhead             # bytes before the inner packet
    uint16_t port_be             # of GUE
    uint8_t pad[10]
