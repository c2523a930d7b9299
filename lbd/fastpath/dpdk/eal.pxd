# SPDX-License-Identifier: Apache-2.0
from libc.stdint cimport uint64_t

cdef extern from "rte_eal.h" nogil:
    int rte_eal_init(int argc, char **argv)
    int rte_eal_cleanup()

cdef extern from "rte_errno.h" nogil:
    int rte_errno
    const char *rte_strerror(int error)

cdef extern from "rte_launch.h" nogil:
    ctypedef int lcore_function_t(void *) noexcept
    int rte_eal_remote_launch(lcore_function_t *f, void *arg, unsigned lcore)
    int rte_eal_wait_lcore(unsigned lcore)

cdef extern from "rte_lcore.h" nogil:
    unsigned rte_get_next_lcore(unsigned i, int skip_main, int wrap)
    enum: RTE_MAX_LCORE

cdef extern from "rte_cycles.h" nogil:
    uint64_t rte_rdtsc()
    uint64_t rte_get_tsc_hz()

cdef extern from "rte_prefetch.h" nogil:
    void rte_prefetch0(const void *)

cdef extern from "rte_branch_prediction.h" nogil:
    bint likely(bint)
    bint unlikely(bint)

cdef extern from "rte_pause.h" nogil:
    void rte_pause()
