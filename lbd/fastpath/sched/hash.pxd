# SPDX-License-Identifier: Apache-2.0
"""The hashes of the hashing schedulers: those of the kernel's IPVS, so that its directors and ours send a client to the
same server. No secret is in them: they spread load, they guard nothing."""
from libc.stdint cimport uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport u32
from lbd.fastpath.dpdk.net cimport be32

cdef enum:
    GOLDEN = 0x61c88647          # of the kernel's hash_32: 2**32 divided by the golden ratio squared

cdef extern from *:
    """
    /* SipHash (Aumasson, Bernstein 2012) with 1 + 3 rounds over one 32-bit number, folded to 32 bits: hsiphash of
       linux/siphash.h on 64-bit machines. Both halves of the key are the same here. */
    #define LBD_ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))
    static inline void lbd_sip_round(uint64_t v[4]) {
        v[0] += v[1]; v[1] = LBD_ROTL(v[1], 13) ^ v[0]; v[0] = LBD_ROTL(v[0], 32);
        v[2] += v[3]; v[3] = LBD_ROTL(v[3], 16) ^ v[2];
        v[0] += v[3]; v[3] = LBD_ROTL(v[3], 21) ^ v[0];
        v[2] += v[1]; v[1] = LBD_ROTL(v[1], 17) ^ v[2]; v[2] = LBD_ROTL(v[2], 32);
    }
    static inline uint32_t lbd_sip13(uint64_t key, uint32_t n) {
        uint64_t v[4] = {key ^ 0x736f6d6570736575ULL, key ^ 0x646f72616e646f6dULL,
                         key ^ 0x6c7967656e657261ULL, key ^ 0x7465646279746573ULL};
        uint64_t b = 4ULL << 56 | n;
        v[3] ^= b;
        lbd_sip_round(v);
        v[0] ^= b;
        v[2] ^= 0xff;
        for (int i = 0; i < 3; i++)
            lbd_sip_round(v);
        return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
    }
    """
    uint32_t sip13 "lbd_sip13"(uint64_t key, uint32_t n) nogil


cdef inline uint32_t fold_address(const uint8_t *a, uint32_t size) noexcept nogil:
    """An address as 32 bits, as it stands in memory: of IPv6 its four words together."""
    return u32(a) if size == 4 else u32(a) ^ u32(a + 4) ^ u32(a + 8) ^ u32(a + 12)


cdef inline uint32_t hash_32(uint32_t value, uint32_t bits) noexcept nogil:
    return <uint32_t>(value * <uint32_t>GOLDEN) >> (32 - bits)


cdef inline uint32_t client_number(const uint8_t *a, uint32_t size, uint32_t port) noexcept nogil:
    """What sh and mh hash of a client, and mh of a server: its address plus its port, or 0."""
    return be32(fold_address(a, size)) + port
