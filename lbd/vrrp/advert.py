# SPDX-License-Identifier: Apache-2.0
"""Adverts as values, what arrives as a value, and the names under which it is refused."""

from __future__ import annotations

import enum

import msgspec

from lbd.model.net import Address

PROTOCOL, PROTOCOL_AH = 112, 51
TTL = 255
GROUP4, GROUP6 = "224.0.0.18", "ff02::12"
ADVERTISEMENT = 1


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
    HMAC_MISSING = "no authentication trailer"
    HMAC_MALFORMED = "malformed authentication trailer"
    HMAC_UNKNOWN_KEY = "unknown authentication key"
    HMAC_INVALID = "invalid authentication HMAC"
    HMAC_STALE = "stale authentication trailer"
    HMAC_REPLAY = "replayed authentication trailer"
    CAST = "multicast or unicast, and the other expected"
    UNICAST_SOURCE = "source is no unicast peer"
    PEER_TTL = "TTL of a unicast peer"
    OWNER = "we own the address"


class RefusedError(Exception):
    """What is not an advert for us; it never changes a state."""

    def __init__(self, reason: Refusal, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Datagram(msgspec.Struct, frozen=True, kw_only=True):
    """What a socket received. ``data`` begins with the IP header in IPv4, with the advert in IPv6 (RFC 3542)."""

    data: bytes
    source: Address
    destination: Address
    ttl: int

    @property
    def ip(self) -> bytes:
        """The IPv4 header with its options; empty in IPv6."""
        return b"" if ":" in self.source else self.data[: (self.data[0] & 15) * 4]

    @property
    def ah(self) -> bytes:
        """The Authentication Header, if it has one."""
        return self.data[len(self.ip) :][:24] if self.ip and self.data[9] == PROTOCOL_AH else b""

    @property
    def pdu(self) -> bytes:
        """The advert and what follows it: a trailer, padding."""
        return self.data[len(self.ip) + len(self.ah) :]

    @property
    def virtual_router_id(self) -> int | None:
        """Whose advert it says it is; None if it is too short to say."""
        pdu = self.pdu
        return pdu[1] if len(pdu) >= 2 else None


class Advert(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    virtual_router_id: int
    priority: int
    addresses: tuple[Address, ...]
    advert_int: float
    """Seconds."""
