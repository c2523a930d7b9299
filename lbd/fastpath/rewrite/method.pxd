# SPDX-License-Identifier: Apache-2.0
"""Forwarding methods, as connections carry them."""

cdef enum:                       # Method
    FNAT = 1
    NAT = 2
    SNAT = 3
    DR = 4                       # from here on replies do not pass here
    TUN = 5
