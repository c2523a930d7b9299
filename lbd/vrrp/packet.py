# SPDX-License-Identifier: Apache-2.0
"""Adverts as bytes: RFC 3768 section 5.1 (v2, with RFC 2338's authentication) and RFC 9568 section 5.1 (v3).

What is received passes ``CHECKS`` one after another, in keepalived's order; the first that it fails names it.
"""

from __future__ import annotations

import hmac
import struct
import time
from collections.abc import Callable
from ipaddress import ip_address

import msgspec

from lbd.model import Authentication, VrrpInstance
from lbd.model.net import Address, packed
from lbd.vrrp import auth_hmac, checksum
from lbd.vrrp.advert import ADVERTISEMENT, TTL, Advert, Datagram, Refusal, RefusedError
from lbd.vrrp.ah import AuthenticationHeader
from lbd.vrrp.auth_hmac import Trailer

__all__ = ["CHECKS", "Security", "decode", "encode", "remarks", "seal"]

AUTH_TYPES = {Authentication.NONE: 0, Authentication.PASS: 1, Authentication.AH: 2}
AUTH_BYTES = 8
FIXED = 8
ETHERNET_LEAST = 46
"""Bytes of an Ethernet payload; shorter ones are padded."""


class Security:
    """What an instance remembers of authentication between two adverts."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        """wall: seconds since 1970; auth_hmac compares clocks."""
        self.ah = AuthenticationHeader()
        self.trailer = Trailer()
        self.wall = wall


def encode(conf: VrrpInstance, priority: int, source: Address, destination: Address) -> bytes:
    """The PDU of an advert, without the IP header and whatever authenticates it."""
    addresses = b"".join(packed(v.address) for v in conf.virtual_ipaddress)
    count = len(conf.virtual_ipaddress)
    first = conf.version << 4 | ADVERTISEMENT
    if conf.version == 2:
        kind, interval = AUTH_TYPES[conf.auth_type], int(conf.advert_int)
        head = struct.pack("!BBBBBB", first, conf.virtual_router_id, priority, count, kind, interval)
        # the authentication field is there whatever the type (RFC 2338 section 5.3); AH's password is not in it
        data = conf.auth_pass if conf.auth_type is Authentication.PASS else b""
        tail = addresses + _password(data)
    else:
        centiseconds = round(conf.advert_int * 100) & 0xFFF
        head = struct.pack("!BBBBH", first, conf.virtual_router_id, priority, count, centiseconds)
        tail = addresses
    total = ~checksum.summed(conf, head + b"\0\0" + tail, source, destination) & 0xFFFF
    return head + struct.pack("!H", total) + tail


def seal(
    conf: VrrpInstance, pdu: bytes, source: Address, destination: Address, ttl: int, security: Security
) -> bytes:
    """An advert as it goes to a socket: with its trailer, or within a whole IP packet where AH authenticates it."""
    if conf.auth_type is Authentication.AH and conf.version == 2:
        return security.ah.packet(conf, pdu, source, destination, ttl)
    trailer = security.trailer.seal(conf, pdu, source, security.wall())
    if not trailer or ":" not in source:
        return pdu + trailer
    # keepalived leaves the checksum of IPv6 to the kernel, which sums all that there is
    zeroed = pdu[:6] + b"\0\0" + pdu[8:] + trailer
    total = ~checksum.summed(conf, zeroed, source, destination) & 0xFFFF
    return pdu[:6] + struct.pack("!H", total) + pdu[8:] + trailer


def _password(data: bytes) -> bytes:
    return data[:AUTH_BYTES].ljust(AUTH_BYTES, b"\0")


def decode(conf: VrrpInstance, datagram: Datagram, security: Security) -> Advert:
    """The advert, if it is one for this instance. Raises RefusedError."""
    arrival = _Arrival(conf=conf, datagram=datagram, security=security, pdu=datagram.pdu)
    for check in CHECKS:
        check(arrival)
    pdu, size = arrival.pdu, arrival.address_size
    addresses = (pdu[FIXED + n * size : FIXED + (n + 1) * size] for n in range(pdu[3]))
    return Advert(
        version=conf.version,
        virtual_router_id=pdu[1],
        priority=pdu[2],
        addresses=tuple(str(ip_address(raw)) for raw in addresses),
        advert_int=_interval(pdu),
    )


def remarks(conf: VrrpInstance, advert: Advert, *, addresses: bool = True) -> list[tuple[Refusal, str]]:
    """What is counted and said of an advert that is used all the same. addresses: compare more than their number."""
    found = []
    if conf.version == 3 and advert.advert_int != conf.advert_int:
        text = f"advertisement interval mismatch ours = {conf.advert_int:g} s rcv'd = {advert.advert_int:g} s"
        found.append((Refusal.ADVERTISEMENT_INTERVAL, text))
    ours = {v.address for v in conf.virtual_ipaddress}
    if len(advert.addresses) != len(ours):
        text = f"expected {len(ours)} VIPs but received {len(advert.addresses)}"
        found.append((Refusal.ADDRESS_LIST, text))
    elif addresses and (missing := ours - set(advert.addresses)):
        text = (
            f"ip address associated with VRID {conf.virtual_router_id} not present in advert: {min(missing)}"
        )
        found.append((Refusal.ADDRESS_LIST, text))
    return found


# --- the checks


class _Arrival(msgspec.Struct, kw_only=True):
    conf: VrrpInstance
    datagram: Datagram
    security: Security
    pdu: bytes
    """Without what follows it, once its length is known."""
    trailer: bytes = b""

    @property
    def address_size(self) -> int:
        return 16 if ":" in self.datagram.source else 4


def _interval(pdu: bytes) -> float:
    if pdu[0] >> 4 == 2:
        return float(pdu[5])
    centiseconds: int = struct.unpack_from("!H", pdu, 4)[0] & 0xFFF
    return centiseconds / 100


def _ah_header(got: _Arrival) -> None:
    if bool(got.datagram.ah) != (got.conf.auth_type is Authentication.AH):
        text = "an Authentication Header" if got.datagram.ah else "no Authentication Header"
        raise RefusedError(Refusal.AUTH_TYPE_MISMATCH, f"{text}, and the other is configured")


def _length(got: _Arrival) -> None:
    """All of it has to be there; behind it a trailer, or Ethernet's padding."""
    pdu = got.pdu
    if len(pdu) < FIXED:
        raise RefusedError(Refusal.LENGTH, f"{len(pdu)} bytes are no advert")
    needed = FIXED + pdu[3] * got.address_size + (AUTH_BYTES if pdu[0] >> 4 == 2 else 0)
    before = len(got.datagram.data) - len(pdu)
    if got.conf.auth_hmac is not None and len(pdu) == needed + auth_hmac.LENGTH:
        got.trailer = pdu[needed:]
    elif len(pdu) != needed and not _is_padding(before + needed, len(pdu) - needed):
        what = "long" if len(pdu) > needed else "short"
        text = f"too {what}: {len(pdu)} bytes for {pdu[3]} addresses, expected {needed}"
        raise RefusedError(Refusal.LENGTH, text)
    got.pdu = pdu[:needed]


def _is_padding(expected: int, more: int) -> bool:
    """Up to Ethernet's 46 bytes; VLAN tags that were taken off leave four less each."""
    return more > 0 and expected < ETHERNET_LEAST and (ETHERNET_LEAST - expected - more) % 4 == 0


def _ttl(got: _Arrival) -> None:
    if not got.conf.is_unicast and got.datagram.ttl != TTL:
        # RFC 9568 section 5.1.1.3: what passed a router is not from this link
        raise RefusedError(Refusal.TTL, f"invalid TTL/HL {got.datagram.ttl}, expected {TTL}")


def _version(got: _Arrival) -> None:
    version = got.pdu[0] >> 4
    if version != got.conf.version:
        raise RefusedError(Refusal.VERSION, f"wrong VRRP version {version}, expected {got.conf.version}")


def _trailer(got: _Arrival) -> None:
    if got.conf.auth_hmac is not None and got.conf.is_unicast:
        _known_peer(got)
    got.security.trailer.check(got.conf, got.datagram, got.pdu, got.trailer, got.security.wall())


def _authentication(got: _Arrival) -> None:
    conf, pdu = got.conf, got.pdu
    if conf.version != 2:
        return
    if pdu[4] not in AUTH_TYPES.values():
        raise RefusedError(Refusal.AUTH_INVALID_TYPE, f"authentication type {pdu[4]}")
    if pdu[4] != AUTH_TYPES[conf.auth_type]:
        text = f"authentication type {pdu[4]}, expected {AUTH_TYPES[conf.auth_type]}"
        raise RefusedError(Refusal.AUTH_TYPE_MISMATCH, text)
    if conf.auth_type is Authentication.PASS:
        if not hmac.compare_digest(pdu[-AUTH_BYTES:], _password(conf.auth_pass)):
            raise RefusedError(Refusal.AUTH_FAILURE, "the password is another one")
    elif conf.auth_type is Authentication.AH:
        got.security.ah.check(conf, got.datagram)


def _v2_interval(got: _Arrival) -> None:
    ours, theirs = int(got.conf.advert_int), got.pdu[5]
    if got.conf.version == 2 and theirs != ours:
        # RFC 3768 section 7.1: must equal the locally configured one
        text = f"advertisement interval mismatch mine={ours} sec rcv'd={theirs} sec"
        raise RefusedError(Refusal.ADVERTISEMENT_INTERVAL, text)


def _kind(got: _Arrival) -> None:
    kind = got.pdu[0] & 15
    if kind != ADVERTISEMENT:
        raise RefusedError(Refusal.INVALID_TYPE, f"invalid packet type {kind}, expected {ADVERTISEMENT}")


def _total_length(got: _Arrival) -> None:
    ip, length = got.datagram.ip, len(got.datagram.data)
    if not ip:
        return
    (total,) = struct.unpack_from("!H", ip, 2)
    if total != length and not (length <= ETHERNET_LEAST and total < length):
        raise RefusedError(Refusal.LENGTH, f"the IP header says {total} bytes, {length} were received")


def _checksum(got: _Arrival) -> None:
    covered = got.pdu + got.trailer if not got.datagram.ip else got.pdu
    if not checksum.right(got.conf, covered, got.datagram.source, got.datagram.destination):
        raise RefusedError(Refusal.CHECKSUM, f"invalid VRRPv{got.conf.version} checksum")


def _cast(got: _Arrival) -> None:
    multicast = ip_address(got.datagram.destination).is_multicast
    if multicast == got.conf.is_unicast:
        expected = "a unicast" if got.conf.is_unicast else "a multicast"
        raise RefusedError(Refusal.CAST, f"{expected} packet was expected")


def _owner(got: _Arrival) -> None:
    if got.conf.owner_ignore_adverts and got.conf.priority == 255:
        raise RefusedError(Refusal.OWNER, "we are address owner")


def _unicast_source(got: _Arrival) -> None:
    if got.conf.is_unicast and got.conf.check_unicast_src:
        _known_peer(got)


def _known_peer(got: _Arrival) -> None:
    source, ttl = got.datagram.source, got.datagram.ttl
    peer = next((p for p in got.conf.unicast_peer if p.address == source), None)
    if peer is None:
        raise RefusedError(Refusal.UNICAST_SOURCE, f"unicast source address {source} not a unicast peer")
    if not peer.min_ttl <= ttl <= peer.max_ttl:
        text = f"TTL/HL {ttl} is not within {peer.min_ttl} to {peer.max_ttl}"
        raise RefusedError(Refusal.PEER_TTL, text)


CHECKS: tuple[Callable[[_Arrival], None], ...] = (
    _ah_header,
    _length,
    _ttl,
    _version,
    _trailer,
    _authentication,
    _v2_interval,
    _kind,
    _total_length,
    _checksum,
    _cast,
    _owner,
    _unicast_source,
)
