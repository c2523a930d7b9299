# SPDX-License-Identifier: Apache-2.0
"""Measuring the pipeline: bursts of one template frame, stamped with the flow each packet is of, in cycles.

Forward, the flow is added to the template's source address. What comes out can be turned round and kept as the flow's
*answer*: what its real server sends. Backward, the answers are sent, with the TCP flags of the template; so whole
lives of connections are played, client and server, by a few calls. ``straight`` is what a benchmark compares with:
the same packets made and sent without a stage in between.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy
from lbd.fastpath.atomic cimport set16, set32, set64, u16, u32, u64
from lbd.fastpath.burst cimport BURST, Burst
from lbd.fastpath.dpdk.eal cimport rte_rdtsc
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf
from lbd.fastpath.dpdk.net cimport be16, be32
from lbd.fastpath.hdr.csum cimport apply, fold
from lbd.fastpath.stage.connect cimport st_connect
from lbd.fastpath.stage.deliver cimport st_deliver
from lbd.fastpath.stage.lookup cimport st_lookup
from lbd.fastpath.stage.output cimport st_output
from lbd.fastpath.stage.parse cimport TCP, st_parse
from lbd.fastpath.stage.punt cimport st_punt
from lbd.fastpath.stage.send cimport flush_all, send
from lbd.fastpath.state cimport Worker
from lbd.fastpath.worker cimport keep_house, run_burst

cdef enum:
    FRAME = 96
    MEASURED = 8

cdef enum:                       # what replay does
    STRAIGHT = 1         # no stage
    BACKWARD = 2         # the answers
    LEARN = 4            # what comes out becomes the answers
    CLOCK = 8            # time passes as it is spent, with the house-keeping of the worker's loop

cdef struct Replay:
    rte_mbuf *m[BURST]
    uint8_t frame[FRAME]
    uint32_t size
    uint32_t addresses           # offsets
    uint32_t half                # bytes of an address
    uint32_t l4
    uint32_t sum4
    uint8_t proto
    uint8_t *answers             # FRAME bytes for each flow, modulo n_answers
    uint32_t n_answers
    uint32_t services            # on addresses one after another
    double ns                    # of a cycle


cdef inline void lay_out(Replay *r) noexcept nogil:
    """Where everything is in the template: Ethernet, IPv4 without options or IPv6, TCP or UDP."""
    cdef bint four = u16(r.frame + 12) == be16(0x0800)
    r.half = 4 if four else 16
    r.addresses = 26 if four else 22
    r.l4 = 34 if four else 54
    r.proto = r.frame[23 if four else 20]
    r.sum4 = r.l4 + (16 if r.proto == TCP else 6)


cdef inline void copy(uint8_t *to, const uint8_t *frame, uint32_t size) noexcept nogil:
    memcpy(to, frame, 64)
    if size > 64:
        memcpy(to + 64, frame + 64, FRAME - 64)


cdef inline void stamp_flow(Replay *r, uint8_t *frame, uint32_t flow) noexcept nogil:
    """The template with the flow added to its source address and the flow's service to its destination.

    Both end in zeros enough; sums by difference. Stores are as wide as the loads of parse: a narrower one could not be
    forwarded to them, which no frame from a device suffers.
    """
    cdef uint32_t source = be32(flow)
    cdef uint32_t service = be32(<uint32_t>(<uint64_t>(flow * <uint32_t>2654435761ULL) * r.services >> 32))
    cdef uint16_t d = fold(<uint64_t>source + service)
    cdef uint8_t *at = frame + r.addresses
    cdef const uint8_t *was = r.frame + r.addresses
    copy(frame, r.frame, r.size)
    if r.half == 4:
        set32(at - 4, u16(was - 4) | <uint32_t>apply(u16(was - 2), d) << 16)
        set64(at, u64(was) + (source | <uint64_t>service << 32))
    else:
        set64(at + 8, u64(was + 8) + (<uint64_t>source << 32))
        set64(at + 24, u64(was + 24) + (<uint64_t>service << 32))
    set16(frame + r.sum4, apply(u16(r.frame + r.sum4), d))


cdef inline void stamp_answer(Replay *r, uint8_t *frame, uint32_t flow) noexcept nogil:
    """The flow's answer, with the template's TCP flags."""
    cdef uint16_t was, flags
    copy(frame, r.answers + <uint64_t>(flow % r.n_answers) * FRAME, r.size)
    if r.proto == TCP:
        was = u16(frame + r.l4 + 12)
        flags = u16(r.frame + r.l4 + 12)
        set16(frame + r.l4 + 12, flags)
        set16(frame + r.sum4, apply(u16(frame + r.sum4), fold(<uint64_t>flags + (~was & 0xffff))))


cdef inline void learn(Replay *r, const uint32_t *flows) noexcept nogil:
    """What left as each packet, turned round and sent to us: the order of its words is no matter to the sums."""
    cdef uint32_t i, ports
    cdef uint8_t *to
    cdef uint8_t *frame
    for i in range(BURST):
        frame = bytes_of(r.m[i])
        to = r.answers + <uint64_t>(flows[i] % r.n_answers) * FRAME
        copy(to, frame, r.size)
        memcpy(to, r.frame, 12)
        memcpy(to + r.addresses, frame + r.addresses + r.half, r.half)
        memcpy(to + r.addresses + r.half, frame + r.addresses, r.half)
        ports = u32(frame + r.l4)
        set32(to + r.l4, ports >> 16 | ports << 16)


cdef inline void stamp(Replay *r, Burst *b, const uint32_t *flows, uint32_t how) noexcept nogil:
    cdef uint32_t i
    for i in range(BURST):
        if how & BACKWARD:
            stamp_answer(r, bytes_of(r.m[i]), flows[i])
        else:
            stamp_flow(r, bytes_of(r.m[i]), flows[i])
        b.m[i] = r.m[i]
        b.meta[i].in_port = 0
    b.n = BURST


cdef inline uint64_t replay(Worker *w, Replay *r, const uint32_t *flows, uint32_t bursts, uint32_t how) noexcept nogil:
    """Cycles for all of the bursts. ``flows`` has BURST numbers for each."""
    cdef Burst *b = &w.burst
    cdef uint64_t start = rte_rdtsc()
    cdef uint64_t origin = w.now
    cdef uint32_t n, i
    for n in range(bursts):
        stamp(r, b, flows + n * BURST, how)
        if how & STRAIGHT:
            for i in range(BURST):
                send(w, 0, b.m[i])
            flush_all(w)
        else:
            w.rx += BURST
            if how & CLOCK:
                w.now = origin + <uint64_t>(<double>(rte_rdtsc() - start) * r.ns)
                keep_house(w)
            run_burst(w, b)
        if how & LEARN:
            learn(r, flows + n * BURST)
    return rte_rdtsc() - start


cdef inline uint64_t since(uint64_t *last) noexcept nogil:
    cdef uint64_t now = rte_rdtsc()
    cdef uint64_t spent = now - last[0]
    last[0] = now
    return spent


cdef inline void measure_stages(Worker *w, Replay *r, const uint32_t *flows, uint32_t bursts,
                                uint64_t *spent) noexcept nogil:
    """run_burst with a look at the clock after each stage: cycles of each are added to ``spent``."""
    cdef Burst *b = &w.burst
    cdef uint64_t at
    cdef uint32_t n
    for n in range(bursts):
        stamp(r, b, flows + n * BURST, 0)
        w.rx += BURST
        at = rte_rdtsc()
        st_parse(w, b)
        spent[0] += since(&at)
        st_lookup(w, b)
        spent[1] += since(&at)
        st_connect(w, b)
        spent[2] += since(&at)
        st_deliver(w, b)
        spent[3] += since(&at)
        st_output(w, b)
        spent[4] += since(&at)
        st_punt(w, b)
        spent[5] += since(&at)
        flush_all(w)
        spent[6] += since(&at)
        spent[7] += since(&at)   # the look itself
