# SPDX-License-Identifier: Apache-2.0
"""The burst: up to 32 packets on their way together, and what parse learnt of each."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf
from lbd.fastpath.reasons cimport LIVE

cdef enum:
    BURST = 32

cdef enum:                       # MetaFlag
    M_SYN = 1            # TCP flags, as they decide
    M_FIN = 2
    M_RST = 4
    M_ACK = 8
    M_FRAGMENT = 16      # and gather has not found out yet of what
    M_ICMP_ERROR = 32    # the key is that of the embedded packet, turned round
    M_RARE = 1024        # an ICMP error, a later fragment, or neither TCP nor UDP: delivered by itself
    M_TUNNEL = 128       # leaves in an outer packet (stage/encapsulate.pxd)
    M_PIECE = 256        # a fragment whose ports are known
    M_LATER = 512        # one without an L4 header: the ports are those of the first
    M_PARTIAL = 64       # the L4 checksum holds the pseudo-header sum only (virtio NEEDS_CSUM)

cdef struct Meta:
    const uint8_t *addresses     # source and destination side by side: 8 or 32 bytes, usually in the packet
    uint32_t ports               # source and destination side by side, as on the wire
    uint32_t ref                 # connection index << 1 | direction; 0: none
    uint64_t hash
    uint16_t l3                  # offsets from the start of the frame
    uint16_t l4
    uint32_t length              # of the IP packet, header included
    uint8_t family               # 4 or 6
    uint8_t proto
    uint16_t flags
    uint8_t verdict              # a Verdict; LIVE while on its way
    uint16_t embedded            # offset of the embedded IP header (M_ICMP_ERROR)
    uint16_t in_port
    uint32_t hop                 # set by deliver: index of the next hop, or a Way

cdef struct Burst:
    uint32_t n
    uint32_t fragments
    uint32_t rare                # packets with M_RARE
    uint32_t openers             # packets that may open a connection: of none, or with SYN
    uint32_t created             # changes of the connection table in this burst so far
    uint32_t tunnelled           # packets that leave in an outer one
    bint taken                   # from another worker, which found us to be the owner
    rte_mbuf *m[BURST]
    Meta meta[BURST]
    uint8_t side[BURST]          # of packets of no connection: what makes them ours (claim.pxd)
    void *service[BURST]         # and their Service, or NULL
    uint8_t turned[BURST][32]    # addresses of embedded packets, turned round

cdef inline void set_rare(Burst *b, Meta *k) noexcept nogil:
    k.flags |= M_RARE
    b.rare += 1


cdef inline void end(Burst *b, uint32_t i, int verdict) noexcept nogil:
    b.meta[i].verdict = <uint8_t>verdict
