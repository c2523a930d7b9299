# SPDX-License-Identifier: Apache-2.0
"""Files as text, and the lines that are made of them, each knowing where it stands.

Reads bytes of any kind within bounds; what the lines mean is for others.
"""

from __future__ import annotations

import os
import re
import stat

from lbd.confparser.diagnostics import Place
from lbd.confparser.written import Span, Written

MAX_FILE = 16 << 20

_SECRET = re.compile(r"(?P<keyword>\bauth_pas\w*\s+)(?P<secret>\S.*)", re.ASCII)
"""Passwords are never shown, be the line ever so wrong."""


class SourceFile:
    """A file that was read. Kept by every line, so that a message can show it."""

    __slots__ = ("chain", "lines", "name")

    def __init__(self, name: str, lines: list[str], chain: tuple[str, ...]) -> None:
        self.name = name
        self.lines = lines
        self.chain = chain

    def place(self, line: int, start: int, end: int) -> Place:
        text = self.lines[line - 1].rstrip("\r") if line <= len(self.lines) else ""
        if "auth_pas" in text:
            text = _SECRET.sub(lambda found: found["keyword"] + "*" * len(found["secret"]), text)
        return Place(self.name, line, start + 1, max(end, start) + 1, text, self.chain)


class LogicalLine:
    """Words, or one brace. ``brace`` is "", "{" or "}"."""

    __slots__ = ("brace", "broken", "line", "raw", "source", "spans", "words")

    def __init__(
        self,
        source: SourceFile,
        line: int,
        words: tuple[str, ...],
        spans: tuple[Span, ...],
        brace: str = "",
        raw: Written | None = None,
    ) -> None:
        self.source = source
        self.line = line
        self.words = words
        self.spans = spans
        """As written in the file, whatever was expanded."""
        self.brace = brace
        self.raw = raw
        """The text of the words where it is not what stands in the file."""
        self.broken = False
        """Something was said about this line already: the keyword is meant, its value is not known."""

    def place(self, first: int = 0, last: int | None = None) -> Place:
        """Of word ``first``, up to word ``last`` if given."""
        if not self.spans:
            return self.source.place(self.line, 0, 0)
        start = self.spans[min(first, len(self.spans) - 1)][0]
        end = self.spans[min(first if last is None else last, len(self.spans) - 1)][1]
        return self.source.place(self.line, start, end)


class UnreadableError(Exception):
    """Why a file cannot be read, in words."""


def read_text(path: str) -> tuple[str, bool]:
    """The text, and whether it was UTF-8. Latin-1 accepts every byte. Raises UnreadableError."""
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableError("not a regular file")
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    if len(data) > MAX_FILE:
        raise UnreadableError(f"larger than {MAX_FILE >> 20} MiB")
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("latin-1"), False
