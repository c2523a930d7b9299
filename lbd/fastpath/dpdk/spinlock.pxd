# SPDX-License-Identifier: Apache-2.0
"""rte_spinlock.h"""

cdef extern from "<rte_spinlock.h>" nogil:
    ctypedef struct rte_spinlock_t:
        pass
    void rte_spinlock_lock(rte_spinlock_t *)
    void rte_spinlock_unlock(rte_spinlock_t *)
