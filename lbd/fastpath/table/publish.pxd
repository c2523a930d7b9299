# SPDX-License-Identifier: Apache-2.0
"""How a new root is made: the pages that change are copied with the change in them, the rest is shared.

``Change`` lists live only during one publication. What the old root alone reached is collected in a ``Grave`` and freed
when no worker can still read it.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy
from lbd.fastpath.atomic cimport u64
from lbd.fastpath.table.directory cimport K_SERVICE, PAGES, Entry, Page, Real, Root, Service, page_of

cdef struct Grave:
    uint32_t n
    uint32_t room
    void **dead


cdef inline void bury(Grave *g, void *p) noexcept nogil:
    if p == NULL:
        return
    if g.n == g.room:
        g.room = g.room * 2 + 64
        g.dead = <void **>realloc(g.dead, g.room * sizeof(void *))
    g.dead[g.n] = p
    g.n += 1


cdef inline void empty(Grave *g) noexcept nogil:
    cdef uint32_t i
    for i in range(g.n):
        free(g.dead[i])
    free(g.dead)
    g.n = 0
    g.room = 0
    g.dead = NULL


cdef inline bint same_entry(const Entry *a, const Entry *b) noexcept nogil:
    return (a.port_be == b.port_be and a.proto == b.proto and a.kind == b.kind
            and u64(a.address) == u64(b.address) and u64(&a.address[8]) == u64(&b.address[8]))


cdef inline Page *page_copy(Page *old, uint32_t extra) noexcept nogil:
    cdef uint32_t n = 0 if old == NULL else old.n
    cdef Page *page = <Page *>calloc(1, 8 + (n + extra) * sizeof(Entry))
    if old != NULL:
        memcpy(page, old, 8 + n * sizeof(Entry))
    return page


cdef inline void change_entry(Root *root, Root *old, const Entry *e, Grave *g) noexcept nogil:
    """Sets the entry in the root that is being made; a value of 0 removes it."""
    cdef uint32_t at = page_of(e.address, e.port_be, e.proto, e.kind)
    cdef Page *was = root.pages[at]
    cdef Page *page = page_copy(was, 1)
    cdef uint32_t i
    # the page of the published root is still being read; one that this publication made is not
    if old != NULL and was == old.pages[at]:
        bury(g, was)
    else:
        free(was)
    root.pages[at] = page
    for i in range(page.n):
        if same_entry(&page.entries[i], e):
            if e.kind == K_SERVICE:
                bury(g, <void *>page.entries[i].value)
            if e.value:
                page.entries[i].value = e.value
            else:
                page.n -= 1
                page.entries[i] = page.entries[page.n]
            return
    if e.value:
        page.entries[page.n] = e[0]
        page.n += 1


cdef inline Service *service_new(uint32_t n_reals, uint32_t n_sequence, uint32_t n_laddrs) noexcept nogil:
    """A service and its arrays in one block."""
    cdef size_t reals = sizeof(Service)
    cdef size_t sequence = reals + n_reals * sizeof(Real)
    cdef size_t laddrs = sequence + n_sequence * sizeof(uint32_t)
    cdef uint8_t *p = <uint8_t *>calloc(1, laddrs + n_laddrs * sizeof(uint32_t) + 8)
    cdef Service *s = <Service *>p
    s.n_reals = n_reals
    s.n_sequence = n_sequence
    s.n_laddrs = n_laddrs
    s.reals = <Real *>(p + reals)
    s.sequence = <uint32_t *>(p + sequence)
    s.laddrs = <uint32_t *>(p + laddrs)
    return s
