# SPDX-License-Identifier: Apache-2.0
"""Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4), with the permutations of the kernel's ip_vs_mh.c."""
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset
from lbd.fastpath.sched.hash cimport sip13

cdef enum:
    NOBODY = 0xffffffff

cdef struct Walk:                # of one server through the table
    uint32_t at
    uint32_t skip
    uint32_t turns               # entries that it takes in a row: its share of the weights; 0: none


cdef inline uint64_t key1() noexcept nogil:
    return 2654435761ULL


cdef inline uint64_t key2() noexcept nogil:
    return 2654446892ULL


cdef inline void set_walk(Walk *walk, uint32_t number, uint32_t turns, uint32_t size) noexcept nogil:
    """``number``: client_number of the server's address and port."""
    walk.at = sip13(key1(), number) % size
    walk.skip = sip13(key2(), number) % (size - 1) + 1
    walk.turns = turns


cdef inline void take_entry(uint32_t *table, uint32_t size, Walk *walk, uint32_t who) noexcept nogil:
    """The next entry on the walk that is nobody's. ``size`` is prime: a walk meets every entry."""
    while table[walk.at] != NOBODY:
        walk.at += walk.skip
        if walk.at >= size:
            walk.at -= size
    table[walk.at] = who


cdef inline void fill_maglev(uint32_t *table, uint32_t size, Walk *walks, uint32_t n) noexcept nogil:
    """Entries are numbers of walks. One of the walks at least has turns."""
    cdef uint32_t filled = 0
    cdef uint32_t i, turn
    memset(table, 0xff, size * sizeof(uint32_t))
    while True:
        for i in range(n):
            for turn in range(walks[i].turns):
                take_entry(table, size, &walks[i], i)
                filled += 1
                if filled == size:
                    return
