# SPDX-License-Identifier: Apache-2.0
"""Lines of options (addresses, routes, rules, lvs_sync_daemon …): their grammar, made from rows of the table.

``WORD [OPTION [VALUE]]…``: what an option's value looks like stands in its row, so a line is read by the table as a
block is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pyparsing as pp

from lbd.confparser.values import Option, RefusedError, Value, literal, word

if TYPE_CHECKING:
    from lbd.confparser.schema.row import Keyword


def option(name: str, value: Value) -> pp.ParserElement:
    """``NAME [VALUE]`` as one Option; a value that is wrong ends the line."""
    head = literal(name).set_parse_action(lambda s, loc, t: [Option(name, None, loc)])
    if not value.takes_words:
        return head.add_parse_action(lambda t: [Option(name, True, t[0].loc)])
    tail = pp.Opt(value.element) if value.optional else value.element

    def made(tokens: pp.ParseResults) -> list[Option]:
        first, *rest = tokens.as_list()
        return [Option(name, value.made(rest), first.loc)]

    return (head - tail).set_parse_action(made)


def options(rows: Mapping[str, Keyword]) -> pp.ParserElement:
    """Any one option of the table."""
    return pp.MatchFirst([option(name, row.value) for name, row in rows.items() if not name.startswith("(")])


def refuse(content: str) -> str:
    """The converter of a word that may not be there. Raises RefusedError."""
    raise RefusedError(f"unknown option '{content}'")


def unknown(rows: Mapping[str, Keyword], what: str) -> pp.ParserElement:
    """A word that is none of them: said, and passed over."""
    names = ", ".join(name for name in rows if not name.startswith("("))
    return word(refuse, f"{what}: {names}", soft=True)


def line(
    rows: Mapping[str, Keyword],
    expected: str,
    make: Callable[[list[Any]], Any],
    *,
    head: pp.ParserElement | None = None,
    what: str = "one of the options",
    optional: bool = False,
) -> Value:
    """A whole line. ``make`` gets what ``head`` made and then the Options, in the order written."""
    tail = (options(rows) | unknown(rows, what))[...]
    return Value(tail if head is None else head + tail, expected, make=make, optional=optional)


def last(tokens: list[Any]) -> dict[str, Any]:
    """Options by name; one that is given again counts as it was given last."""
    return {token.name: token.value for token in tokens if isinstance(token, Option)}
