# SPDX-License-Identifier: Apache-2.0
"""Keeping what is rare out of the common way: a compiler that builds it in there spends registers on it.

``apart(f)(w, b, i)`` calls f without letting the compiler know which function that is.
"""
from libc.stdint cimport uint32_t
from lbd.fastpath.burst cimport Burst
from lbd.fastpath.state cimport Worker

ctypedef int (*Rare)(Worker *, Burst *, uint32_t) noexcept nogil

cdef extern from *:
    """
    #define LBD_APART(f) ({ __typeof__(&f) lbd_p = &f; __asm__("" : "+r"(lbd_p)); lbd_p; })
    """
    Rare apart "LBD_APART"(Rare f) noexcept nogil
