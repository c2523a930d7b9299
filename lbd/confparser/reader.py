# SPDX-License-Identifier: Apache-2.0
"""Files to logical lines: includes, conditionals, definitions and generators, in keepalived's order.

Yields the words and braces of every line that counts, each with the place it came from. Knows no keyword but
``include`` and ``include_check``. Bounded for any bytes: include depth and number, expansion, line length.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from lbd.confparser import includes, lexer
from lbd.confparser.definitions import definition
from lbd.confparser.diagnostics import Place, Report
from lbd.confparser.expansion import Expansion
from lbd.confparser.source import LogicalLine, SourceFile, UnreadableError, read_text
from lbd.confparser.written import Written

MAX_LINE = 65536
KEEPALIVED_LINE = 1023
"""keepalived's line buffer: what is beyond is read as another line (parser.c, MAXBUF)."""
MAX_INCLUDES = 4096
MAX_INCLUDE_DEPTH = 32
MAX_CHARACTERS = 32 << 20
"""Of all files together, each as often as it is included."""

_CONDITION = re.compile(r"\s*@(\^?)([^\s]+)(?=\s|\Z)", re.ASCII)
_INCLUDE = re.compile(r"\s*(include[rmwba]?)\s+(\S.*?)\s*\Z", re.ASCII)
_INCLUDE_CHECK = re.compile(r"(?:.*\{)?\s*include_check(?=[\s}]|\Z)([^{}]*)", re.ASCII)
_UNUSUAL = re.compile(r"[$@~\0]|include")
_ALWAYS = "lbd"
"""``@lbd`` holds for every lbd and for no keepalived: one file serves both."""


class Reader:
    """One reading of a configuration with all its includes. ``strict``: every include is an includea (``-e``)."""

    def __init__(self, report: Report, config_id: str, *, strict: bool = False) -> None:
        self._report = report
        self._config_id = config_id
        self._expansion = Expansion(report)
        self._expansion.definitions.set("_INSTANCE", config_id)
        self._checks = includes.ALL if strict else frozenset[str]()
        self._open: list[str] = []
        self._included = 0
        self._characters = 0

    def lines(self, path: str, chain: tuple[str, ...] = ()) -> Iterator[LogicalLine]:
        """Raises UnreadableError for ``path`` itself; what is wrong with an included file becomes a message."""
        text, utf8 = read_text(path)
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            raise UnreadableError(f"more than {MAX_CHARACTERS >> 20} MiB in all")
        source = SourceFile(path, text.split("\n"), chain)
        if not utf8:
            self._report.add("LB0006", "not UTF-8: read as Latin-1", source.place(1, 0, 0))
        self._open.append(os.path.realpath(path))
        self._enter(path)
        try:
            yield from self._file(source)
        finally:
            self._open.pop()
            if self._open:
                self._enter(self._open[-1])

    def _enter(self, path: str) -> None:
        self._expansion.definitions.set("_PWD", os.path.dirname(os.path.abspath(path)))

    def _file(self, source: SourceFile) -> Iterator[LogicalLine]:
        number = 0
        while number < len(source.lines):
            line = source.lines[number]
            number += 1
            if len(line) > KEEPALIVED_LINE and not self._length(source, number, line):
                continue
            if _UNUSUAL.search(line) is None:
                yield from self._pieces(source, number, Written(line))
                continue
            kept = self._condition(Written(line))
            if kept is None or not self._readable(source, number, line):
                continue
            if (found := definition(kept.text)) is not None:
                number = self._define(source, number, *found)
                continue
            yield from self._expanded(source, number, kept)

    def _length(self, source: SourceFile, number: int, line: str) -> bool:
        place = source.place(number, KEEPALIVED_LINE, KEEPALIVED_LINE)
        if len(line) > MAX_LINE:
            self._report.add("LB0008", f"longer than {MAX_LINE} characters: line dropped", place)
            return False
        self._report.add(
            "LB0009", f"longer than {KEEPALIVED_LINE} characters: keepalived would cut it here", place
        )
        return True

    def _readable(self, source: SourceFile, number: int, line: str) -> bool:
        if "\0" not in line:
            return True
        column = line.index("\0")
        self._report.add("LB0010", "a NUL byte: line dropped", source.place(number, column, column + 1))
        return False

    def _condition(self, line: Written) -> Written | None:
        """The line with its condition blanked (columns stay), or None if the condition does not hold."""
        match = _CONDITION.match(line.text)
        if match is None:
            return line
        holds = match[2] in (self._config_id, _ALWAYS)
        return line.blanked(match.end()) if holds != bool(match[1]) else None

    def _define(self, source: SourceFile, number: int, name: str, value: str) -> int:
        """Reads on over continuation lines; the number of lines read so far."""
        parts = [lexer.without_comment(value).strip()]
        start = number
        while parts[-1].rstrip().endswith("\\"):
            parts[-1] = parts[-1].rstrip()[:-1].rstrip()
            if number >= len(source.lines):
                self._report.add(
                    "LB0111", f"the definition of ${name} does not end", source.place(start, 0, 0)
                )
                break
            parts.append(lexer.without_comment(source.lines[number]).strip())
            number += 1
        self._expansion.definitions.set(name, "\n".join(parts))
        return number

    def _expanded(self, source: SourceFile, number: int, line: Written) -> Iterator[LogicalLine]:
        """A line that may stand for many; each may be a condition, a definition or an include once more."""
        for one in self._expansion.lines(source, number, line):
            kept = self._condition(one)
            if kept is None:
                continue
            if (found := definition(kept.text)) is not None:
                self._expansion.definitions.set(found[0], lexer.without_comment(found[1]).strip())
            elif (match := _INCLUDE.match(kept.text)) is not None:
                yield from self._include(source, number, match, kept)
            else:
                yield from self._plain(source, number, kept)

    def _plain(self, source: SourceFile, number: int, line: Written) -> Iterator[LogicalLine]:
        if (match := _INCLUDE_CHECK.match(line.text)) is not None:
            self._checks = includes.change(self._checks, lexer.without_comment(match[1]).split())
        undefined = self._expansion.undefined(source, number, line)
        for one in self._pieces(source, number, undefined.line):
            one.broken = one.broken or undefined.broken
            yield one

    def _include(
        self, source: SourceFile, number: int, match: re.Match[str], line: Written
    ) -> Iterator[LogicalLine]:
        pattern = lexer.without_comment(match[2]).strip()
        place = source.place(number, *line.origin(*match.span(2)))
        checks = includes.checks_of(match[1]) or self._checks
        found = includes.matching(pattern, os.path.dirname(os.path.abspath(source.name)))
        if found.violates(checks):
            self._report.add("LB0005", f"{match[1]}: {_what(pattern, found)}", place)
        elif not found.paths or found.missing:
            self._report.add("LB0002", _what(pattern, found), place)
        for path in found.paths:
            if problem := self._refuses(path):
                strict = problem[0] == "LB0003" and bool(checks)
                self._report.add("LB0005" if strict else problem[0], f"{path}: {problem[1]}: skipped", place)
                continue
            self._included += 1
            try:
                yield from self.lines(path, (*source.chain, f"{source.name}:{number}"))
            except UnreadableError as error:
                self._report.add("LB0005" if checks else "LB0003", f"{path}: {error}: skipped", place)

    def _refuses(self, path: str) -> tuple[str, str] | None:
        """Why not to read a file: its code and the reason."""
        if os.path.realpath(path) in self._open:
            return "LB0004", "includes itself"
        if len(self._open) >= MAX_INCLUDE_DEPTH or self._included >= MAX_INCLUDES:
            return "LB0007", "too many includes"
        if os.path.isfile(path) and os.stat(path).st_mode & 0o111:
            return "LB0003", "has an execute bit"
        return None

    def _pieces(self, source: SourceFile, number: int, line: Written) -> Iterator[LogicalLine]:
        raw = line if line.pieces else None
        words: LogicalLine | None = None
        for piece in lexer.pieces(line.text):
            if isinstance(piece, lexer.Words):
                spans = piece.spans
                if raw is not None:
                    spans = tuple([line.origin(*span) for span in spans])
                    part = line.cut(piece.spans[0][0], piece.spans[-1][1])
                    words = LogicalLine(source, number, piece.words, spans, raw=part)
                else:
                    words = LogicalLine(source, number, piece.words, spans)
                yield words
            elif isinstance(piece, lexer.Brace):
                words = None
                yield LogicalLine(
                    source, number, (), (line.origin(*piece.span),), "{" if piece.opens else "}"
                )
            else:
                place = source.place(number, *line.origin(*piece.span))
                yield from self._unmatched(piece, words, place)

    def _unmatched(
        self, piece: lexer.Unmatched, words: LogicalLine | None, place: Place
    ) -> Iterator[LogicalLine]:
        """The keyword before the quote is known, its value is not."""
        self._report.add("LB0101", "unmatched quote: line dropped", place, expected='a closing "')
        if words is None:
            return
        words.broken = True
        if piece.opens:
            end = place.end_column - 1
            yield LogicalLine(words.source, words.line, (), ((end - 1, end),), "{")


def _what(pattern: str, found: includes.Matched) -> str:
    if found.braces and found.missing:
        return f"of '{pattern}' there is no {', '.join(found.missing)}"
    if pattern.startswith('"'):
        return f"no file matches '{pattern}': the quotes are taken for a part of the name"
    return f"no file matches '{pattern}'"
