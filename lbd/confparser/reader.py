# SPDX-License-Identifier: Apache-2.0
"""Files to logical lines: includes, conditionals and definitions, in keepalived's order.

Yields the words and braces of every line that counts, each with the place it came from. Knows no keyword but
``include``. Bounded for any bytes: include depth and number, expansion, line length.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from lbd.confparser import includes, lexer
from lbd.confparser.definitions import Definitions, Expanded, TooDeepError, definition
from lbd.confparser.diagnostics import Place, Report
from lbd.confparser.lexer import Span
from lbd.confparser.source import LogicalLine, SourceFile, UnreadableError, read_text

MAX_LINE = 65536
KEEPALIVED_LINE = 1023
"""keepalived's line buffer: what is beyond is read as another line (parser.c, MAXBUF)."""
MAX_INCLUDES = 4096
MAX_INCLUDE_DEPTH = 32
MAX_EXPANDED_LINES = 500_000
MAX_CHARACTERS = 32 << 20
"""Of all files together, each as often as it is included."""

_CONDITION = re.compile(r"\s*@(\^?)([^\s]+)(?=\s|\Z)", re.ASCII)
_INCLUDE = re.compile(r"\s*(include[rmwba]?)\s+(\S.*?)\s*\Z", re.ASCII)
_GENERATOR = re.compile(r"\s*~(?:SEQx?|LST)\(", re.ASCII)
_UNUSUAL = re.compile(r"[$@~\0]|include")
_ALWAYS = "lbd"
"""``@lbd`` holds for every lbd and for no keepalived: one file serves both."""

Origin = Callable[[int, int], Span]


class Reader:
    """One reading of a configuration with all its includes."""

    def __init__(self, report: Report, config_id: str) -> None:
        self._report = report
        self._config_id = config_id
        self._definitions = Definitions()
        self._definitions.set("_INSTANCE", config_id)
        self._open: list[str] = []
        self._included = 0
        self._expanded = 0
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
        self._definitions.set("_PWD", os.path.dirname(os.path.abspath(path)))

    def _file(self, source: SourceFile) -> Iterator[LogicalLine]:
        number = 0
        while number < len(source.lines):
            line = source.lines[number]
            number += 1
            if len(line) > KEEPALIVED_LINE and not self._length(source, number, line):
                continue
            if _UNUSUAL.search(line) is None:
                yield from self._pieces(source, number, line, _as_written)
                continue
            kept = self._condition(line)
            if kept is None or not self._readable(source, number, kept):
                continue
            if (found := definition(kept)) is not None:
                number = self._define(source, number, *found)
                continue
            yield from self._expand(source, number, kept)

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
        if "\0" in line:
            column = line.index("\0")
            self._report.add("LB0010", "a NUL byte: line dropped", source.place(number, column, column + 1))
            return False
        if _GENERATOR.match(line):
            place = source.place(number, *_stripped(line))
            self._report.add("LB0113", "~SEQ and ~LST are not read yet: line dropped", place)
            return False
        return True

    def _condition(self, line: str) -> str | None:
        """The line with its condition blanked (columns stay), or None if the condition does not hold."""
        match = _CONDITION.match(line)
        if match is None:
            return line
        holds = match[2] in (self._config_id, _ALWAYS)
        if holds == bool(match[1]):
            return None
        return " " * match.end() + line[match.end() :]

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
        self._definitions.set(name, "\n".join(parts))
        return number

    def _expand(self, source: SourceFile, number: int, line: str) -> Iterator[LogicalLine]:
        """A line with a reference or an include: expanded, and read on as the lines that it became."""
        if "$" not in line:
            yield from self._special(source, number, line, _as_written)
            return
        try:
            expanded = self._definitions.expand(line)
        except TooDeepError as error:
            place = source.place(number, *_stripped(line))
            self._report.add("LB0111", f"${error} contains itself, or grows without end: line dropped", place)
            return
        self._undefined(source, number, line, expanded)
        offset = 0
        for part in expanded.text.split("\n"):
            self._expanded += 1
            if self._expanded > MAX_EXPANDED_LINES:
                self._report.add("LB0007", "definitions expand to too many lines", source.place(number, 0, 0))
                return
            kept = self._condition(part)
            if kept is not None:
                yield from self._special(source, number, kept, _shifted(expanded, offset))
            offset += len(part) + 1

    def _undefined(self, source: SourceFile, number: int, line: str, expanded: Expanded) -> None:
        words = [
            span for piece in lexer.pieces(line) if isinstance(piece, lexer.Words) for span in piece.spans
        ]
        reach = words[-1][1] if words else 0
        for name, start, end in expanded.undefined:
            if start < reach:
                place = source.place(number, start, end)
                self._report.add("LB0112", f"${name} is not defined: left as it is", place)

    def _special(self, source: SourceFile, number: int, line: str, origin: Origin) -> Iterator[LogicalLine]:
        match = _INCLUDE.match(line)
        if match is None:
            if (found := definition(line)) is not None:
                self._definitions.set(found[0], lexer.without_comment(found[1]).strip())
            else:
                yield from self._pieces(source, number, line, origin)
            return
        yield from self._include(source, number, match, origin)

    def _include(
        self, source: SourceFile, number: int, match: re.Match[str], origin: Origin
    ) -> Iterator[LogicalLine]:
        pattern = includes.pattern_of(match[2])
        place = source.place(number, *origin(*match.span(2)))
        directory = os.path.dirname(os.path.abspath(source.name))
        paths = includes.matching(pattern, directory)
        if not paths:
            self._unmatched(match[1], pattern, source.place(number, *origin(*match.span(2))))
        for path in paths:
            if problem := self._refuses(path):
                self._report.add(problem[0], f"{path}: {problem[1]}: skipped", place)
                continue
            self._included += 1
            chain = (*source.chain, f"{source.name}:{number}")
            try:
                yield from self.lines(path, chain)
            except UnreadableError as error:
                self._report.add("LB0003", f"{path}: {error}: skipped", place)

    def _unmatched(self, keyword: str, pattern: str, place: Place) -> None:
        if keyword in ("include", "includer"):
            self._report.add("LB0002", f"no file matches '{pattern}'", place)
        else:
            self._report.add("LB0005", f"{keyword}: no file matches '{pattern}'", place)

    def _refuses(self, path: str) -> tuple[str, str] | None:
        """Why not to read a file: its code and the reason."""
        if os.path.realpath(path) in self._open:
            return "LB0004", "includes itself"
        if len(self._open) >= MAX_INCLUDE_DEPTH or self._included >= MAX_INCLUDES:
            return "LB0007", "too many includes"
        if os.path.isfile(path) and os.stat(path).st_mode & 0o111:
            return "LB0003", "has an execute bit"
        return None

    def _pieces(self, source: SourceFile, number: int, line: str, origin: Origin) -> Iterator[LogicalLine]:
        for piece in lexer.pieces(line):
            if isinstance(piece, lexer.Words):
                spans = piece.spans
                if origin is not _as_written:
                    spans = tuple(origin(*span) for span in spans)
                yield LogicalLine(source, number, piece.words, spans)
            elif isinstance(piece, lexer.Brace):
                yield LogicalLine(source, number, (), (origin(*piece.span),), "{" if piece.opens else "}")
            else:
                place = source.place(number, *origin(*piece.span))
                self._report.add("LB0101", "unmatched quote: line dropped", place, expected='a closing "')


def _as_written(start: int, end: int) -> Span:
    return start, end


def _shifted(expanded: Expanded, offset: int) -> Origin:
    return lambda start, end: expanded.origin(start + offset, end + offset)


def _stripped(line: str) -> Span:
    return len(line) - len(line.lstrip()), len(line.rstrip())
