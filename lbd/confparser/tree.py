# SPDX-License-Identifier: Apache-2.0
"""Logical lines to a tree of nodes: what stands in which braces. Knows no keyword.

Where braces are missing, the text is read a second time with the names of the root blocks in hand: one of those
inside another block is where the brace was meant.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lbd.confparser.diagnostics import Place, Report
from lbd.confparser.lexer import Span
from lbd.confparser.source import LogicalLine, SourceFile

MAX_DEPTH = 32


class Node:
    """One logical line, and the lines in its braces if it has any (``children`` is None without braces)."""

    __slots__ = ("children", "line", "source", "spans", "words")

    def __init__(self, line: LogicalLine) -> None:
        self.source: SourceFile = line.source
        self.line = line.line
        self.words = line.words
        self.spans: tuple[Span, ...] = line.spans
        self.children: list[Node] | None = None

    def place(self, first: int = 0, last: int | None = None) -> Place:
        """Of word ``first`` (up to ``last``); one past the last word means the end of the line."""
        if first >= len(self.spans):
            end = self.spans[-1][1]
            return self.source.place(self.line, end, end)
        return self.source.place(
            self.line, self.spans[first][0], self.spans[first if last is None else last][1]
        )

    def inside(self, word: int, offset: int, length: int) -> Place:
        """A part of a word. Expanded words have no parts in the file: then the whole word."""
        start, end = self.spans[word]
        text = self.source.lines[self.line - 1][start:end]
        quote = text.startswith('"')
        if text[quote : quote + len(self.words[word])] != self.words[word]:
            return self.source.place(self.line, start, end)
        return self.source.place(self.line, start + quote + offset, start + quote + offset + length)


class _Builder:
    def __init__(self, report: Report, roots: Collection[str]) -> None:
        self._report = report
        self._roots = roots
        self.top: list[Node] = []
        self._stack: list[Node] = []
        self._skipped = 0
        """Depth of braces inside a block that is left out."""

    def add(self, line: LogicalLine) -> None:
        if line.brace == "{":
            self._open(line)
        elif line.brace == "}":
            self._close(line)
        elif not self._skipped:
            self._words(line)

    def finish(self) -> None:
        for node in self._stack[:1]:
            what = f"the block '{' '.join(node.words[:2])}' is not closed"
            self._report.add("LB0103", what, node.place(), expected="}")

    def _words(self, line: LogicalLine) -> None:
        if self._roots and self._stack and line.words[0] in self._roots:
            name = " ".join(self._stack[0].words[:2])
            self._report.add(
                "LB0103", f"the block '{name}' is not closed before this", line.place(), expected="}"
            )
            self._stack.clear()
        (self._stack[-1].children if self._stack else self.top).append(Node(line))  # type: ignore[union-attr]

    def _open(self, line: LogicalLine) -> None:
        if self._skipped:
            self._skipped += 1
            return
        siblings = self._stack[-1].children if self._stack else self.top
        node = siblings[-1] if siblings else None
        if node is None or node.children is not None:
            self._report.add("LB0104", "a { that belongs to no keyword: the block is left out", line.place())
            self._skipped = 1
        elif len(self._stack) >= MAX_DEPTH:
            self._report.add("LB0106", "blocks are nested too deeply: the block is left out", line.place())
            self._skipped = 1
        else:
            node.children = []
            self._stack.append(node)

    def _close(self, line: LogicalLine) -> None:
        if self._skipped:
            self._skipped -= 1
        elif self._stack:
            self._stack.pop()
        else:
            self._report.add("LB0102", "a } without its {: ignored", line.place())


def build(lines: Sequence[LogicalLine], report: Report, roots: Collection[str]) -> list[Node]:
    """``roots`` names the blocks that stand only at the top. Nodes of what was understood, in order."""
    balance = sum((line.brace == "{") - (line.brace == "}") for line in lines)
    builder = _Builder(report, roots if balance > 0 else ())
    for line in lines:
        builder.add(line)
    builder.finish()
    return builder.top
