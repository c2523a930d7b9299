# SPDX-License-Identifier: Apache-2.0
"""The shared port: a packet socket beside an ordinary interface, one syscall a burst each way.

Frames carry their virtio header (PACKET_VNET_HDR), so partial checksums stay partial and super-frames pass whole: the
kernel copies them straight into mbufs (a small one, and a jumbo one for what does not fit), and segments them on the
way out where the interface must. Opened, filtered and bound by ``packet.py``.
"""
from libc.errno cimport EAGAIN, EINTR, ENOBUFS, errno
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport free
from libc.string cimport memset
from lbd.fastpath.dpdk.eal cimport likely, unlikely
from lbd.fastpath.dpdk.mbuf cimport (RTE_PKTMBUF_HEADROOM, bytes_of, rte_mbuf, rte_mempool, rte_pktmbuf_alloc,
                                     rte_pktmbuf_free)
from lbd.fastpath.hdr.virtio cimport PRIV_SIZE, VNET_GSO_NONE, VNET_NEEDS_CSUM, VNET_SIZE, vnet_of
from lbd.fastpath.port.port cimport Port
from lbd.fastpath.reasons cimport DROP_TX_FULL, DROP_TX_REFUSED, TX

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len
    ssize_t writev(int fd, const iovec *iov, int n)
    ssize_t readv(int fd, const iovec *iov, int n)

cdef extern from "<sys/socket.h>" nogil:
    enum: MSG_DONTWAIT
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned msg_len
    int recvmmsg(int fd, mmsghdr *v, unsigned n, int flags, void *timeout)
    int sendmmsg(int fd, mmsghdr *v, unsigned n, int flags)

cdef enum:
    BATCH = 64
    SEGMENTS = 64                # iovecs of one frame on the way out, header included

cdef struct PacketState:
    rte_mbuf *small[BATCH]       # where the next frames will be received
    rte_mbuf *large[BATCH]
    mmsghdr rx[BATCH]
    iovec rx_iov[BATCH][3]
    mmsghdr tx[BATCH]
    iovec tx_iov[BATCH][SEGMENTS]


cdef inline bint provide(Port *p, PacketState *s, uint32_t i) noexcept nogil:
    """Buffers for the i-th frame of a burst. False: no mbuf is free."""
    if s.small[i] == NULL:
        s.small[i] = rte_pktmbuf_alloc(p.pool)
        if s.small[i] == NULL:
            return False
        memset(vnet_of(s.small[i]), 0, PRIV_SIZE)
        s.rx_iov[i][0].iov_base = vnet_of(s.small[i])
        s.rx_iov[i][0].iov_len = VNET_SIZE
        s.rx_iov[i][1].iov_base = bytes_of(s.small[i])
        s.rx_iov[i][1].iov_len = s.small[i].buf_len - RTE_PKTMBUF_HEADROOM
    if s.large[i] == NULL:
        s.large[i] = rte_pktmbuf_alloc(p.jumbo)
        if s.large[i] != NULL:
            s.rx_iov[i][2].iov_base = bytes_of(s.large[i])
            s.rx_iov[i][2].iov_len = s.large[i].buf_len - RTE_PKTMBUF_HEADROOM
    s.rx[i].msg_hdr.msg_iov = s.rx_iov[i]
    s.rx[i].msg_hdr.msg_iovlen = 3 if s.large[i] != NULL else 2
    return True


cdef inline rte_mbuf *take(PacketState *s, uint32_t i, uint32_t length) noexcept nogil:
    """The i-th frame as an mbuf, its length without the virtio header."""
    cdef rte_mbuf *m = s.small[i]
    cdef uint32_t room = <uint32_t>s.rx_iov[i][1].iov_len
    s.small[i] = NULL
    m.pkt_len = length
    if likely(length <= room):
        m.data_len = <uint16_t>length
        return m
    m.data_len = <uint16_t>room
    m.next = s.large[i]
    m.nb_segs = 2
    s.large[i].data_len = <uint16_t>(length - room)
    s.large[i] = NULL
    return m


cdef inline uint16_t packet_rx(Port *p, rte_mbuf **frames, uint16_t n) noexcept nogil:
    cdef PacketState *s = <PacketState *>p.state
    cdef uint32_t ready = 0
    cdef uint32_t i
    cdef uint16_t out = 0
    cdef int got
    while ready < n and provide(p, s, ready):
        ready += 1
    got = recvmmsg(p.fd, s.rx, ready, MSG_DONTWAIT, NULL)
    if got <= 0:
        return 0
    for i in range(<uint32_t>got):
        if s.rx[i].msg_len > VNET_SIZE:
            frames[out] = take(s, i, s.rx[i].msg_len - VNET_SIZE)
            out += 1
    p.rx_frames += out
    return out


cdef inline int gather(iovec *iov, rte_mbuf *m) noexcept nogil:
    """The virtio header and the segments of a frame; how many iovecs, or 0 if it has too many."""
    cdef int n = 1
    cdef rte_mbuf *seg = m
    vnet_of(m).flags &= VNET_NEEDS_CSUM
    iov[0].iov_base = vnet_of(m)
    iov[0].iov_len = VNET_SIZE
    while seg != NULL:
        if n == SEGMENTS:
            return 0
        iov[n].iov_base = bytes_of(seg)
        iov[n].iov_len = seg.data_len
        n += 1
        seg = seg.next
    return n


cdef inline uint16_t packet_tx(Port *p, rte_mbuf **frames, uint16_t n, uint64_t *counts) noexcept nogil:
    """All of n in as few calls as the interface allows; a frame that it refuses is dropped and the rest goes on."""
    cdef PacketState *s = <PacketState *>p.state
    cdef uint32_t done = 0
    cdef uint32_t sent = 0
    cdef uint32_t i
    cdef int got
    for i in range(n):
        s.tx[i].msg_hdr.msg_iov = s.tx_iov[i]
        s.tx[i].msg_hdr.msg_iovlen = <size_t>gather(s.tx_iov[i], frames[i])
    while done < n:
        got = sendmmsg(p.fd, &s.tx[done], n - done, MSG_DONTWAIT)
        if got > 0:
            done += <uint32_t>got
            sent += <uint32_t>got
            continue
        if errno == EINTR:
            continue
        if errno == EAGAIN or errno == ENOBUFS:
            counts[DROP_TX_FULL] += n - done
            break
        counts[DROP_TX_REFUSED] += 1
        done += 1
    counts[TX] += sent
    p.tx_frames += sent
    p.tx_failed += n - sent
    for i in range(n):
        rte_pktmbuf_free(frames[i])
    return n


cdef inline void packet_shut(Port *p) noexcept nogil:
    cdef PacketState *s = <PacketState *>p.state
    cdef uint32_t i
    for i in range(BATCH):
        if s.small[i] != NULL:
            rte_pktmbuf_free(s.small[i])
        if s.large[i] != NULL:
            rte_pktmbuf_free(s.large[i])
    free(s)
    p.state = NULL
