# SPDX-License-Identifier: Apache-2.0
# Tables of the hashing schedulers: made once, beside the packets' way, and shared by services of equal servers.


cdef class LookupTable:
    """Lives as long as a service that is published refers to it; who makes one may forget it."""
    cdef void *memory
    cdef readonly uint32_t size
    cdef bint points
    cdef object __weakref__

    def __dealloc__(self):
        free(self.memory)

    cdef void _allocate(self, uint32_t size, size_t each) except *:
        self.memory = malloc(<size_t>size * each)
        if self.memory == NULL:
            raise MemoryError(f"a table of {size} entries")
        self.size = size

    def entries(self):
        """Whose each entry is, as a number of a server."""
        if self.points:
            return [(<Point *>self.memory)[i].who for i in range(self.size)]
        return [(<uint32_t *>self.memory)[i] for i in range(self.size)]


cdef class WithTables(WithPorts):
    """A plane that makes tables, and keeps those of services that are published."""
    cdef dict tables             # (address, port, protocol) of a service: its table or None; K_MATCHES: a list of them

    def __init__(self, **_):
        self.tables = {}

    def maglev_table(self, servers, uint32_t size):
        """[(address, port, turns)]: entries taken in a row, of one at least not 0. size: a prime."""
        cdef LookupTable table = LookupTable()
        cdef uint32_t n = len(servers)
        cdef Walk *walks = <Walk *>malloc((n + 1) * sizeof(Walk))
        cdef uint32_t i
        cdef bytes a
        try:
            for i, (a, port, turns) in enumerate(servers):
                set_walk(&walks[i], client_number(<const uint8_t *><const char *>a, len(a), port), turns, size)
            table._allocate(size, sizeof(uint32_t))
            with nogil:
                fill_maglev(<uint32_t *>table.memory, size, walks, n)
        finally:
            free(walks)
        return table

    def bucket_table(self, turns, uint32_t size):
        """Servers by turns, each for as many entries in a row as its number says, over and over."""
        cdef LookupTable table = LookupTable()
        cdef uint32_t at = 0
        table._allocate(size, sizeof(uint32_t))
        while at < size:
            for who, n in enumerate(turns):
                for _ in range(min(n, size - at)):
                    (<uint32_t *>table.memory)[at] = who
                    at += 1
        return table

    def ring_table(self, servers):
        """[(name, points)]: of a server at most MD5_LONGEST - 9 octets, and how often it stands on the ring."""
        cdef LookupTable table = LookupTable()
        cdef Point *points
        cdef uint32_t at = 0
        cdef bytes text
        table._allocate(sum(n for _, n in servers), sizeof(Point))
        table.points = True
        points = <Point *>table.memory
        for who, (name, n) in enumerate(servers):
            for i in range(n):
                text = b"%s-%03d" % (name, i)
                points[at].place = place_of(text, min(len(text), MD5_LONGEST))
                points[at].who = who
                at += 1
        with nogil:
            sort_points(points, at)
        return table
