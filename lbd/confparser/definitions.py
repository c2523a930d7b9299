# SPDX-License-Identifier: Apache-2.0
"""``$NAME=VALUE`` definitions and their use as ``$NAME`` and ``${NAME}``.

Expansion happens at use and again in what was expanded, inside quotes too (keepalived.conf(5), "Parameter
substitution"). Depth and length are bounded: ``$X=$X`` hangs keepalived 2.2.7 and is a message here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_DEFINITION = re.compile(r"\s*\$([A-Za-z0-9_]+)=(.*)\Z", re.DOTALL | re.ASCII)
# The short form ends at white space, a comma, a parenthesis or the end of the line.
_REFERENCE = re.compile(r"\$(?:\{(?P<long>[A-Za-z0-9_]+)\}|(?P<short>[A-Za-z0-9_]+)(?=[\s,)]|\Z))", re.ASCII)

MAX_DEPTH = 32
MAX_LENGTH = 1 << 20


class TooDeepError(Exception):
    """A definition that contains itself, or that grows without bound."""


class Piece(NamedTuple):
    """Where ``[start, end)`` of the expanded text comes from in the line as written."""

    start: int
    end: int
    origin: int
    origin_end: int
    """Equal to ``origin`` plus the length for text that was only copied."""


class Expanded(NamedTuple):
    text: str
    pieces: tuple[Piece, ...]
    undefined: tuple[tuple[str, int, int], ...]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The columns as written that a span of the expanded text came from."""
        return self._at(start)[0], self._at(max(start, end - 1))[1]

    def _at(self, column: int) -> tuple[int, int]:
        for piece in self.pieces:
            if piece.start <= column < piece.end:
                if piece.origin_end - piece.origin == piece.end - piece.start:
                    shifted = piece.origin + column - piece.start
                    return shifted, shifted + 1
                return piece.origin, piece.origin_end
        last = self.pieces[-1] if self.pieces else Piece(0, 0, 0, 0)
        return last.origin, last.origin_end


def definition(line: str) -> tuple[str, str] | None:
    """The name and the value if the line is a definition."""
    match = _DEFINITION.match(line)
    return (match[1], match[2].strip()) if match else None


class Definitions:
    """All names known at one point of the reading; ``_PWD`` and ``_INSTANCE`` are set by the reader."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def set(self, name: str, value: str) -> None:
        self._values[name] = value

    def expand(self, line: str) -> Expanded:
        """Raises TooDeepError."""
        out: list[str] = []
        pieces: list[Piece] = []
        undefined: list[tuple[str, int, int]] = []
        length = last = 0
        for match in _REFERENCE.finditer(line):
            name = match["long"] or match["short"]
            if name not in self._values:
                undefined.append((name, match.start(), match.end()))
                continue
            copied = line[last : match.start()]
            value = self._value(name, 1)
            middle = length + len(copied)
            pieces.append(Piece(length, middle, last, match.start()))
            pieces.append(Piece(middle, middle + len(value), match.start(), match.end()))
            out += [copied, value]
            length = middle + len(value)
            last = match.end()
            if length > MAX_LENGTH:
                raise TooDeepError(name)
        pieces.append(Piece(length, length + len(line) - last, last, len(line)))
        out.append(line[last:])
        return Expanded("".join(out), tuple(pieces), tuple(undefined))

    def _value(self, name: str, depth: int) -> str:
        value = self._values[name]
        if "$" not in value:
            return value
        if depth > MAX_DEPTH:
            raise TooDeepError(name)
        budget = [MAX_LENGTH]

        def replace(match: re.Match[str]) -> str:
            inner = match["long"] or match["short"]
            found = self._value(inner, depth + 1) if inner in self._values else match[0]
            budget[0] -= len(found)
            if budget[0] < 0:
                raise TooDeepError(name)
            return found

        return _REFERENCE.sub(replace, value)
