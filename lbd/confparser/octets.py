# SPDX-License-Identifier: Apache-2.0
"""The grammar of octets in UDP_CHECK: pairs of hexadecimal digits, spaces where one likes, ``x`` for any digit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lbd.confparser.values import RefusedError, Value, convert_text, word

_OCTET = re.compile(r"([0-9A-Fa-f]{1,2})")
_MASKED = re.compile(r"([0-9A-FxXa-f]{1,2})")


@dataclass(frozen=True, slots=True)
class Octets:
    """``mask`` has the bits that do not matter; it is empty where all do."""

    data: bytes
    mask: bytes = b""


def _digit(digit: str) -> tuple[int, int]:
    return (0, 0xF) if digit in "xX" else (int(digit, 16), 0)


def read(text: str, *, wildcards: bool) -> Octets:
    """A digit alone is an octet where a space or the end follows it. Raises RefusedError."""
    data, mask = bytearray(), bytearray()
    pattern = _MASKED if wildcards else _OCTET
    for group in text.split():
        at = 0
        while at < len(group):
            match = pattern.match(group, at)
            if match is None:
                raise RefusedError(f"'{group[at]}' is not a hexadecimal digit")
            value = bits = 0
            for digit in match[1]:
                number, free = _digit(digit)
                value, bits = value << 4 | number, bits << 4 | free
            data.append(value)
            mask.append(bits)
            at = match.end()
    return Octets(bytes(data), bytes(mask) if any(mask) else b"")


def octets(*, wildcards: bool) -> Value:
    """The rest of the line. With wildcards it may be missing: any answer will do."""
    expected = "hexadecimal octets" + (", x for any digit" if wildcards else "")

    def make(tokens: list[Any]) -> Octets:
        return read(" ".join(tokens), wildcards=wildcards)

    any_word = word(convert_text, expected)
    grammar = any_word[...] if wildcards else any_word[1, ...]
    return Value(grammar, expected, make=make, optional=wildcards)
