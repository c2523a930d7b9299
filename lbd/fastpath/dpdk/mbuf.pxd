# SPDX-License-Identifier: Apache-2.0
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t

cdef extern from "rte_mempool.h" nogil:
    struct rte_mempool:
        uint32_t size
    unsigned rte_mempool_in_use_count(const rte_mempool *)
    void rte_mempool_free(rte_mempool *)

cdef extern from "rte_mbuf.h" nogil:
    struct rte_mbuf:
        uint16_t data_off
        uint16_t nb_segs
        uint16_t port
        uint64_t ol_flags
        uint32_t pkt_len
        uint16_t data_len
        uint16_t buf_len
        uint64_t l2_len
        uint64_t l3_len
        rte_mbuf *next
        rte_mempool *pool
    enum: RTE_PKTMBUF_HEADROOM
    rte_mempool *rte_pktmbuf_pool_create(const char *name, unsigned n, unsigned cache, uint16_t priv_size,
                                         uint16_t data_room, int socket)
    rte_mbuf *rte_pktmbuf_alloc(rte_mempool *)
    int rte_pktmbuf_alloc_bulk(rte_mempool *, rte_mbuf **, unsigned)
    void rte_pktmbuf_free(rte_mbuf *)
    void rte_pktmbuf_free_bulk(rte_mbuf **, unsigned)
    char *rte_pktmbuf_adj(rte_mbuf *, uint16_t)
    char *rte_pktmbuf_prepend(rte_mbuf *, uint16_t)
    int rte_pktmbuf_trim(rte_mbuf *, uint16_t)
    const void *rte_pktmbuf_read(const rte_mbuf *, uint32_t off, uint32_t len, void *buf)
    void *rte_mbuf_to_priv(rte_mbuf *)

cdef extern from *:
    """
    #include <rte_mbuf.h>
    static inline uint8_t *lbd_bytes_of(struct rte_mbuf *m) { return rte_pktmbuf_mtod(m, uint8_t *); }
    """
    uint8_t *bytes_of "lbd_bytes_of"(rte_mbuf *m) nogil
