# SPDX-License-Identifier: Apache-2.0
"""One line of text to words and braces, each with its columns. No state between lines, no files.

keepalived's plain tokeniser (keepalived.conf(5), "Quoted strings"): white space separates, ``#`` and ``!`` start a
comment outside double quotes, ``\\#`` and ``\\!`` are the characters themselves, braces stand for themselves anywhere,
``"..."`` is one word without escapes and may be empty. A configuration repeats its lines, so results are remembered.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lbd.confparser.written import Span


class Words(NamedTuple):
    words: tuple[str, ...]
    spans: tuple[Span, ...]


class Brace(NamedTuple):
    opens: bool
    span: Span


class Unmatched(NamedTuple):
    """A quote without its partner, to the end of the line; the words before it have come already."""

    span: Span
    opens: bool
    """The line ends with a brace: what follows is in a block."""


Piece = Words | Brace | Unmatched

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|(?P<brace>[{}])|(?P<comment>[#!])|(?P<unmatched>")|(?P<word>(?:\\[#!]|[^\s{}"#!])+)',
    re.ASCII,
)
_ESCAPED = re.compile(r"\\([#!])")
_REMEMBERED = 65536
_LONG = 256
"""Longer lines hardly repeat, and are not worth the memory."""
_memory: dict[str, tuple[Piece, ...]] = {}


def pieces(text: str) -> tuple[Piece, ...]:
    """Cut a line at its unquoted braces: the logical lines of keepalived's ``read_line``."""
    found = _memory.get(text)
    if found is None:
        if len(text) > _LONG:
            return _cut(text)
        if len(_memory) >= _REMEMBERED:
            _memory.clear()
        found = _memory[text] = _cut(text)
    return found


def _cut(text: str) -> tuple[Piece, ...]:
    out: list[Piece] = []
    words: list[str] = []
    spans: list[Span] = []

    def flush() -> None:
        if words:
            out.append(Words(tuple(words), tuple(spans)))
            words.clear()
            spans.clear()

    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "comment":
            break
        if kind == "unmatched":
            flush()
            rest = text.rstrip()
            out.append(Unmatched((match.start(), len(rest)), rest.endswith("{")))
            break
        if kind == "brace":
            flush()
            out.append(Brace(match[0] == "{", match.span()))
            continue
        word = match["quoted"] if kind == "quoted" else match[0]
        words.append(_ESCAPED.sub(r"\1", word) if kind == "word" and "\\" in word else word)
        spans.append(match.span())
    flush()
    return tuple(out)


def without_comment(text: str) -> str:
    """The text up to its comment, as it stands."""
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "comment":
            return text[: match.start()]
    return text
