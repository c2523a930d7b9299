# SPDX-License-Identifier: Apache-2.0
from libc.stdint cimport uint32_t

cdef extern from "rte_hash_crc.h" nogil:
    uint32_t rte_hash_crc(const void *data, uint32_t n, uint32_t init)
