# SPDX-License-Identifier: Apache-2.0
"""Checksums of adverts: what the RFCs say, and what keepalived makes of it."""

from __future__ import annotations

import struct

from lbd.model import VrrpInstance
from lbd.model.net import Address, packed
from lbd.vrrp.advert import GROUP4, PROTOCOL

RIGHT = 0xFFFF
"""The sum over data that contains its own checksum."""


def ones_sum(data: bytes) -> int:
    """One's complement sum of 16-bit words (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def summed(conf: VrrpInstance, pdu: bytes, source: Address, destination: Address) -> int:
    """RFC 3768 section 5.3.8 sums the PDU alone; v3 adds a pseudo header, in IPv4 unless told otherwise."""
    if ":" in source:
        return ones_sum(_pseudo_header(source, destination, len(pdu)) + pdu)
    if conf.version == 2 or conf.v3_checksum_as_v2:
        return ones_sum(pdu)
    if conf.is_unicast and conf.old_unicast_checksum:
        destination = conf.mcast_dst_ip or GROUP4
    return ones_sum(_pseudo_header(source, destination, len(pdu)) + pdu)


def right(conf: VrrpInstance, pdu: bytes, source: Address, destination: Address) -> bool:
    """Whether the checksum in it is taken.

    Under v3_checksum_as_v2 keepalived takes any of an IPv4 advert. From a unicast peer it takes the sum of a very
    old keepalived, too, whose pseudo header has the multicast group for a destination.
    """
    if conf.version == 3 and conf.v3_checksum_as_v2 and ":" not in source:
        return True
    if summed(conf, pdu, source, destination) == RIGHT:
        return True
    old = conf.version == 3 and conf.is_unicast and ":" not in source
    return old and ones_sum(_pseudo_header(source, conf.mcast_dst_ip or GROUP4, len(pdu)) + pdu) == RIGHT


def _pseudo_header(source: Address, destination: Address, length: int) -> bytes:
    """RFC 8200 section 8.1; for IPv4 what keepalived makes of it: addresses, 0, protocol, 16-bit length."""
    addresses = packed(source) + packed(destination)
    if ":" in source:
        return addresses + struct.pack("!IxxxB", length, PROTOCOL)
    return addresses + struct.pack("!xBH", PROTOCOL, length)
