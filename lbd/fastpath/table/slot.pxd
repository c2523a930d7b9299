# SPDX-License-Identifier: Apache-2.0
"""Slots: what lives longer than a configuration. A slot belongs to one real server of one service.

``Slot`` is shared by all workers and touched once a connection; ``SlotCounters`` is one worker's own line of it.
"""
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t

cdef struct Slot:
    int32_t active               # connections in ESTABLISHED, exact over workers (atomic)
    int32_t inactive
    uint32_t cursor              # a service's: where its scheduler stands (atomic)
    uint32_t closed              # takes no new connection: removed, or of weight 0 (written by control)
    uint32_t pad[12]

cdef struct SlotCounters:
    uint64_t connections
    uint64_t in_packets
    uint64_t in_bytes
    uint64_t out_packets
    uint64_t out_bytes
    uint64_t pad[3]
