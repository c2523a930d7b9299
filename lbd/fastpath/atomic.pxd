# SPDX-License-Identifier: Apache-2.0
"""The compiler's atomics, and the few other builtins that C has and Cython has no word for."""
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t, uint8_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <emmintrin.h>
    static inline uint32_t lbd_fetch_add(uint32_t *p, uint32_t n) { return __atomic_fetch_add(p, n, __ATOMIC_RELAXED); }
    static inline uint64_t lbd_fetch_add64(uint64_t *p, uint64_t n) { return __atomic_fetch_add(p, n, __ATOMIC_SEQ_CST); }
    static inline uint64_t lbd_load64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
    static inline void *lbd_acquire(void **p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
    static inline void lbd_publish(void **p, void *v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
    static inline uint32_t lbd_load(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
    static inline void lbd_store(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
    /* 64x64 -> 128 multiplication, both halves folded: the mixing step of the keyed hash */
    static inline uint64_t lbd_mum(uint64_t a, uint64_t b) {
        __uint128_t r = (__uint128_t)a * b;
        return (uint64_t)r ^ (uint64_t)(r >> 64);
    }
    /* which of 8 signatures are equal to s: one bit each */
    static inline uint32_t lbd_match8(const uint16_t *sigs, uint16_t s) {
        __m128i eq = _mm_cmpeq_epi16(_mm_load_si128((const __m128i *)sigs), _mm_set1_epi16((short)s));
        return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(eq, _mm_setzero_si128()));
    }
    static inline void lbd_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
    static inline uint64_t lbd_u64(const void *p) { uint64_t v; __builtin_memcpy(&v, p, 8); return v; }
    static inline uint32_t lbd_u32(const void *p) { uint32_t v; __builtin_memcpy(&v, p, 4); return v; }
    static inline uint16_t lbd_u16(const void *p) { uint16_t v; __builtin_memcpy(&v, p, 2); return v; }
    static inline void lbd_set64(void *p, uint64_t v) { __builtin_memcpy(p, &v, 8); }
    static inline void lbd_set32(void *p, uint32_t v) { __builtin_memcpy(p, &v, 4); }
    static inline void lbd_set16(void *p, uint16_t v) { __builtin_memcpy(p, &v, 2); }
    """
    uint32_t fetch_add "lbd_fetch_add"(uint32_t *p, uint32_t n) nogil
    uint64_t fetch_add64 "lbd_fetch_add64"(uint64_t *p, uint64_t n) nogil
    uint64_t load64 "lbd_load64"(const uint64_t *p) nogil
    void *acquire "lbd_acquire"(void **p) nogil
    void publish "lbd_publish"(void **p, void *v) nogil
    uint32_t load32 "lbd_load"(const uint32_t *p) nogil
    void store32 "lbd_store"(uint32_t *p, uint32_t v) nogil
    void fence "lbd_fence"() nogil
    uint64_t mum "lbd_mum"(uint64_t a, uint64_t b) nogil
    uint32_t match8 "lbd_match8"(const uint16_t *sigs, uint16_t s) nogil
    uint64_t u64 "lbd_u64"(const void *p) nogil
    uint32_t u32 "lbd_u32"(const void *p) nogil
    uint16_t u16 "lbd_u16"(const void *p) nogil
    void set64 "lbd_set64"(void *p, uint64_t v) nogil
    void set32 "lbd_set32"(void *p, uint32_t v) nogil
    void set16 "lbd_set16"(void *p, uint16_t v) nogil
    int ctz "__builtin_ctz"(uint32_t) nogil
