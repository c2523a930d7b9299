# SPDX-License-Identifier: Apache-2.0
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf

cdef extern from "rte_ip.h" nogil:
    struct rte_ipv4_hdr:
        uint8_t version_ihl
        uint8_t type_of_service
        uint16_t total_length
        uint16_t packet_id
        uint16_t fragment_offset
        uint8_t time_to_live
        uint8_t next_proto_id
        uint16_t hdr_checksum
        uint32_t src_addr
        uint32_t dst_addr
    struct rte_ipv6_hdr:
        uint32_t vtc_flow
        uint16_t payload_len
        uint8_t proto
        uint8_t hop_limits
        uint8_t src_addr[16]
        uint8_t dst_addr[16]
    uint16_t rte_raw_cksum(const void *buf, size_t len)
    uint16_t rte_ipv4_cksum(const rte_ipv4_hdr *)
    uint16_t rte_ipv6_phdr_cksum(const rte_ipv6_hdr *, uint64_t ol_flags)
    uint16_t rte_ipv4_udptcp_cksum(const rte_ipv4_hdr *, const void *l4)
    uint16_t rte_ipv6_udptcp_cksum(const rte_ipv6_hdr *, const void *l4)
    int rte_raw_cksum_mbuf(const rte_mbuf *m, uint32_t off, uint32_t len, uint16_t *cksum)

cdef extern from "rte_byteorder.h" nogil:
    uint16_t be16 "rte_cpu_to_be_16"(uint16_t)
    uint32_t be32 "rte_cpu_to_be_32"(uint32_t)
