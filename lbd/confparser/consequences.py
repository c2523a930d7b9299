# SPDX-License-Identifier: Apache-2.0
"""One defect, one message: what is only said because of another message is taken back.

A keyword that was misspelt is missing where it was meant, a block that was left out is not there for those who name
it, and a name that nobody defined is no number either.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lbd.confparser.codes import CODES, Severity
from lbd.confparser.diagnostics import Diagnostic
from lbd.confparser.tree import Node


@dataclass(frozen=True, slots=True)
class StandIn:
    """A line that was meant to be ``keyword`` and is not understood. ``name``: what the block would have defined."""

    keyword: str
    file: str
    line: int
    name: str = ""


def settle(
    found: Sequence[Diagnostic], stand_ins: Sequence[StandIn], tree: Sequence[Node]
) -> list[Diagnostic]:
    """The messages that stand."""
    kept = list(found)
    if any(one.code == "LB0112" for one in kept):
        kept = _undefined_names(kept)
    if any(CODES[one.code].absent or CODES[one.code].refers for one in kept):
        spared = _Spared(kept, [*stand_ins, *_misused(kept)], tree)
        kept = [one for one in kept if not spared.knows(one)]
    return kept


def _misused(found: Iterable[Diagnostic]) -> Iterator[StandIn]:
    """Keywords that are there and of no use: the message about their line is message enough."""
    for one in found:
        code = CODES[one.code]
        words = one.source_line.split(None, 1)
        if words and code.exit_code and not (code.absent or code.refers):
            yield StandIn(words[0], one.file, one.line)


def _undefined_names(found: list[Diagnostic]) -> list[Diagnostic]:
    """A value that is wrong because a name in it is not defined: the name is the message, with the value's verdict."""
    names = {(one.file, one.line): one for one in found if one.code == "LB0112"}
    spoilt = {
        key
        for one in found
        if (key := (one.file, one.line)) in names
        and one.code.startswith("LB02")
        and _overlap(one, names[key])
    }
    kept = []
    for one in found:
        key = one.file, one.line
        if key not in spoilt:
            kept.append(one)
        elif one.code == "LB0112":
            kept.append(replace(one, code="LB0119", severity=Severity.ERROR))
        elif not (one.code.startswith("LB02") and _overlap(one, names[key])):
            kept.append(one)
    return kept


def _overlap(one: Diagnostic, other: Diagnostic) -> bool:
    return one.column <= other.end_column and other.column <= one.end_column


class _Spared:
    def __init__(
        self, found: Sequence[Diagnostic], stand_ins: Sequence[StandIn], tree: Sequence[Node]
    ) -> None:
        self._stand_ins = stand_ins
        self._extents = _extents(tree)
        self._heads = {(node.source.name, node.line): node for node in tree}
        self._roots = [(node.source.name, node.line, node.end) for node in tree if node.children is not None]
        self._names = {one.name for one in stand_ins if one.name} | self._spoilt(found, tree)

    def _spoilt(self, found: Sequence[Diagnostic], tree: Sequence[Node]) -> set[str]:
        """The names of root blocks that something is wrong with: they may have been left out."""
        wrong: dict[str, list[int]] = {}
        for one in found:
            code = CODES[one.code]
            if code.exit_code and not code.refers:
                wrong.setdefault(one.file, []).append(one.line)
        for lines in wrong.values():
            lines.sort()
        names = set()
        for node in tree:
            lines = wrong.get(node.source.name, [])
            at = bisect_left(lines, node.line)
            if len(node.words) > 1 and at < len(lines) and lines[at] <= node.end:
                names.add(node.words[1])
        return names

    def knows(self, one: Diagnostic) -> bool:
        """Whether a line that is not understood is why this was said."""
        code = CODES[one.code]
        if code.refers and self._names and not self._names.isdisjoint(self._named(one)):
            return True
        absent = {*code.absent, one.expected} if code.absent else set()
        if not absent:
            return False
        start, end = self._range(one, anywhere="global_defs" in absent)
        return any(
            other.keyword in absent and (other.file == one.file or not start) and start <= other.line <= end
            for other in self._stand_ins
        )

    def _named(self, one: Diagnostic) -> set[str]:
        """The names in a message, and in the block that it is about."""
        named = set(re.findall(r"[^\s'\",:()]+", one.message))
        node = self._heads.get((one.file, one.line))
        waiting = list(node.children or ()) if node is not None else []
        while waiting:
            inner = waiting.pop()
            named.update(inner.words)
            waiting += inner.children or ()
        return named

    def _range(self, one: Diagnostic, anywhere: bool) -> tuple[int, int]:
        """The lines that a keyword would have been in: the block that is spoken of, or the one around the line."""
        if anywhere:
            return 0, sys.maxsize
        if (end := self._extents.get((one.file, one.line))) is not None:
            return one.line, end
        around = (root for root in self._roots if root[0] == one.file and root[1] <= one.line <= root[2])
        return next(((start, end) for _, start, end in around), (one.line, one.line))


def _extents(tree: Iterable[Node]) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    waiting = list(tree)
    while waiting:
        node = waiting.pop()
        if node.children is not None:
            key = node.source.name, node.line
            found[key] = max(found.get(key, 0), node.end)
            waiting += node.children
    return found
