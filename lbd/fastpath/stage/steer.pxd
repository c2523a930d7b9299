# SPDX-License-Identifier: Apache-2.0
"""steer: which worker a packet belongs to, without a table; and the hand-over to it.

A packet to a local address is of the worker that has the port (ports are dealt out in blocks). Any other is of its
client's: a keyed hash of the client's address and port, which is the source on the way to a service and the
destination on the way back, so that both directions of NAT agree. An ICMP error is asked by what it embeds, turned
round. Asked only for packets of no connection of this worker: what is found here is at home. The other rendering of
the same function is the fanout program of the shared ports, in ``port/steering.py``.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from lbd.fastpath.atomic cimport fence, load32, u32
from lbd.fastpath.burst cimport M_PIECE, Burst, Meta
from lbd.fastpath.dpdk.eal cimport unlikely
from lbd.fastpath.dpdk.mbuf cimport rte_mbuf, rte_pktmbuf_free
from lbd.fastpath.dpdk.net cimport be16, be32
from lbd.fastpath.dpdk.ring cimport rte_ring_enqueue_burst
from lbd.fastpath.hdr.virtio cimport private_of
from lbd.fastpath.reasons cimport DROP_INBOX_FULL, HANDED
from lbd.fastpath.stage.claim cimport BY_LOCAL, BY_MATCH, BY_SERVICE
from lbd.fastpath.state cimport TXQ, TxQueue, Worker
from lbd.fastpath.table.laddr cimport BLOCK_BITS

cdef extern from "unistd.h" nogil:
    ssize_t write(int fd, const void *, size_t)


cdef inline uint32_t client_hash(const uint32_t *key, const uint8_t *address, uint32_t half,
                                 uint32_t port) noexcept nogil:
    """32-bit arithmetic that classic BPF has, too. ``port`` in host order."""
    cdef uint32_t h = key[0]
    cdef uint32_t i
    for i in range(0, half, 4):
        h = (h ^ be32(u32(address + i))) * key[1]
    h = (h ^ port) * key[1]
    return ((h ^ h >> 15) * key[2]) >> 16


cdef inline uint32_t owner_of(Worker *w, Meta *k, int side) noexcept nogil:
    """``side``: what claim said of the packet."""
    cdef uint32_t half = 4 if k.family == 4 else 16
    cdef uint32_t source = be16(<uint16_t>(k.ports & 0xffff))
    cdef uint32_t destination = be16(<uint16_t>(k.ports >> 16))
    if side == BY_LOCAL:
        return (destination >> BLOCK_BITS) % w.shared.n_workers
    if side == BY_SERVICE or side == BY_MATCH:
        return client_hash(w.shared.owner_key, k.addresses, half, source) % w.shared.n_workers
    return client_hash(w.shared.owner_key, k.addresses + half, half, destination) % w.shared.n_workers


cdef inline void wake_worker(Worker *to) noexcept nogil:
    cdef uint64_t one = 1
    fence()                          # the inbox is written before ``asleep`` is read
    if load32(&to.asleep) and to.wake >= 0:
        write(to.wake, &one, 8)


cdef inline void deliver_to(Worker *w, uint32_t owner) noexcept nogil:
    """Everything that waits for this worker into its inbox; what does not fit ends here."""
    cdef TxQueue *q = &w.handq[owner]
    cdef Worker *to = w.shared.workers[owner]
    cdef uint32_t n = rte_ring_enqueue_burst(to.inbox, <void **>q.m, q.n, NULL)
    cdef uint32_t i
    w.counts[HANDED] += n
    w.counts[DROP_INBOX_FULL] += q.n - n
    for i in range(n, q.n):
        rte_pktmbuf_free(q.m[i])
    w.n_handed -= q.n
    q.n = 0
    wake_worker(to)


cdef inline void hand_over(Worker *w, Burst *b, uint32_t i, uint32_t owner) noexcept nogil:
    """The packet as it came; its verdict is HANDED, counted when it is in the inbox."""
    cdef TxQueue *q = &w.handq[owner]
    b.m[i].port = b.meta[i].in_port
    if unlikely(b.meta[i].flags & M_PIECE):
        private_of(b.m[i]).gathered = 1
        private_of(b.m[i]).ports = b.meta[i].ports
    q.m[q.n] = b.m[i]
    q.n += 1
    w.n_handed += 1
    if q.n == TXQ:
        deliver_to(w, owner)


cdef inline void deliver_handed(Worker *w) noexcept nogil:
    cdef uint32_t owner
    for owner in range(w.shared.n_workers):
        if w.handq[owner].n:
            deliver_to(w, owner)
