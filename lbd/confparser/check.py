# SPDX-License-Identifier: Apache-2.0
"""Tree × schema → items: every line is looked up, its value read, and what is wrong with it said, once.

What may stand where comes from the table alone; what values mean together is for ``build``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lbd.confparser import quoting
from lbd.confparser.consequences import StandIn
from lbd.confparser.diagnostics import Report, closest
from lbd.confparser.quoting import QuoteError, Quoting
from lbd.confparser.schema import Block, Keyword, Missing, Status
from lbd.confparser.tree import Node
from lbd.confparser.values import SCRIPT, Complaint, Reading, Value


class Item:
    """A directive that was understood: its value, and what is in its block (None without one)."""

    __slots__ = ("items", "name", "node", "row", "value")

    def __init__(self, row: Keyword | None, value: Any, node: Node) -> None:
        self.row = row
        self.name = row.name if row is not None else ""
        """The keyword; empty for an entry. Kept here since it is asked for hundreds of thousands of times."""
        self.value = value
        self.node = node
        self.items: list[Item] | None = None

    def all(self, *names: str) -> Iterator[Item]:
        return (item for item in self.items or () if item.name in names)

    def last(self, *names: str) -> Item | None:
        """keepalived sets a value again for a keyword given again, so the last one counts."""
        for item in reversed(self.items or ()):
            if item.name in names:
                return item
        return None

    def get(self, name: str, default: Any = None) -> Any:
        found = self.last(name)
        return default if found is None else found.value

    def entries(self, name: str) -> Iterator[Item]:
        """The lines inside all blocks of this name."""
        for item in self.all(name):
            yield from item.items or ()


class Checker:
    def __init__(self, report: Report) -> None:
        self._report = report
        self.scripts: list[Item] = []
        """Every directive that names a command to run."""
        self.stand_ins: list[StandIn] = []
        """Lines that are not understood, and what they were meant to be."""

    def check(self, nodes: list[Node], block: Block, *, quiet: bool = False) -> list[Item]:
        """``quiet`` inside a block that is itself not carried out yet: one message for all of it."""
        items: list[Item] = []
        for node in nodes:
            row = block.keywords.get(node.words[0])
            if row is not None and node.broken:
                self._broken(node, row)
            elif row is not None:
                self._directive(node, row, items, quiet)
            elif block.entry is not None:
                self._entries(node, block, block.entry, items, quiet)
            elif not block.unchecked:
                self._unknown(node, block)
        return items

    def _broken(self, node: Node, row: Keyword) -> None:
        """What is wrong with the line was said when it was read; what is in its block may be wrong by itself."""
        self._stand_in(node, row.name)
        if row.block is not None and node.children is not None:
            self.check(node.children, row.block, quiet=True)

    def _directive(self, node: Node, row: Keyword, items: list[Item], quiet: bool) -> None:
        if (row.block is None) != (node.children is None) and not self._braces(node, row):
            return
        words = self._tokens(node, row)
        if words is None:
            return
        if not words and row.missing is not Missing.SILENT:
            self._missing(node, row)
            return
        reading = row.value.read(words)
        if reading.complaints:
            self._stand_in(node, row.name)
            self._complain(node, reading.complaints, 1, "LB0205" if row.passed_over else "")
        if reading.used < len(words):
            # keepalived minds extra words before a list in braces (alloc_value_block), and after some names.
            of_list = row.block is not None and row.block.entry is not None and not row.value.takes_words
            self._extra(node, row.value, reading.used + 1, row.name, strict=of_list or row.value.exact)
            if row.value.exact:
                return
        if row.deprecated:
            self._report.add("LB0114", f"{row.name} is deprecated", node.place(), suggestion=row.deprecated)
        if row.status is not Status.WORKS and not quiet and not reading.complaints:
            self._not_done(node, row)
        if reading.value is None and not self._may_lack_value(row, reading):
            return
        item = Item(row, reading.value, node)
        if row.value is SCRIPT:
            self.scripts.append(item)
        if row.block is not None:
            inner_quiet = quiet or row.status is not Status.WORKS
            item.items = self.check(node.children or [], row.block, quiet=inner_quiet)
            self._required(item, row.block)
        items.append(item)

    def _tokens(self, node: Node, row: Keyword) -> tuple[str, ...] | None:
        """The words behind the keyword, as the tokeniser of its kind finds them; None if it cannot."""
        if row.value.quoting is Quoting.PLAIN:
            return node.words[1:]
        written = node.written()
        start = quoting.first_word_end(written.text)
        try:
            return quoting.command(written.text[start:], again=row.value.quoting is Quoting.COMMAND)
        except QuoteError as error:
            place = node.source.place(node.line, *written.origin(start + error.at, start + error.at + 1))
            self._report.add("LB0101", f"{row.name}: {error}: line dropped", place)
            self._stand_in(node, row.name)
            return None

    def _stand_in(self, node: Node, keyword: str) -> None:
        name = node.words[1] if len(node.words) > 1 and node.children is not None else ""
        self.stand_ins.append(StandIn(keyword, node.source.name, node.line, name))

    def _required(self, item: Item, block: Block) -> None:
        for name in block.required:
            if not any(node.words[0] == name for node in item.node.children or ()):
                place = item.node.place(0, min(1, len(item.node.words) - 1))
                self._report.add("LB0504", f"{item.name} has no {name}: ignored", place, expected=name)

    @staticmethod
    def _may_lack_value(row: Keyword, reading: Reading) -> bool:
        return row.value.optional and not reading.complaints

    def _braces(self, node: Node, row: Keyword) -> bool:
        """True if the line counts without its braces."""
        if row.block is not None:
            self._report.add("LB0105", f"{row.name} needs a block", node.place(len(node.words)), expected="{")
            return False
        where = node.place()
        self._report.add("LB0104", f"{row.name} has no block: what is in the braces is left out", where)
        return True

    def _missing(self, node: Node, row: Keyword) -> None:
        code = "LB0109" if row.missing is Missing.ABORTS else "LB0110"
        self._report.add(
            code, f"{row.name} needs a value", node.place(len(node.words)), expected=row.value.expected
        )

    def _not_done(self, node: Node, row: Keyword, index: int = 0) -> None:
        if row.status is Status.NOT_YET:
            message = f"{row.name} is not carried out yet: {row.consequence}"
            self._report.add("LB0115", message, node.place(index))
        else:
            self._report.add("LB0116", f"{row.name} has no effect here: {row.consequence}", node.place(index))

    def _entries(self, node: Node, block: Block, value: Value, items: list[Item], quiet: bool) -> None:
        if node.children is not None:
            self._report.add("LB0104", "no block may stand here: it is left out", node.place())
            return
        if block.entries_per_line:
            items += [Item(None, word, node) for word in node.words]
            return
        reading = value.read(node.words)
        if reading.complaints:
            self._complain(node, reading.complaints, 0)
        if reading.used < len(node.words):
            self._extra(node, value, reading.used, node.words[0])
        for name, index in reading.options:
            if (row := block.words.get(name)) is not None:
                self._word(node, row, index, quiet)
        if reading.value is not None:
            items.append(Item(None, reading.value, node))

    def _word(self, node: Node, row: Keyword, index: int, quiet: bool) -> None:
        """A word of a line is a row as well as a keyword is."""
        if row.deprecated:
            message = f"{row.name} is deprecated"
            self._report.add("LB0114", message, node.place(index), suggestion=row.deprecated)
        if row.status is not Status.WORKS and not quiet:
            self._not_done(node, row, index)

    def _complain(self, node: Node, complaints: tuple[Complaint, ...], first: int, code: str = "") -> None:
        for complaint in complaints:
            index = first + complaint.word
            part = complaint.offset, complaint.length
            place = node.inside(index, *part) if complaint.length else node.place(index)
            message = f"{node.words[0]}: {complaint.message}" if first else complaint.message
            self._report.add(code or complaint.code, message, place, expected=complaint.expected)

    def _extra(self, node: Node, value: Value, first: int, name: str, *, strict: bool = False) -> None:
        place = node.place(first, len(node.words) - 1)
        extra = "…" if name == "auth_pass" else " ".join(node.words[first:])
        if strict:
            left_out = ": what is in the block is left out" if value.exact else ""
            message = f"{name}: '{extra}' may not stand here{left_out}"
            self._report.add("LB0203", message, place, expected=value.expected if value.takes_words else "{")
        elif not value.takes_words:
            self._report.add("LB0118", f"{name} takes no value: '{extra}' is ignored", place)
        else:
            self._report.add("LB0108", f"{name}: '{extra}' is ignored", place, expected=value.expected)

    def _unknown(self, node: Node, block: Block) -> None:
        if self._report.count("LB0107"):
            return
        word = node.words[0]
        what = "block" if node.children is not None else "keyword"
        tail = ": the block is left out" if node.children is not None else ""
        names = [
            name for name, row in block.keywords.items() if (row.block is None) == (node.children is None)
        ]
        suggestion = closest(word, names) or closest(word, list(block.keywords))
        self._report.add("LB0107", f"unknown {what} '{word}'{tail}", node.place(), suggestion=suggestion)
        if suggestion or node.children is not None:
            self._stand_in(node, suggestion)
