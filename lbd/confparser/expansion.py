# SPDX-License-Identifier: Apache-2.0
"""One line of a file to the lines that it stands for: references replaced, generators run, all within bounds.

``$X=$X`` hangs keepalived 2.2.7 and ``~SEQ`` of billions fills its memory; here both are a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lbd.confparser import generators, lexer
from lbd.confparser.definitions import Definitions, Undefined
from lbd.confparser.diagnostics import Report
from lbd.confparser.generators import GeneratorError
from lbd.confparser.source import SourceFile
from lbd.confparser.written import Substitution, Written

MAX_DEPTH = 32
MAX_LENGTH = 1 << 18
MAX_LINES = 100_000
MAX_CHARACTERS = 8 << 20
"""Of all that is expanded in one reading."""


@dataclass(frozen=True, slots=True)
class Left:
    """A line whose references are all replaced or said to be undefined."""

    line: Written
    broken: bool = False
    """Its value is not known: there was a ``${NAME}`` that nobody defined."""


class _EndlessError(Exception):
    """What grows without end."""


class Expansion:
    def __init__(self, report: Report) -> None:
        self._report = report
        self.definitions = Definitions()
        self._lines = 0
        self._characters = 0

    def lines(self, source: SourceFile, number: int, line: Written) -> Iterator[Written]:
        """The lines that it stands for. Definitions that the caller sets between two of them count for the next."""
        try:
            yield from self._lines_of(source, number, line, 0)
        except _EndlessError as error:
            place = source.place(number, *_stripped(source.lines[number - 1]))
            code = "LB0007" if self._lines > MAX_LINES or self._characters > MAX_CHARACTERS else "LB0111"
            self._report.add(code, str(error), place)

    def _lines_of(self, source: SourceFile, number: int, line: Written, depth: int) -> Iterator[Written]:
        waiting = [(line, depth)]
        while waiting:
            text, depth = waiting.pop()
            first, rest = text.lines()
            if rest is not None:
                waiting.append((rest, depth))
            if "~" in first.text and generators.GENERATOR.match(first.text):
                yield from self._generate(source, number, first, depth)
                continue
            if "$" in first.text and (expanded := self._once(first, depth)) is not None:
                waiting.append((expanded, depth + 1))
                continue
            self._count(first)
            yield first

    def _once(self, line: Written, depth: int) -> Written | None:
        expanded = self.definitions.expand(line)
        if expanded is None:
            return None
        if depth >= MAX_DEPTH or len(expanded.text) > MAX_LENGTH:
            raise _EndlessError("a definition that contains itself, or grows without end: line dropped")
        self._count_characters(len(expanded.text))
        return expanded

    def _count(self, line: Written) -> None:
        self._lines += 1
        self._count_characters(len(line.text))
        if self._lines > MAX_LINES:
            raise _EndlessError(
                f"definitions and generators make more than {MAX_LINES} lines: the rest is dropped"
            )

    def _count_characters(self, length: int) -> None:
        self._characters += length
        if self._characters > MAX_CHARACTERS:
            what = (
                f"definitions and generators make more than {MAX_CHARACTERS >> 20} MiB: the rest is dropped"
            )
            raise _EndlessError(what)

    def _generate(self, source: SourceFile, number: int, line: Written, depth: int) -> Iterator[Written]:
        if depth >= MAX_DEPTH:
            raise _EndlessError("generators are nested too deeply: line dropped")
        try:
            line = self._arguments(line)
            generator = generators.read(line.text)
        except GeneratorError as error:
            place = source.place(number, *line.origin(*error.span))
            self._report.add("LB0113", f"{error}: line dropped", place, expected=error.expected)
            return
        if generator is None:
            return
        rest = line.cut(generator.rest)
        for row in generator.rows:
            for name, value in zip(generator.names, row, strict=True):
                self.definitions.set(name, value)
            yield from self._lines_of(source, number, rest, depth + 1)

    def _arguments(self, line: Written) -> Written:
        """References between the parentheses are replaced before the generator is read, those behind it are not."""
        for _ in range(MAX_DEPTH):
            end = generators.arguments_end(line.text)
            expanded = self.definitions.expand(line.cut(0, end)) if "$" in line.text[:end] else None
            if expanded is None:
                return line
            if "\n" in expanded.text or len(expanded.text) > MAX_LENGTH:
                break
            line = _joined(expanded, line.cut(end))
        raise GeneratorError("the arguments do not end", 0, len(line.text), generators.SEQ_SHAPE)

    def undefined(self, source: SourceFile, number: int, line: Written) -> Left:
        """Says which references nobody defined. Those in a comment are nobody's business."""
        if "$" not in line.text:
            return Left(line)
        reach = len(lexer.without_comment(line.text))
        found = [one for one in self.definitions.undefined(line.text) if one.start < reach]
        for one in found:
            if not self._report.count("LB0119" if one.braces else "LB0112"):
                self._say(source, number, line, one)
        braces = [one for one in found if one.braces]
        if not braces:
            return Left(line)
        # The braces would be taken for a block, as keepalived does: the name stands there without them.
        out = Substitution(line)
        for one in braces:
            out.replace(one.start, one.end, f"${one.name}")
        return Left(out.finish(), broken=True)

    def _say(self, source: SourceFile, number: int, line: Written, one: Undefined) -> None:
        place = source.place(number, *line.origin(one.start, one.end))
        if one.braces:
            self._report.add("LB0119", f"${{{one.name}}} {one.reason}: the value is not known", place)
        else:
            self._report.add("LB0112", f"${one.name} {one.reason}: left as it is", place)


def _joined(head: Written, tail: Written) -> Written:
    moved = [
        piece._replace(start=piece.start + len(head.text), end=piece.end + len(head.text))
        for piece in tail.pieces
    ]
    return Written(head.text + tail.text, [*head.pieces, *moved])


def _stripped(line: str) -> tuple[int, int]:
    return len(line) - len(line.lstrip()), len(line.rstrip())
