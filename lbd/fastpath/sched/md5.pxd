# SPDX-License-Identifier: Apache-2.0
"""MD5 (RFC 1321) of texts of one block: up to 55 characters. conhash names its points by it."""
from libc.stdint cimport uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset

cdef enum:
    MD5_LONGEST = 55

cdef extern from *:
    """
    #include <stdint.h>
    /* floor(2**32 * |sin(i + 1)|), RFC 1321 section 3.4 */
    static const uint32_t lbd_md5_k[64] = {
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
        0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
        0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
        0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
        0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
        0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
        0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
    };
    static const uint8_t lbd_md5_turn[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
    static inline void lbd_md5_block(uint32_t s[4], const uint32_t x[16]) {
        uint32_t a = s[0], b = s[1], c = s[2], d = s[3];
        for (int i = 0; i < 64; i++) {
            uint32_t f, t;
            int g, n = lbd_md5_turn[i / 16 * 4 + i % 4];
            switch (i / 16) {
            case 0: f = (b & c) | (~b & d); g = i; break;
            case 1: f = (b & d) | (c & ~d); g = (5 * i + 1) % 16; break;
            case 2: f = b ^ c ^ d; g = (3 * i + 5) % 16; break;
            default: f = c ^ (b | ~d); g = 7 * i % 16;
            }
            t = a + f + x[g] + lbd_md5_k[i];
            a = d; d = c; c = b;
            b += t << n | t >> (32 - n);
        }
        s[0] += a; s[1] += b; s[2] += c; s[3] += d;
    }
    """
    void md5_block "lbd_md5_block"(uint32_t *s, const uint32_t *x) nogil


cdef inline void md5_short(const char *text, uint32_t n, uint32_t *words) noexcept nogil:
    """The digest as four little-endian words; n is at most MD5_LONGEST."""
    cdef uint32_t block[16]
    memset(block, 0, sizeof(block))
    memcpy(block, text, n)
    (<uint8_t *>block)[n] = 0x80
    block[14] = n * 8
    words[0] = <uint32_t>0x67452301ULL
    words[1] = <uint32_t>0xefcdab89ULL
    words[2] = <uint32_t>0x98badcfeULL
    words[3] = <uint32_t>0x10325476ULL
    md5_block(words, block)
