# SPDX-License-Identifier: Apache-2.0
"""Text that remembers where in a line of a file it was written, whatever has been put in its place since."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

Span = tuple[int, int]
"""First column and one past the last, counted from 0."""


class Piece(NamedTuple):
    """``[start, end)`` of the text was written at ``[origin, origin_end)`` of the line."""

    start: int
    end: int
    origin: int
    origin_end: int
    """Equal to ``origin`` plus the length for text that was only copied."""


class Written:
    """Without pieces the text stands as it was written."""

    __slots__ = ("pieces", "text")

    def __init__(self, text: str, pieces: Sequence[Piece] = ()) -> None:
        self.text = text
        self.pieces = pieces

    def origin(self, start: int, end: int) -> Span:
        """The columns as written that a span of the text came from."""
        if not self.pieces:
            return start, end
        return self._at(start)[0], self._at(max(start, end - 1))[1]

    def _at(self, column: int) -> Span:
        index = max(0, bisect_right(self.pieces, column, key=_start) - 1)
        piece = self.pieces[index]
        if piece.origin_end - piece.origin != piece.end - piece.start:
            return piece.origin, piece.origin_end
        shifted = min(piece.origin + max(0, column - piece.start), piece.origin_end)
        return shifted, shifted + 1

    def cut(self, start: int, end: int | None = None) -> Written:
        """A part of the text."""
        stop = len(self.text) if end is None else end
        part = self.text[start:stop]
        if not self.pieces:
            return (
                self
                if not start and stop == len(self.text)
                else Written(part, (Piece(0, len(part), start, stop),))
            )
        kept = [
            self._moved(piece, start, stop)
            for piece in self.pieces
            if piece.end > start and piece.start < stop
        ]
        return Written(part, kept or (Piece(0, len(part), *self.origin(start, start)),))

    @staticmethod
    def _moved(piece: Piece, start: int, stop: int) -> Piece:
        low, high = max(piece.start, start), min(piece.end, stop)
        if piece.origin_end - piece.origin != piece.end - piece.start:
            return Piece(low - start, high - start, piece.origin, piece.origin_end)
        origin = piece.origin + low - piece.start
        return Piece(low - start, high - start, origin, origin + high - low)

    def blanked(self, end: int) -> Written:
        """The first columns overwritten with spaces: all others keep their place."""
        return Written(" " * end + self.text[end:], self.pieces)

    def lines(self) -> tuple[Written, Written | None]:
        """The first line and the rest (None if there is no newline)."""
        end = self.text.find("\n")
        if end < 0:
            return self, None
        return self.cut(0, end), self.cut(end + 1)


def _start(piece: Piece) -> int:
    return piece.start


class Substitution:
    """Text put together from parts of one Written and from values that stand in for others. Linear in its length."""

    def __init__(self, source: Written) -> None:
        self._source = source
        self._parts: list[str] = []
        self._pieces: list[Piece] = []
        self._length = 0
        self._done = 0

    def replace(self, start: int, end: int, value: str) -> None:
        """``value`` for ``[start, end)`` of the source; what lies between replacements is copied."""
        self._copy(start)
        origin = self._source.origin(start, end)
        self._add(value, Piece(self._length, self._length + len(value), *origin))
        self._done = end

    def finish(self) -> Written:
        self._copy(len(self._source.text))
        return Written("".join(self._parts), self._pieces)

    def _copy(self, end: int) -> None:
        if end <= self._done:
            return
        if not self._source.pieces:
            part = self._source.text[self._done : end]
            self._add(part, Piece(self._length, self._length + len(part), self._done, end))
            return
        part_of = self._source.cut(self._done, end)
        at = self._length
        for piece in part_of.pieces:
            self._pieces.append(piece._replace(start=piece.start + at, end=piece.end + at))
        self._parts.append(part_of.text)
        self._length += len(part_of.text)

    def _add(self, text: str, piece: Piece) -> None:
        self._parts.append(text)
        self._pieces.append(piece)
        self._length += len(text)
