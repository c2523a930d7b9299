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
        index = bisect_right(self.pieces, column, key=_start) - 1 if len(self.pieces) > 1 else 0
        start, end, origin, origin_end = self.pieces[index]
        if origin_end - origin != end - start:
            return origin, origin_end
        shifted = min(origin + column - start, origin_end)
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
        return Piece(low - start, high - start, *_part(piece, low, high))

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
        self._next = 0
        """The first piece of the source that is not wholly behind us."""

    def replace(self, start: int, end: int, value: str) -> None:
        """``value`` for ``[start, end)`` of the source; what lies between replacements is copied."""
        self._copy(start)
        origin, origin_end = self._source.origin(start, end)
        self._add(value, origin, origin_end)
        self._done = end

    def finish(self) -> Written:
        self._copy(len(self._source.text))
        return Written("".join(self._parts), self._pieces)

    def _copy(self, end: int) -> None:
        start = self._done
        if end <= start:
            return
        text, pieces = self._source.text, self._source.pieces
        if not pieces:
            self._add(text[start:end], start, end)
            return
        while self._next < len(pieces) and pieces[self._next].start < end:
            piece = pieces[self._next]
            low, high = max(piece.start, start), min(piece.end, end)
            if low < high:
                self._add(text[low:high], *_part(piece, low, high))
            if piece.end > end:
                break
            self._next += 1

    def _add(self, text: str, origin: int, origin_end: int) -> None:
        end = self._length + len(text)
        last = self._pieces[-1] if self._pieces else None
        if last is not None and (last.origin, last.origin_end) == (origin, origin_end):
            self._pieces[-1] = Piece(last.start, end, origin, origin_end)  # of one reference, all of it
        else:
            self._pieces.append(Piece(self._length, end, origin, origin_end))
        self._parts.append(text)
        self._length = end


def _part(piece: Piece, low: int, high: int) -> Span:
    """Where a part of a piece was written."""
    if piece.origin_end - piece.origin != piece.end - piece.start:
        return piece.origin, piece.origin_end
    return piece.origin + low - piece.start, piece.origin + high - piece.start
