# SPDX-License-Identifier: Apache-2.0
"""keepalived's second tokeniser, for commands and regular expressions: quotes of both kinds and escapes, as a shell.

It is given the text that the plain one found the words in (so a ``#`` outside double quotes has ended the line
before), and what follows a backslash is keepalived's list (``alloc_strvec_quoted_escaped``), not a shell's.
"""

from __future__ import annotations

import enum
import re

from lbd.confparser.written import Span

_ESCAPE = r"\\(?P<escape>x[0-9A-Fa-f]+|c.|[0-7]{1,3}|.)"
_SPACE = r" \t\f\v\r\n"
_PART = re.compile(
    rf"""(?P<space>[{_SPACE}]+)|(?P<quote>["'])|{_ESCAPE}|(?P<text>[^{_SPACE}"'\\]+)""", re.DOTALL
)
_INSIDE = {
    quote: re.compile(rf"(?P<quote>{quote})|{_ESCAPE}|(?P<text>[^{quote}\\]+)", re.DOTALL) for quote in "\"'"
}
_NAMED = {"a": "\a", "b": "\b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Quoting(enum.Enum):
    """Which tokeniser finds the words of a value."""

    PLAIN = "plain"
    ESCAPED = "escaped"
    COMMAND = "command"
    """As ``ESCAPED``, and a command line that stands in quotes as a whole is cut again."""


class QuoteError(Exception):
    """A quote without its partner, or a backslash at the end; ``at`` is its column."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


_FIRST = re.compile(r'(?:"[^"]*"|[^\s"]+)\s*', re.ASCII)


def first_word_end(text: str) -> int:
    """Where the words behind the keyword begin, by the rules of the plain tokeniser."""
    match = _FIRST.match(text)
    return match.end() if match is not None else 0


def words(text: str) -> tuple[tuple[str, ...], tuple[Span, ...]]:
    """Raises QuoteError."""
    found: list[str] = []
    spans: list[Span] = []
    parts: list[str] | None = None
    start = at = 0
    quote = ""
    opened = 0
    while at < len(text):
        match = (_INSIDE[quote] if quote else _PART).match(text, at)
        if match is None:
            raise QuoteError("nothing follows the backslash", at)
        if match.lastgroup == "space":
            if parts is not None:
                found.append("".join(parts))
                spans.append((start, at))
                parts = None
        else:
            if parts is None:
                parts, start = [], at
            if match["quote"]:
                quote, opened = ("", at) if quote else (match["quote"], at)
            else:
                parts.append(match["text"] if match["escape"] is None else _escaped(match["escape"]))
        at = match.end()
    if quote:
        raise QuoteError(f"a {quote} without its partner", opened)
    if parts is not None:
        found.append("".join(parts))
        spans.append((start, at))
    return tuple(found), tuple(spans)


def _escaped(escape: str) -> str:
    if escape[0] == "x" and len(escape) > 1:
        return chr(int(escape[-2:], 16))
    if escape[0] == "c" and len(escape) > 1:
        return chr(ord(escape[1]) & 0x1F)
    if escape[0] in "01234567":
        return chr(int(escape, 8) & 0xFF)
    return _NAMED.get(escape, escape)


def command(text: str, *, again: bool) -> tuple[str, ...]:
    """The words of a command line. With ``again``, one that is in quotes as a whole is cut again. Raises QuoteError."""
    found, _ = words(text)
    return words(found[0])[0] if again and len(found) == 1 else found
