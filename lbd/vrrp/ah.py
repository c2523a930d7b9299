# SPDX-License-Identifier: Apache-2.0
"""auth_type AH: an IPv4 Authentication Header (RFC 2402) with HMAC-MD5-96 (RFC 2403), as keepalived uses it.

The SPI is the sender's address and the key the eight bytes of auth_pass. The integrity value covers the whole
packet; of the IP header TOS, fragment offset and checksum count as zero, and the TTL only between unicast peers.
"""

from __future__ import annotations

import hmac
import struct

from lbd.model import VrrpInstance
from lbd.model.net import Address, packed
from lbd.vrrp.advert import PROTOCOL, PROTOCOL_AH, Datagram, Refusal, RefusedError

LENGTH = 24
PAYLOAD_LENGTH = 4
"""In words of 32 bits, less two."""
ICV = 12
TOS = 0xC0


class AuthenticationHeader:
    """The sequence numbers of one instance: of what it sends, and the highest that it has seen."""

    def __init__(self) -> None:
        self.sequence = 0

    def packet(
        self, conf: VrrpInstance, pdu: bytes, source: Address, destination: Address, ttl: int
    ) -> bytes:
        """The whole IPv4 packet; its number is one more than any that was sent or heard."""
        self.sequence = (self.sequence + 1) & 0xFFFFFFFF
        total = 20 + LENGTH + len(pdu)
        addresses = packed(source) + packed(destination)
        # the kernel would fill in an identification of zero, behind the back of the integrity value
        identification = self.sequence & 0xFFFF or 1
        ip = struct.pack("!BBHHHBBH", 0x45, TOS, total, identification, 0, ttl, PROTOCOL_AH, 0) + addresses
        head = struct.pack("!BBH4sI", PROTOCOL, PAYLOAD_LENGTH, 0, packed(source), self.sequence)
        icv = _icv(conf, ip, head, pdu)
        return ip + head + icv + pdu

    def check(self, conf: VrrpInstance, datagram: Datagram) -> None:
        """Raises RefusedError."""
        ah = datagram.ah
        head, icv = ah[:12], ah[12:]
        if len(ah) < LENGTH or ah[0] != PROTOCOL:
            raise RefusedError(Refusal.AUTH_FAILURE, "the Authentication Header is none of VRRP")
        if not hmac.compare_digest(icv, _icv(conf, datagram.ip, head, datagram.pdu)):
            raise RefusedError(Refusal.AUTH_FAILURE, "invalid IPSEC HMAC-MD5 value")
        spi, sequence = struct.unpack_from("!4sI", head, 4)
        if spi != packed(datagram.source):
            raise RefusedError(Refusal.AUTH_FAILURE, "the SPI is not the source address")
        if sequence <= self.sequence:
            text = f"sequence number {sequence} already processed ({self.sequence})"
            raise RefusedError(Refusal.AUTH_FAILURE, text)
        self.sequence = sequence


def _icv(conf: VrrpInstance, ip: bytes, head: bytes, pdu: bytes) -> bytes:
    mutable = bytearray(ip)
    mutable[1] = 0
    mutable[6:8] = mutable[10:12] = b"\0\0"
    if conf.is_unicast:
        mutable[8] = 0
    key = conf.auth_pass[:8].ljust(8, b"\0")
    return hmac.digest(key, bytes(mutable) + head + bytes(ICV) + pdu, "md5")[:ICV]
