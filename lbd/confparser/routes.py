# SPDX-License-Identifier: Apache-2.0
"""The grammar of the lines of virtual_routes and virtual_rules: ip-route(8) and ip-rule(8) with keepalived's additions.

A word that is no option is the destination of a route; nexthops come last. After ``inet`` and ``inet6`` keepalived
passes over a word, and so do we: it is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyparsing as pp

from lbd.confparser import iproute, options, values
from lbd.confparser.addresses import convert_address
from lbd.confparser.values import Option, Value, literal, word

if TYPE_CHECKING:
    from lbd.confparser.schema.row import Keyword


@dataclass(frozen=True, slots=True)
class OptionLine:
    """Options by name, as given last; ``order`` has all of them, ``hops`` those of each nexthop."""

    said: Mapping[str, Any]
    order: tuple[str, ...]
    hops: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class _Hop:
    said: Mapping[str, Any]


_FAMILIES = ("inet", "inet6")
_BY_HAND = ("nexthop", "or", "as", *_FAMILIES)

_HOP = {
    "via": iproute.via(),
    "dev": values.INTERFACE,
    "weight": values.number(1, 256),
    "onlink": values.flag(),
    "encap": iproute.ENCAP,
    "realms": iproute.REALMS,
}


def _one(name: str, grammar: pp.ParserElement) -> pp.ParserElement:
    """``NAME …`` as an Option with the last token as its value."""

    def made(text: str, loc: int, tokens: pp.ParseResults) -> list[Option]:
        found = tokens.as_list()
        return [Option(name, found[-1] if len(found) > 1 else True, text.index(name, loc))]

    return (literal(name) + grammar).set_parse_action(made)


def _passed_over(rows: Mapping[str, Keyword]) -> list[pp.ParserElement]:
    anything = word(values.convert_text, "a word")
    return [_one(name, pp.Opt(anything)) for name in _FAMILIES if name in rows]


def _make(tokens: list[Any]) -> OptionLine:
    found = [token for token in tokens if isinstance(token, Option)]
    hops = tuple(token.said for token in tokens if isinstance(token, _Hop))
    return OptionLine({o.name: o.value for o in found}, tuple(o.name for o in found), hops)


def route_line(rows: Mapping[str, Keyword]) -> Value:
    """A line of virtual_routes and static_routes."""
    address = word(iproute.convert_route_word, "an option of a route or its destination")
    kind = literal(*iproute.ROUTE_TYPES) + address
    destination = (pp.Opt(literal("to")) + (kind | address)).set_parse_action(
        lambda text, loc, tokens: [Option("(destination)", tuple(tokens.as_list()), loc)]
    )
    hop = pp.MatchFirst([options.option(name, value) for name, value in _HOP.items()])
    hops = (literal("nexthop") - hop[...]).set_parse_action(
        lambda tokens: [_Hop({o.name: o.value for o in tokens.as_list()[1:]})]
    )
    second = word(convert_address, "an address")
    special = [_one("or", second), _one("as", pp.Opt(literal("to")) + second), *_passed_over(rows)]
    known = options.options({name: row for name, row in rows.items() if name not in _BY_HAND})
    grammar = (pp.MatchFirst(special) | known | ~literal("nexthop") + destination)[...] + hops[...]
    expected = "[TYPE] DESTINATION [via ADDRESS] [dev IF] and other options of ip-route(8)"
    return Value(grammar, expected, make=_make, aborts=True)


def rule_line(rows: Mapping[str, Keyword]) -> Value:
    """A line of virtual_rules and static_rules."""
    known = options.options({name: row for name, row in rows.items() if name not in (*_BY_HAND, "type")})
    introduced = pp.Opt(literal("type").suppress())
    unknown = word(options.refuse, "an option of ip-rule(8)")
    grammar = (pp.MatchFirst(_passed_over(rows)) | introduced + known | unknown)[...]
    return Value(
        grammar, "[from ADDRESS] [to ADDRESS] … table TABLE, as in ip-rule(8)", make=_make, aborts=True
    )
