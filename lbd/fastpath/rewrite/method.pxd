# SPDX-License-Identifier: Apache-2.0
"""Forwarding methods, as connections carry them."""

cdef enum:                       # Method
    FNAT = 1
    NAT = 2
    DR = 3
    TUN = 4
