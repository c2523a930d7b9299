# SPDX-License-Identifier: Apache-2.0
"""Framed msgspec messages over a stream: how lbd's own processes talk.

A frame is a 4-byte big-endian length and that many bytes of msgpack. A peer that announces more than ``LIMIT``
is cut off: nothing of its length is allocated. This module imports nothing of ours.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

LIMIT = 256 * 1024 * 1024
"""Largest message in bytes: a configuration of 100,000 real servers is about 20 MiB."""

_LENGTH = struct.Struct("!I")
_encoder = msgspec.msgpack.Encoder()


class WireError(Exception):
    """The peer sent something that is not a message; the connection is of no further use."""


def pack(message: msgspec.Struct) -> bytes:
    """One message as the bytes of a frame."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def decoder(kind: Any) -> Callable[[bytes], Any]:
    """A decoder for a (tagged union of) Struct; raises WireError where the bytes are not one."""
    decode = msgspec.msgpack.Decoder(kind).decode

    def checked(body: bytes) -> Any:
        try:
            return decode(body)
        except msgspec.DecodeError as error:
            raise WireError(str(error)) from error

    return checked


async def receive(reader: asyncio.StreamReader, decode: Callable[[bytes], Any]) -> Any | None:
    """The next message, or None at the end of the stream.

    Raises WireError for a frame that is too long, cut short, or not of the expected type.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > LIMIT:
            raise WireError(f"a message of {length} bytes was announced, at most {LIMIT} are read")
        return decode(await reader.readexactly(length))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise WireError("the stream ended inside a message") from error
        return None
    except ConnectionError:
        return None
