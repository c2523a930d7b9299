# SPDX-License-Identifier: Apache-2.0
"""ICMP errors that lbd itself sends (RFC 792, RFC 4443), rate-limited, back to the MAC address the packet came from.

Called before a packet is rewritten, so that what is quoted is what its sender sent. At most 576 bytes (RFC 1812
section 4.3.2.3) or 1280 (RFC 4443 section 2.4 c); never about an ICMP error or a later fragment.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset
from lbd.fastpath.atomic cimport set16, set32, u16, u32
from lbd.fastpath.burst cimport BURST, M_ICMP_ERROR, M_LATER, Burst, Meta
from lbd.fastpath.dpdk.mbuf cimport bytes_of, rte_mbuf, rte_pktmbuf_alloc
from lbd.fastpath.dpdk.net cimport be16, rte_ipv4_cksum, rte_ipv4_hdr, rte_ipv6_hdr, rte_ipv6_phdr_cksum, rte_raw_cksum
from lbd.fastpath.hdr.csum cimport fold
from lbd.fastpath.hdr.virtio cimport PRIV_SIZE, vnet_of
from lbd.fastpath.port.port cimport Port
from lbd.fastpath.stage.send cimport send
from lbd.fastpath.state cimport Worker

cdef enum:
    ICMP_PER_TICK = 125          # 1,000 a second and worker
    ROOM4 = 576 - 28
    ROOM6 = 1280 - 48


cdef inline bint allowed(Worker *w, Meta *k) noexcept nogil:
    if k.flags & (M_ICMP_ERROR | M_LATER):
        return False
    if w.icmp_tick != w.tick:
        w.icmp_tick = w.tick
        w.icmp_tokens = ICMP_PER_TICK
    if w.icmp_tokens == 0:
        return False
    w.icmp_tokens -= 1
    return True


cdef inline void fill4(rte_mbuf *e, const uint8_t *ip, Port *p, uint8_t type, uint8_t code, uint32_t value,
                       uint32_t quoted) noexcept nogil:
    cdef uint8_t *out = bytes_of(e) + 14
    memset(out, 0, 28)
    out[0] = 0x45
    out[1] = 0xc0                # internetwork control (RFC 1812 section 4.3.2.5)
    set16(out + 2, be16(<uint16_t>(28 + quoted)))
    out[8] = 64
    out[9] = 1
    set32(out + 12, u32(p.address4) if u32(p.address4) else u32(ip + 16))
    set32(out + 16, u32(ip + 12))
    set16(out + 10, rte_ipv4_cksum(<rte_ipv4_hdr *>out))
    out[20] = type
    out[21] = code
    set16(out + 26, be16(<uint16_t>value))
    memcpy(out + 28, ip, quoted)
    set16(out + 22, ~rte_raw_cksum(out + 20, 8 + quoted) & 0xffff)


cdef inline void fill6(rte_mbuf *e, const uint8_t *ip, Port *p, uint8_t type, uint8_t code, uint32_t value,
                       uint32_t quoted) noexcept nogil:
    cdef uint8_t *out = bytes_of(e) + 14
    memset(out, 0, 48)
    out[0] = 0x60
    set16(out + 4, be16(<uint16_t>(8 + quoted)))
    out[6] = 58
    out[7] = 64
    if p.address6[0]:
        memcpy(out + 8, p.address6, 16)
    else:
        memcpy(out + 8, ip + 24, 16)
    memcpy(out + 24, ip + 8, 16)
    out[40] = type
    out[41] = code
    set16(out + 46, be16(<uint16_t>value))
    memcpy(out + 48, ip, quoted)
    set16(out + 42, ~fold(<uint64_t>rte_raw_cksum(out + 40, 8 + quoted)
                          + rte_ipv6_phdr_cksum(<rte_ipv6_hdr *>out, 0)) & 0xffff)


cdef inline void originate(Worker *w, Burst *b, uint32_t i, uint8_t type, uint8_t code, uint32_t value) noexcept nogil:
    cdef Meta *k = &b.meta[i]
    cdef const uint8_t *frame = bytes_of(b.m[i])
    cdef uint32_t header = 28 if k.family == 4 else 48
    cdef uint32_t quoted = ROOM4 if k.family == 4 else ROOM6
    cdef rte_mbuf *e
    cdef uint8_t *out
    cdef Port *p = w.ports[k.in_port]
    if not allowed(w, k):
        return
    if quoted > k.length:
        quoted = k.length
    if quoted > <uint32_t>b.m[i].data_len - k.l3:
        quoted = <uint32_t>b.m[i].data_len - k.l3
    e = rte_pktmbuf_alloc(p.pool)
    if e == NULL:
        return
    e.data_len = <uint16_t>(14 + header + quoted)
    e.pkt_len = e.data_len
    memset(vnet_of(e), 0, PRIV_SIZE)
    out = bytes_of(e)
    memcpy(out, frame + 6, 6)
    memcpy(out + 6, frame, 6)
    set16(out + 12, u16(frame + 12))
    if k.family == 4:
        fill4(e, frame + k.l3, p, type, code, value, quoted)
    else:
        fill6(e, frame + k.l3, p, type, code, value, quoted)
    w.originated += 1
    send(w, k.in_port, e)


cdef inline void reject_unreachable(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    """Port unreachable, as IPVS answers where a service has no real server."""
    if b.meta[i].family == 4:
        originate(w, b, i, 3, 3, 0)
    else:
        originate(w, b, i, 1, 4, 0)


cdef inline void reject_ttl(Worker *w, Burst *b, uint32_t i) noexcept nogil:
    if b.meta[i].family == 4:
        originate(w, b, i, 11, 0, 0)
    else:
        originate(w, b, i, 3, 0, 0)


cdef inline void reject_too_big(Worker *w, Burst *b, uint32_t i, uint32_t mtu) noexcept nogil:
    """Fragmentation needed (RFC 1191), packet too big (RFC 4443 section 3.2)."""
    if b.meta[i].family == 4:
        originate(w, b, i, 3, 4, mtu)
    else:
        originate(w, b, i, 2, 0, mtu)
