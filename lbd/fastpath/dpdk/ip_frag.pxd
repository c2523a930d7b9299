# SPDX-License-Identifier: Apache-2.0
from libc.stdint cimport int32_t, uint16_t
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf, rte_mempool

cdef extern from "rte_ip_frag.h" nogil:
    int32_t rte_ipv4_fragment_packet(rte_mbuf *packet, rte_mbuf **out, uint16_t n, uint16_t mtu,
                                     rte_mempool *direct, rte_mempool *indirect)
    int32_t rte_ipv6_fragment_packet(rte_mbuf *packet, rte_mbuf **out, uint16_t n, uint16_t mtu,
                                     rte_mempool *direct, rte_mempool *indirect)
