# SPDX-License-Identifier: Apache-2.0
cdef extern from "rte_ring.h" nogil:
    struct rte_ring:
        pass
    enum: RING_F_SC_DEQ
    rte_ring *rte_ring_create(const char *name, unsigned count, int socket, unsigned flags)
    void rte_ring_free(rte_ring *)
    unsigned rte_ring_enqueue_burst(rte_ring *, void **objects, unsigned n, unsigned *free_space)
    unsigned rte_ring_dequeue_burst(rte_ring *, void **objects, unsigned n, unsigned *available)
    unsigned rte_ring_count(const rte_ring *)
