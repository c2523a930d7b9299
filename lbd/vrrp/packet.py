# SPDX-License-Identifier: Apache-2.0
"""Adverts as bytes: RFC 3768 section 5.1 (v2, with RFC 2338's authentication) and RFC 5798 section 5.1 (v3).

What is not an advert for us is a ``RefusedError`` with a name that is counted; it never changes a state.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable
from ipaddress import ip_address

import msgspec

from lbd.model import Authentication, VrrpInstance
from lbd.model.net import Address, packed

PROTOCOL = 112
TTL = 255
GROUP4, GROUP6 = "224.0.0.18", "ff02::12"
ADVERTISEMENT = 1
AUTH_TYPES = {Authentication.NONE: 0, Authentication.PASS: 1}
AUTH_BYTES = 8


class Refusal(enum.Enum):
    """keepalived's counters, and the few it has not."""

    LENGTH = "packet length"
    TTL = "TTL"
    VERSION = "version"
    INVALID_TYPE = "invalid type"
    ADVERTISEMENT_INTERVAL = "advertisement interval"
    ADDRESS_LIST = "address list"
    CHECKSUM = "checksum"
    AUTH_INVALID_TYPE = "invalid authentication type"
    AUTH_TYPE_MISMATCH = "authentication type mismatch"
    AUTH_FAILURE = "authentication failure"
    UNICAST_SOURCE = "source is no unicast peer"
    OWNER = "we own the address"


class RefusedError(Exception):
    def __init__(self, reason: Refusal, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Advert(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    virtual_router_id: int
    priority: int
    addresses: tuple[Address, ...]
    advert_int: float
    """Seconds."""
    auth_type: int = 0
    auth_data: bytes = b""


def ones_sum(data: bytes) -> int:
    """One's complement sum of 16-bit words (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _pseudo_header(source: Address, destination: Address, length: int) -> bytes:
    """RFC 8200 section 8.1; for IPv4 what keepalived makes of it: addresses, 0, protocol, 16-bit length."""
    addresses = packed(source) + packed(destination)
    if ":" in source:
        return addresses + struct.pack("!IxxxB", length, PROTOCOL)
    return addresses + struct.pack("!xBH", PROTOCOL, length)


def _summed(conf: VrrpInstance, pdu: bytes, source: Address, destination: Address) -> int:
    """RFC 3768 section 5.3.8 sums the PDU alone; v3 adds a pseudo header, in IPv4 unless told otherwise."""
    with_header = ":" in source or (conf.version == 3 and not conf.v3_checksum_as_v2)
    header = _pseudo_header(source, destination, len(pdu)) if with_header else b""
    return ones_sum(header + pdu)


def encode(conf: VrrpInstance, priority: int, source: Address, destination: Address) -> bytes:
    """The PDU of an advert, without the IP header."""
    addresses = b"".join(packed(v.address) for v in conf.virtual_ipaddress)
    count = len(conf.virtual_ipaddress)
    first = conf.version << 4 | ADVERTISEMENT
    if conf.version == 2:
        head = struct.pack(
            "!BBBBBB",
            first,
            conf.virtual_router_id,
            priority,
            count,
            AUTH_TYPES[conf.auth_type],
            int(conf.advert_int),
        )
        # the authentication field is there whatever the type (RFC 2338 section 5.3)
        tail = addresses + conf.auth_pass[:AUTH_BYTES].ljust(AUTH_BYTES, b"\0")
    else:
        centiseconds = round(conf.advert_int * 100) & 0xFFF
        head = struct.pack("!BBBBH", first, conf.virtual_router_id, priority, count, centiseconds)
        tail = addresses
    total = ~_summed(conf, head + b"\0\0" + tail, source, destination) & 0xFFFF
    return head + struct.pack("!H", total) + tail


def virtual_router_id(pdu: bytes) -> int | None:
    """Whose advert it says it is; None if it is too short to say."""
    return pdu[1] if len(pdu) >= 2 else None


def decode(
    conf: VrrpInstance,
    pdu: bytes,
    source: Address,
    destination: Address,
    ttl: int,
    peers: Iterable[Address] = (),
) -> Advert:
    """The advert, if it is one for this instance. Raises RefusedError; checks in keepalived's order."""
    size = 16 if ":" in source else 4
    if len(pdu) < 8:
        raise RefusedError(Refusal.LENGTH, f"{len(pdu)} bytes are no advert")
    if not conf.unicast_peer and ttl != TTL:
        # RFC 5798 section 5.1.1.3: what passed a router is not from this link
        raise RefusedError(Refusal.TTL, f"TTL {ttl}, expected {TTL}")
    version, kind = pdu[0] >> 4, pdu[0] & 15
    if version != conf.version:
        raise RefusedError(Refusal.VERSION, f"version {version}, expected {conf.version}")
    count = pdu[3]
    needed = 8 + count * size + (AUTH_BYTES if version == 2 else 0)
    if len(pdu) < needed:
        raise RefusedError(Refusal.LENGTH, f"{len(pdu)} bytes for {count} addresses, expected {needed}")
    pdu = pdu[:needed]  # Ethernet's padding
    auth_type, auth_data, interval = _tail(conf, pdu, 8 + count * size)
    if kind != ADVERTISEMENT:
        raise RefusedError(Refusal.INVALID_TYPE, f"type {kind}, expected {ADVERTISEMENT}")
    checked = not (version == 3 and conf.v3_checksum_as_v2 and size == 4)
    if checked and _summed(conf, pdu, source, destination) != 0xFFFF:
        raise RefusedError(Refusal.CHECKSUM, "the checksum is wrong")
    if conf.unicast_peer and source not in {*peers, *(p.address for p in conf.unicast_peer)}:
        raise RefusedError(Refusal.UNICAST_SOURCE, f"{source} is no unicast peer")
    addresses = tuple(_text(pdu[8 + n * size : 8 + (n + 1) * size]) for n in range(count))
    return Advert(
        version=version,
        virtual_router_id=pdu[1],
        priority=pdu[2],
        addresses=addresses,
        advert_int=interval,
        auth_type=auth_type,
        auth_data=auth_data,
    )


def _tail(conf: VrrpInstance, pdu: bytes, at: int) -> tuple[int, bytes, float]:
    """Authentication and interval, by version."""
    if pdu[0] >> 4 == 3:
        return 0, b"", (struct.unpack_from("!H", pdu, 4)[0] & 0xFFF) / 100
    auth_type, interval = pdu[4], pdu[5]
    if auth_type not in AUTH_TYPES.values():
        raise RefusedError(Refusal.AUTH_INVALID_TYPE, f"authentication type {auth_type}")
    if auth_type != AUTH_TYPES[conf.auth_type]:
        raise RefusedError(Refusal.AUTH_TYPE_MISMATCH, f"authentication type {auth_type}, ours is another")
    data = pdu[at : at + AUTH_BYTES]
    if conf.auth_type is Authentication.PASS and data != conf.auth_pass[:AUTH_BYTES].ljust(AUTH_BYTES, b"\0"):
        raise RefusedError(Refusal.AUTH_FAILURE, "the password is another one")
    if interval != int(conf.advert_int):
        # RFC 3768 section 7.1: must equal the locally configured one
        raise RefusedError(
            Refusal.ADVERTISEMENT_INTERVAL, f"interval {interval} s, ours is {conf.advert_int:.0f} s"
        )
    return auth_type, data, float(interval)


def _text(raw: bytes) -> Address:
    return str(ip_address(raw))
