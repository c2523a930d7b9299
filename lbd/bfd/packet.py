# SPDX-License-Identifier: Apache-2.0
"""Control packets as bytes (RFC 5880 section 4.1). What is none is a ``RefusedError``; it never changes a session."""

from __future__ import annotations

import enum
import struct

import msgspec

LENGTH = 24
VERSION = 1
_BODY = struct.Struct("!BBBBIIIII")
_POLL, _FINAL, _AUTHENTICATION, _MULTIPOINT = 0x20, 0x10, 0x04, 0x01


class State(enum.IntEnum):
    ADMIN_DOWN = 0
    DOWN = 1
    INIT = 2
    UP = 3

    @property
    def word(self) -> str:
        return {0: "AdminDown", 1: "Down", 2: "Init", 3: "Up"}[self.value]


class Diagnostic(enum.IntEnum):
    """Why the session went down last (RFC 5880 section 4.1), as far as asynchronous mode knows them."""

    NONE = 0
    DETECTION_TIME_EXPIRED = 1
    NEIGHBOR_SIGNALED_DOWN = 3
    ADMINISTRATIVELY_DOWN = 7


class RefusedError(Exception):
    """No packet for any session; the sentence says why."""


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """Intervals in microseconds, as on the wire."""

    state: State
    diagnostic: int = 0
    poll: bool = False
    final: bool = False
    multiplier: int
    my_discriminator: int
    your_discriminator: int
    desired_min_tx: int
    required_min_rx: int
    required_min_echo_rx: int = 0


def encode(packet: Packet) -> bytes:
    flags = packet.state << 6 | (_POLL if packet.poll else 0) | (_FINAL if packet.final else 0)
    return _BODY.pack(
        VERSION << 5 | packet.diagnostic,
        flags,
        packet.multiplier,
        LENGTH,
        packet.my_discriminator,
        packet.your_discriminator,
        packet.desired_min_tx,
        packet.required_min_rx,
        packet.required_min_echo_rx,
    )


def decode(data: bytes) -> Packet:
    """Raises RefusedError, by the rules of RFC 5880 section 6.8.6 that need no session."""
    if len(data) < LENGTH:
        raise RefusedError(f"{len(data)} bytes, at least {LENGTH} are needed")
    first, flags, multiplier, length, mine, yours, tx, rx, echo = _BODY.unpack_from(data)
    state = State(flags >> 6)
    for wrong, why in (
        (first >> 5 != VERSION, f"version {first >> 5}"),
        (not LENGTH <= length <= len(data), f"length {length} in {len(data)} bytes"),
        (multiplier == 0, "detection multiplier 0"),
        (bool(flags & _MULTIPOINT), "multipoint"),
        (mine == 0, "discriminator 0"),
        (
            yours == 0 and state not in (State.DOWN, State.ADMIN_DOWN),
            f"no discriminator of ours in state {state.word}",
        ),
        (bool(flags & _AUTHENTICATION), "authentication, and there is none here"),
    ):
        if wrong:
            raise RefusedError(why)
    return Packet(
        state=state,
        diagnostic=first & 31,
        poll=bool(flags & _POLL),
        final=bool(flags & _FINAL),
        multiplier=multiplier,
        my_discriminator=mine,
        your_discriminator=yours,
        desired_min_tx=tx,
        required_min_rx=rx,
        required_min_echo_rx=echo,
    )
