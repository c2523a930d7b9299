# SPDX-License-Identifier: Apache-2.0
"""The shape of the table of keywords: what one row says about one directive.

Parser, messages and (later) the reference pages read the rows; nothing is said twice.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lbd.confparser import values
from lbd.confparser.values import Value


class Status(enum.Enum):
    WORKS = "works"
    NOT_YET = "not yet"
    """Understood and said so at every start, with the consequence."""
    NO_EFFECT = "no effect"
    """Will never do anything here; ``consequence`` says why."""


PARSER = "confparser"
"""In ``fields``: the directive is carried out while the configuration is read, and nobody else need know."""


class Missing(enum.Enum):
    """What keepalived 2.2.7 does with the bare keyword where a value belongs (found by trying)."""

    ABORTS = "aborts"
    """It ends at once with exit code 2."""
    REPORTED = "reported"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Keyword:
    name: str
    value: Value
    default: str
    meaning: str
    status: Status = Status.WORKS
    consequence: str = ""
    block: Block | None = None
    fields: tuple[str, ...] = ()
    """``Struct.field`` of lbd.model that the directive fills, or PARSER. A test demands that somebody reads them."""
    words: Mapping[str, Keyword] = field(default_factory=dict)
    """The words that its value may hold, each with what becomes of it: schedulers, options, forms."""
    missing: Missing = Missing.SILENT
    source: str = "keepalived"
    """Or ``DPVS``: only its fork of keepalived has the word; or ``lbd``: nobody else, so it stands behind ``@lbd``."""
    fork: str = ""
    """What DPVS's fork does otherwise with a word of keepalived's."""
    since: str = ""
    """The version of keepalived that brought it, for words newer than 2.2.7."""
    deprecated: str = ""
    """What to write instead."""
    required: bool = False
    """The block is nothing without it. Builders say so themselves for the blocks they build."""
    passed_over: bool = False
    """keepalived's 2.2.7 reads a wrong value of this one without a word."""


@dataclass(frozen=True, slots=True)
class Block:
    """What may stand between the braces: keywords, or lines of one shape (``entry``)."""

    keywords: dict[str, Keyword] = field(default_factory=dict)
    entry: Value | None = None
    words: Mapping[str, Keyword] = field(default_factory=dict)
    """The words that such a line may hold; one in parentheses stands for what it begins with."""
    entries_per_line: bool = False
    """True for lists whose lines may hold several words, each an entry of its own."""
    unchecked: bool = False
    """Lines are in a grammar that is not read yet."""
    required: tuple[str, ...] = ()


_FLAG = values.flag()
_BOOLEAN = values.boolean()


def by_name(rows: Iterable[Keyword]) -> dict[str, Keyword]:
    """Raises ValueError for a name that stands twice."""
    found: dict[str, Keyword] = {}
    for row in rows:
        if row.name in found:
            raise ValueError(f"{row.name} is in the table twice")
        found[row.name] = row
    return found


def block(rows: Iterable[Keyword] = (), **options: object) -> Block:
    keywords = by_name(rows)
    required = tuple(name for name, row in keywords.items() if row.required)
    return Block(keywords, required=required, **options)  # type: ignore[arg-type]


def works(name: str, value: Value, default: str, meaning: str, **more: object) -> Keyword:
    """A directive that this version carries out. Without its value keepalived stops (exit code 2)."""
    missing = Missing.SILENT if value.optional or not value.takes_words else Missing.ABORTS
    more.setdefault("missing", missing)
    return Keyword(name, value, default, meaning, **more)  # type: ignore[arg-type]


def works_flag(name: str, meaning: str, **more: object) -> Keyword:
    return works(name, _FLAG, "off", meaning, **more)


def works_bool(name: str, default: str, meaning: str, **more: object) -> Keyword:
    return works(name, _BOOLEAN, default, meaning, **more)


def works_block(name: str, head: Value, inner: Block, meaning: str, **more: object) -> Keyword:
    return works(name, head, "", meaning, block=inner, **more)


def later(name: str, value: Value, default: str, meaning: str, consequence: str, **more: object) -> Keyword:
    """A directive that is understood and not carried out yet."""
    more.setdefault("status", Status.NOT_YET)
    return works(name, value, default, meaning, consequence=consequence, **more)


def later_flag(name: str, meaning: str, consequence: str, **more: object) -> Keyword:
    return later(name, _FLAG, "off", meaning, consequence, **more)


def later_bool(name: str, default: str, meaning: str, consequence: str, **more: object) -> Keyword:
    return later(name, _BOOLEAN, default, meaning, consequence, **more)


def inert(name: str, value: Value, default: str, meaning: str, why: str, **more: object) -> Keyword:
    """A directive without effect here, and why."""
    return works(name, value, default, meaning, consequence=why, status=Status.NO_EFFECT, **more)


def of(struct: str, rows: Iterable[Keyword]) -> list[Keyword]:
    """Rows that fill the field of their own name in ``struct``, unless they name others themselves."""
    return [
        row if row.fields else replace(row, fields=(f"{struct}.{row.name.replace('-', '_')}",))
        for row in rows
    ]


def not_yet(consequence: str, rows: Iterable[Keyword]) -> list[Keyword]:
    """Rows of a block that is not carried out as a whole: its head says so, once."""
    return [replace(row, status=Status.NOT_YET, consequence=consequence) for row in rows]


def words(*rows: Keyword) -> dict[str, Keyword]:
    return by_name(rows)


NOTHING = values.flag()
"""For blocks whose keyword takes no words."""
