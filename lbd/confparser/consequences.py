# SPDX-License-Identifier: Apache-2.0
"""One defect, one message: what is only said because of another message is taken back.

A keyword that was misspelt is missing where it was meant, a block that was left out is not there for those who name
it, and a name that nobody defined is no number either.
"""

from __future__ import annotations

import re
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
    found: Sequence[Diagnostic], stand_ins: Sequence[StandIn], tree: Iterable[Node]
) -> list[Diagnostic]:
    """The messages that stand."""
    kept = list(found)
    if any(one.code == "LB0112" for one in kept):
        kept = _undefined_names(kept)
    if any(CODES[one.code].absent or CODES[one.code].refers for one in kept):
        spared = _Spared([*stand_ins, *_misused(kept)], tree)
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
    def __init__(self, stand_ins: Sequence[StandIn], tree: Iterable[Node]) -> None:
        self._stand_ins = stand_ins
        self._names = {one.name for one in stand_ins if one.name}
        self._extents = _extents(tree)

    def knows(self, one: Diagnostic) -> bool:
        """Whether a line that is not understood is why this was said."""
        code = CODES[one.code]
        if (
            code.refers
            and self._names
            and not self._names.isdisjoint(re.findall(r"[^\s'\",:()]+", one.message))
        ):
            return True
        absent = {*code.absent, one.expected} if code.absent else set()
        if not absent:
            return False
        end = self._extents.get((one.file, one.line), one.line)
        return any(
            other.keyword in absent and other.file == one.file and one.line <= other.line <= end
            for other in self._stand_ins
        )


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
