# SPDX-License-Identifier: Apache-2.0
"""auth_hmac of keepalived 2.4: a trailer of 28 bytes behind the advert, with HMAC-SHA256-128 and a sequence of time.

The HMAC covers a pseudo header (family, version, VRID, source), the advert with its checksum as zero, and the
trailer. Clocks are compared, so ``wall`` is seconds since 1970; it never decides when something happens.
"""

from __future__ import annotations

import hmac
import struct
from collections import OrderedDict
from collections.abc import Mapping

from lbd.model import AuthHmac, VrrpInstance
from lbd.model.net import Address, packed
from lbd.vrrp.advert import Datagram, Refusal, RefusedError

LENGTH = 28
TAG = 16
SHA256 = 1
SENDERS = 256
"""So many senders are remembered: more than contend for one virtual router at a time."""
_HEAD = struct.Struct("!BBHIHH")
_WRAP = 1 << 64


class Trailer:
    """What one instance has to remember: its last sequence, and the highest of each sender."""

    def __init__(self) -> None:
        self.sent = 0
        self._heard: OrderedDict[Address, int] = OrderedDict()

    def marks(self, reserve: int) -> tuple[int, dict[Address, int]]:
        """What another process has to know: reserve as many may be sent before it is told again."""
        return (self.sent + reserve) % _WRAP if self.sent else 0, dict(self._heard)

    def restore(self, sent: int, heard: Mapping[Address, int]) -> None:
        self.sent, self._heard = sent, OrderedDict(heard)

    def seal(self, conf: VrrpInstance, pdu: bytes, source: Address, wall: float) -> bytes:
        """The trailer for an advert; nothing under receive-only."""
        auth = conf.auth_hmac
        if auth is None or auth.mode == "receive-only":
            return b""
        self.sent = _next(auth, self.sent, wall)
        sequence = (self.sent >> 32, self.sent >> 16 & 0xFFFF, self.sent & 0xFFFF)
        head = _HEAD.pack(SHA256, auth.active_key, 0, *sequence)
        return head + _tag(conf, _key(auth, auth.active_key) or b"", pdu, head, source)

    def check(self, conf: VrrpInstance, datagram: Datagram, pdu: bytes, trailer: bytes, wall: float) -> None:
        """Raises RefusedError. pdu: without the trailer; trailer: empty where there is none."""
        auth = conf.auth_hmac
        if auth is None:
            return
        if not trailer:
            if auth.mode == "enforce":
                raise RefusedError(Refusal.HMAC_MISSING, "missing authentication trailer")
            return
        kind, key_id, reserved, seconds, fraction, counter = _HEAD.unpack_from(trailer)
        if kind != SHA256 or reserved:
            raise RefusedError(Refusal.HMAC_MALFORMED, "malformed authentication trailer")
        # before the digest, which costs: a stale one is only refused for it, never trusted
        if auth.anti_replay == "time" and abs(_signed32(int(wall) - seconds)) > auth.time_window:
            skew = _signed32(int(wall) - seconds)
            text = (
                f"stale authentication trailer, clock skew {skew} sec exceeds window {auth.time_window:g} sec"
            )
            raise RefusedError(Refusal.HMAC_STALE, text)
        secret = _key(auth, key_id)
        if secret is None:
            raise RefusedError(Refusal.HMAC_UNKNOWN_KEY, f"unknown authentication key id {key_id}")
        expected = _tag(conf, secret, pdu, trailer[: _HEAD.size], datagram.source)
        if not hmac.compare_digest(trailer[_HEAD.size :], expected):
            raise RefusedError(Refusal.HMAC_INVALID, "invalid authentication HMAC")
        self._note(auth, datagram.source, seconds << 32 | fraction << 16 | counter, wall)

    def _note(self, auth: AuthHmac, source: Address, sequence: int, wall: float) -> None:
        """Only what was authenticated comes here, so that forged adverts move no mark."""
        mark = self._heard.get(source)
        if mark is not None and auth.anti_replay == "time":
            # a mark outside the window orders only what the window refuses: a clock was set
            mark = None if abs(_signed32(int(wall) - (mark >> 32))) > auth.time_window else mark
        if mark is not None and not _after(sequence, mark):
            raise RefusedError(Refusal.HMAC_REPLAY, "replayed authentication trailer")
        self._heard[source] = sequence
        self._heard.move_to_end(source)
        while len(self._heard) > SENDERS:
            self._heard.popitem(last=False)


def _next(auth: AuthHmac, last: int, wall: float) -> int:
    """The clock, or one more than the last where it has not moved."""
    clock = ((int(wall) & 0xFFFFFFFF) << 32) | int(wall % 1 * 65536) << 16
    if _after(clock, last):
        return clock
    ahead = _signed32((last >> 32) - (clock >> 32))
    if auth.anti_replay == "time" and ahead > auth.time_window:
        return clock  # the clock was set back, and receivers would refuse what we said before
    return (last + 1) % _WRAP


def _after(one: int, other: int) -> bool:
    """Serial number arithmetic (RFC 1982) on 64 bits."""
    return 0 < (one - other) % _WRAP < _WRAP // 2


def _signed32(number: int) -> int:
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _key(auth: AuthHmac, key_id: int) -> bytes | None:
    return next((key.secret for key in auth.keys if key.id == key_id), None)


def _tag(conf: VrrpInstance, secret: bytes, pdu: bytes, head: bytes, source: Address) -> bytes:
    address = packed(source)
    family = 6 if len(address) == 16 else 4
    pseudo = bytes((family, conf.version, conf.virtual_router_id, 0)) + address.ljust(16, b"\0")
    # the checksum counts as zero: in IPv6 the kernel fills it in
    covered = pseudo + pdu[:6] + b"\0\0" + pdu[8:] + head + bytes(TAG)
    return hmac.digest(secret, covered, "sha256")[:TAG]
