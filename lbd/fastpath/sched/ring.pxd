# SPDX-License-Identifier: Apache-2.0
"""conhash: DPVS's consistent hash. Servers stand on a ring at many points each; a client goes to the next point.

A point's place and a client's are one function of a text: of "ADDRESSPORT-NNN" there, of a number in decimal here.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport qsort
from lbd.fastpath.sched.md5 cimport md5_short

cdef struct Point:
    uint64_t place
    uint32_t who
    uint32_t pad


cdef inline uint64_t place_of(const char *text, uint32_t n) noexcept nogil:
    """The words of the MD5 digest added, and mixed as DPVS does (64-bit arithmetic)."""
    cdef uint32_t words[4]
    cdef uint64_t a
    md5_short(text, n, words)
    a = <uint64_t>words[0] + words[1] + words[2] + words[3]
    a = (a + 0x7ed55d16ULL) + (a << 12)
    a = (a ^ 0xc761c23cULL) ^ (a >> 19)
    a = (a + 0x165667b1ULL) + (a << 5)
    a = (a + 0xd3a2646cULL) ^ (a << 9)
    a = (a + 0xfd7046c5ULL) + (a << 3)
    a = (a ^ 0xb55a4f09ULL) ^ (a >> 16)
    return a * 3221225473ULL


cdef inline uint64_t place_of_number(uint64_t number) noexcept nogil:
    cdef char text[20]
    cdef uint32_t at = 20
    while True:
        at -= 1
        text[at] = <char>(48 + number % 10)
        number //= 10
        if number == 0:
            return place_of(text + at, 20 - at)


cdef inline int compare_points(const void *a, const void *b) noexcept nogil:
    """Of two points on one place the first server's stands."""
    cdef const Point *p = <const Point *>a
    cdef const Point *q = <const Point *>b
    if p.place != q.place:
        return -1 if p.place < q.place else 1
    return <int>(p.who > q.who) - <int>(p.who < q.who)


cdef inline void sort_points(Point *points, uint32_t n) noexcept nogil:
    qsort(points, n, sizeof(Point), compare_points)


cdef inline uint32_t next_point(const Point *points, uint32_t n, uint64_t place) noexcept nogil:
    """Index of the first point at or behind the place, round the ring."""
    cdef uint32_t low = 0
    cdef uint32_t high = n
    cdef uint32_t mid
    while low < high:
        mid = (low + high) // 2
        if points[mid].place < place:
            low = mid + 1
        else:
            high = mid
    return low if low < n else 0
