# SPDX-License-Identifier: Apache-2.0
"""``lbctl fmt``: a configuration laid out anew. What it says, and every comment, stays.

Lines that begin with @, ~ or $ count as a whole (a condition or a generator reaches to the end of its line), and what
is in quotes or behind a backslash is not touched. Laying out twice changes nothing.
"""

from __future__ import annotations

import re

from lbd.confparser import lexer
from lbd.confparser.lexer import Brace, Unmatched, Words

INDENT = "    "
_WHOLE = re.compile(r"\s*(?:[@~$]|include[rmwba]?\s)", re.ASCII)
_REFERENCE = re.compile(r"\$\{[^{}]*\}")
_DELICATE = re.compile(r"['\\\"]")


class UnformattableError(ValueError):
    """The text is no configuration."""


def formatted(text: str) -> str:
    """Raises UnformattableError for a text with NUL bytes."""
    if "\0" in text:
        raise UnformattableError("there are NUL bytes in it")
    layout = _Layout()
    lines = text.removeprefix("\N{BYTE ORDER MARK}").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        layout.line(line)
        unfinished = _continues(line)
        while unfinished and number < len(lines):  # a definition over several lines, as it was written
            layout.verbatim(lines[number].rstrip())
            unfinished = _goes_on(lines[number])
            number += 1
    return layout.text()


def _continues(line: str) -> bool:
    stripped = re.sub(r"^\s*(?:@\S+\s+)?", "", line)
    return bool(re.match(r"\$[A-Za-z0-9_]+=", stripped)) and _goes_on(line)


def _goes_on(line: str) -> bool:
    return lexer.without_comment(line).rstrip().endswith("\\")


class _Layout:
    def __init__(self) -> None:
        self._out: list[str] = []
        self._depth = 0
        self._open: int | None = None
        """The line that a brace may be put behind: the words that came last, if nothing came since."""
        self._comment = ""
        """The comment behind those words."""

    def text(self) -> str:
        while self._out and not self._out[-1]:
            self._out.pop()
        return "".join(line + "\n" for line in self._out)

    def verbatim(self, line: str) -> None:
        self._out.append(line)
        self._open = None

    def line(self, line: str) -> None:
        body = lexer.without_comment(line)
        comment = line[len(body) :].rstrip()
        if not body.strip():
            self._only(comment)
        elif (
            _WHOLE.match(body)
            or any(isinstance(piece, Unmatched) for piece in lexer.pieces(body))
            or "${" in body
        ):
            self._whole(body.strip(), comment)
        else:
            self._pieces(body, comment)

    def _only(self, comment: str) -> None:
        if comment:
            self._out.append(INDENT * self._depth + comment)
        elif self._out and self._out[-1]:
            self._out.append("")

    def _whole(self, body: str, comment: str) -> None:
        braces = [piece for piece in lexer.pieces(_REFERENCE.sub("x", body)) if isinstance(piece, Brace)]
        opened = sum(1 if brace.opens else -1 for brace in braces)
        depth = max(0, self._depth + min(0, opened))
        self._out.append(INDENT * depth + _spaced(body) + _behind(comment))
        self._depth = max(0, self._depth + opened)
        self._open = None

    def _pieces(self, body: str, comment: str) -> None:
        for piece in lexer.pieces(body):
            if isinstance(piece, Words):
                words = _spaced(body[piece.spans[0][0] : piece.spans[-1][1]])
                self._out.append(INDENT * self._depth + words)
                self._open, self._comment = len(self._out) - 1, ""
            elif isinstance(piece, Brace) and piece.opens:
                self._opens()
            else:
                self._depth = max(0, self._depth - 1)
                self._out.append(INDENT * self._depth + "}")
                self._open = None
        if comment:
            self._out[-1] += _behind(comment)
            self._comment = _behind(comment)

    def _opens(self) -> None:
        if self._open is None:
            self._out.append(INDENT * self._depth + "{")
        else:
            words = self._out[self._open].removesuffix(self._comment)
            between = [INDENT + line for line in self._out[self._open + 1 :] if line]
            self._out[self._open :] = [f"{words} {{{self._comment}", *between]
        self._depth += 1
        self._open = None


def _spaced(text: str) -> str:
    """One space between words, unless quotes or backslashes may mind."""
    return text if _DELICATE.search(text) else " ".join(text.split())


def _behind(comment: str) -> str:
    return f" {comment}" if comment else ""
