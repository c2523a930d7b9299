# SPDX-License-Identifier: Apache-2.0
"""struct virtio_net_hdr (linux/virtio_net.h): checksum and segmentation state beside a frame, in host order here.

Shared ports carry it both ways; in between it lives in the private area of the first mbuf.
"""
from libc.stdint cimport uint16_t, uint32_t, uint8_t
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf, rte_mbuf_to_priv

cdef enum:
    VNET_NEEDS_CSUM = 1
    VNET_GSO_NONE = 0
    VNET_SIZE = 10
    PRIV_SIZE = 16

cdef packed struct VnetHdr:
    uint8_t flags
    uint8_t gso_type
    uint16_t hdr_len
    uint16_t gso_size
    uint16_t csum_start
    uint16_t csum_offset

cdef packed struct Private:      # what lbd itself keeps there
    VnetHdr header
    uint8_t own                  # an IPv6 packet that lbd made, and may fragment
    uint8_t gathered             # a fragment whose ports stand here
    uint32_t ports


cdef inline Private *private_of(rte_mbuf *m) noexcept nogil:
    return <Private *>rte_mbuf_to_priv(m)

cdef inline VnetHdr *vnet_of(rte_mbuf *m) noexcept nogil:
    return <VnetHdr *>rte_mbuf_to_priv(m)
