# SPDX-License-Identifier: Apache-2.0
"""Logical lines to a tree of nodes: what stands in which braces.

The names of the table decide where a brace that is missing or too many was most likely meant: each root block is read
by itself, and where its braces do not balance, a word that can only stand outside of the block it is in, or that
is written no further to the right than the block's own name, tells where the block was to end.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

from lbd.confparser.diagnostics import Place, Report
from lbd.confparser.schema import ROOT, ROOT_BLOCKS, Block, Keyword
from lbd.confparser.source import LogicalLine, SourceFile
from lbd.confparser.written import Span, Written

MAX_DEPTH = 32
MAX_UNCLOSED = 6
"""Messages of one root block that is never closed, whatever is nested in it."""


class Node:
    """One logical line, and the lines in its braces if it has any (``children`` is None without braces)."""

    __slots__ = ("broken", "children", "end", "line", "raw", "source", "spans", "words")

    def __init__(self, line: LogicalLine) -> None:
        self.source: SourceFile = line.source
        self.line = line.line
        self.words = line.words
        self.spans: tuple[Span, ...] = line.spans
        self.raw: Written | None = line.raw
        self.broken = line.broken
        self.children: list[Node] | None = None
        self.end = line.line
        """The line of the closing brace, if that is in the same file."""

    def place(self, first: int = 0, last: int | None = None) -> Place:
        """Of word ``first`` (up to ``last``); one past the last word means the end of the line."""
        if first >= len(self.spans):
            end = self.spans[-1][1]
            return self.source.place(self.line, end, end)
        stop = self.spans[first if last is None else min(last, len(self.spans) - 1)][1]
        return self.source.place(self.line, self.spans[first][0], stop)

    def inside(self, word: int, offset: int, length: int) -> Place:
        """A part of a word. Expanded words have no parts in the file: then the whole word."""
        start, end = self.spans[word]
        text = self.source.lines[self.line - 1][start:end]
        quote = text.startswith('"')
        if text[quote : quote + len(self.words[word])] != self.words[word]:
            return self.source.place(self.line, start, end)
        return self.source.place(self.line, start + quote + offset, start + quote + offset + length)

    def written(self) -> Written:
        """The text of the words, as the tokeniser of commands wants it."""
        if self.raw is not None:
            return self.raw
        line = self.source.lines[self.line - 1]
        return Written(line).cut(self.spans[0][0], self.spans[-1][1])


class _Open:
    """A block whose closing brace is still to come. ``block`` is None where the table does not know it."""

    __slots__ = ("block", "indent", "indented", "node")

    def __init__(self, node: Node, block: Block | None) -> None:
        self.node = node
        self.block = block
        self.indent = node.spans[0][0]
        self.indented = False
        """Whether its lines are written further to the right than its name."""

    def left_of(self, line: LogicalLine) -> bool:
        return self.indent < line.spans[0][0]

    def admits(self, word: str) -> bool:
        """Whether this word is one of the block's own."""
        return self.block is not None and word in self.block.keywords

    def may_hold(self, word: str) -> bool:
        return self.block is None or self.block.unchecked or self.block.entry is not None or self.admits(word)


class _Builder:
    def __init__(self, report: Report, table: Block) -> None:
        self._report = report
        self._table = table
        self.top: list[Node] = []
        self._stack: list[_Open] = []
        self._skipped = 0
        """Depth of braces inside a block that is left out."""
        self._missing = 0
        """How many more blocks of this segment open than close; negative: how many braces are too many."""

    def segment(self, lines: Sequence[LogicalLine], following: LogicalLine | None) -> None:
        """One root block, or what stands between two; ``following`` begins the next one."""
        self._missing = sum((line.brace == "{") - (line.brace == "}") for line in lines)
        for index, line in enumerate(lines):
            if line.brace == "{":
                self._open(line)
            elif line.brace == "}":
                self._close(line, lines, index)
            elif not self._skipped:
                self._words(line, lines, index)
        self._finish(following)

    def _finish(self, following: LogicalLine | None) -> None:
        """What is still open at the end of a segment was to be closed before the next one begins."""
        for one in self._stack[:MAX_UNCLOSED]:
            name = " ".join(one.node.words[:2])
            if following is None:
                self._report.add(
                    "LB0103", f"the block '{name}' is not closed", one.node.place(), expected="}"
                )
            else:
                what = f"the block '{name}' is not closed before this"
                self._report.add("LB0103", what, following.place(), expected="}")
        self._stack.clear()
        self._skipped = 0

    def _siblings(self) -> list[Node]:
        if not self._stack:
            return self.top
        children = self._stack[-1].node.children
        return children if children is not None else []

    def _row(self, word: str) -> Keyword | None:
        block = self._stack[-1].block if self._stack else self._table
        return block.keywords.get(word) if block is not None else None

    def _words(self, line: LogicalLine, lines: Sequence[LogicalLine], index: int) -> None:
        opens = index + 1 < len(lines) and lines[index + 1].brace == "{"
        while self._missing > 0 and self._stack and self._belongs_outside(line, opens):
            closed = self._stack.pop()
            name = " ".join(closed.node.words[:2])
            self._report.add(
                "LB0103", f"the block '{name}' is not closed before this", line.place(), expected="}"
            )
            self._missing -= 1
        if self._stack and self._stack[-1].left_of(line):
            self._stack[-1].indented = True
        node = Node(line)
        row = self._row(line.words[0])
        self._siblings().append(node)
        if (
            self._missing < 0
            and not opens
            and row is not None
            and row.block is not None
            and len(self._stack) < MAX_DEPTH
        ):
            self._report.add("LB0105", f"{row.name} needs a block", node.place(len(node.words)), expected="{")
            self._missing += 1
            self._enter(node, row.block)

    def _belongs_outside(self, line: LogicalLine, opens: bool) -> bool:
        word = line.words[0]
        inner = self._stack[-1]
        outer = self._stack[:-1]
        admitted = any(one.admits(word) for one in outer) or (opens and word in self._table.keywords)
        if not admitted:
            return False
        if not inner.may_hold(word):
            return True
        if inner.block is not None and inner.block.entry is not None and not inner.admits(word):
            return True  # a list does not hold keywords of the blocks around it
        return not inner.left_of(line) and any(one.indented for one in self._stack)

    def _open(self, line: LogicalLine) -> None:
        if self._skipped:
            self._skipped += 1
            return
        siblings = self._siblings()
        node = siblings[-1] if siblings else None
        row = self._row(node.words[0]) if node is not None else None
        if self._missing > 0 and (node is None or node.children is not None or self._takes_no_block(row)):
            self._report.add("LB0104", "a { that belongs to no keyword: ignored", line.place())
            self._missing -= 1
        elif node is None or node.children is not None:
            self._report.add("LB0104", "a { that belongs to no keyword: the block is left out", line.place())
            self._skipped = 1
        elif len(self._stack) >= MAX_DEPTH:
            self._report.add("LB0106", "blocks are nested too deeply: the block is left out", line.place())
            self._skipped = 1
        else:
            self._enter(node, row.block if row is not None else None)

    def _takes_no_block(self, row: Keyword | None) -> bool:
        if row is not None:
            return row.block is None
        block = self._stack[-1].block if self._stack else self._table
        return block is not None and block.entry is not None

    def _enter(self, node: Node, block: Block | None) -> None:
        node.children = []
        self._stack.append(_Open(node, block))

    def _close(self, line: LogicalLine, lines: Sequence[LogicalLine], index: int) -> None:
        if self._skipped:
            self._skipped -= 1
        elif not self._stack or (self._missing < 0 and self._goes_on(lines, index)):
            self._report.add("LB0102", "a } without its {: ignored", line.place())
            self._missing += 1
        else:
            node = self._stack.pop().node
            if node.source is line.source:
                node.end = line.line

    def _goes_on(self, lines: Sequence[LogicalLine], index: int) -> bool:
        """Whether what follows can only be meant for the block that this brace would close."""
        following = next((line for line in lines[index + 1 :] if line.words), None)
        if following is None:
            return False
        inner = self._stack[-1]
        outer = self._stack[-2].block if len(self._stack) > 1 else self._table
        word = following.words[0]
        fits_outside = outer is None or word in outer.keywords or outer.entry is not None
        indented = inner.left_of(following) and inner.node.line != following.line
        return inner.may_hold(word) and (indented or not fits_outside)


class _Cut(enum.IntEnum):
    """How eagerly lines are cut into segments. Each is for what the one before leaves unbalanced."""

    BRACES = 0
    """Where all braces are closed, before a block of another name."""
    NAMES = 1
    """And before every name that only stands at the root."""
    COLUMNS = 2
    """And before every block that is written no further to the right than the first, if others are."""


Segment = tuple[Sequence[LogicalLine], LogicalLine | None]
"""Lines, and the line that begins the next one."""


def _segments(lines: Sequence[LogicalLine], following: LogicalLine | None, cut: _Cut) -> Iterator[Segment]:
    for part, after in _Segments(lines, following, cut):
        if cut < _Cut.COLUMNS and _suspicious(part, cut):
            yield from _segments(part, after, _Cut(cut + 1))
        else:
            yield part, after


def _suspicious(lines: Sequence[LogicalLine], cut: _Cut) -> bool:
    """Whether braces do not match, or match only because one is missing here and one too many there."""
    if sum((line.brace == "{") - (line.brace == "}") for line in lines):
        return True
    left = lines[0].spans[0][0] if lines else 0
    return cut is _Cut.BRACES and any(
        line.words and line.words[0] in ROOT_BLOCKS and line.spans[0][0] <= left for line in lines[1:]
    )


class _Segments:
    """One way of cutting."""

    def __init__(self, lines: Sequence[LogicalLine], following: LogicalLine | None, cut: _Cut) -> None:
        self._lines = lines
        self._following = following
        self._cut = cut
        self._depth = 0
        self._block: Block | None = None
        """What the segment's first line opens."""
        self._left = 0
        """The column of that line."""
        self._indented = False
        """Whether a line inside of it stands further to the right."""

    def __iter__(self) -> Iterator[Segment]:
        start = 0
        for index, line in enumerate(self._lines):
            if line.brace:
                self._depth = max(0, self._depth + (1 if line.brace == "{" else -1))
                continue
            opens = index + 1 < len(self._lines) and self._lines[index + 1].brace == "{"
            if index > start and self._begins(line, opens):
                yield self._lines[start:index], line
                start = index
                self._depth, self._indented = 0, False
                self._block = None
            self._enter(line, index == start)
        yield self._lines[start:], self._following

    def _enter(self, line: LogicalLine, first: bool) -> None:
        if first:
            self._left = line.spans[0][0]
        elif self._depth and line.spans[0][0] > self._left:
            self._indented = True
        if self._depth == 0 and (known := ROOT.keywords.get(line.words[0])) is not None:
            self._block = known.block

    def _begins(self, line: LogicalLine, opens: bool) -> bool:
        word, column = line.words[0], line.spans[0][0]
        known = ROOT.keywords.get(word)
        if self._depth == 0:
            inside = self._block is not None and word in self._block.keywords
            return (word in ROOT_BLOCKS) or (not inside and (opens or known is not None))
        if self._cut is _Cut.BRACES:
            return False
        if word in ROOT_BLOCKS and (opens or column <= self._left):
            return True
        return (
            self._cut is _Cut.COLUMNS
            and column <= self._left
            and self._indented
            and (opens or known is not None)
        )


def build(lines: Sequence[LogicalLine], report: Report, table: Block = ROOT) -> list[Node]:
    """Nodes of what was understood, in order."""
    builder = _Builder(report, table)
    for segment, following in _segments(lines, None, _Cut.BRACES):
        builder.segment(segment, following)
    return builder.top
