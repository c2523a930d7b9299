# SPDX-License-Identifier: Apache-2.0
from libc.stdint cimport uint32_t, uint64_t, uint8_t

cdef extern from "rte_rib.h" nogil:
    struct rte_rib:
        pass
    struct rte_rib_node:
        pass
    struct rte_rib_conf:
        size_t ext_sz
        int max_nodes
    rte_rib *rte_rib_create(const char *name, int socket, const rte_rib_conf *conf)
    void rte_rib_free(rte_rib *)
    rte_rib_node *rte_rib_insert(rte_rib *, uint32_t ip, uint8_t depth)
    rte_rib_node *rte_rib_lookup(rte_rib *, uint32_t ip)
    int rte_rib_get_nh(const rte_rib_node *, uint64_t *nh)
    int rte_rib_set_nh(rte_rib_node *, uint64_t nh)

cdef extern from "rte_rib6.h" nogil:
    struct rte_rib6:
        pass
    struct rte_rib6_node:
        pass
    struct rte_rib6_conf:
        size_t ext_sz
        int max_nodes
    rte_rib6 *rte_rib6_create(const char *name, int socket, const rte_rib6_conf *conf)
    void rte_rib6_free(rte_rib6 *)
    rte_rib6_node *rte_rib6_insert(rte_rib6 *, const uint8_t *ip, uint8_t depth)
    rte_rib6_node *rte_rib6_lookup(rte_rib6 *, const uint8_t *ip)
    int rte_rib6_get_nh(const rte_rib6_node *, uint64_t *nh)
    int rte_rib6_set_nh(rte_rib6_node *, uint64_t nh)
