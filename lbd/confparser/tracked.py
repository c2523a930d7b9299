# SPDX-License-Identifier: Apache-2.0
"""The value grammar of the lines of track_interface, track_script and their kin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyparsing as pp

from lbd.confparser.values import RefusedError, Value, convert_int, convert_text, literal, word


@dataclass(frozen=True, slots=True)
class Tracked:
    """``NAME [weight WEIGHT [reverse]]``; a weight that is not given is None."""

    name: str
    weight: int | None = None
    reverse: bool = False


def _unknown(content: str) -> str:
    raise RefusedError(f"unknown option '{content}'")


def _make(tokens: list[Any]) -> Tracked:
    name, *options = tokens
    if not options:
        return Tracked(name)
    return Tracked(name, options[1], options[-1] == "reverse")


def line(what: str, low: int, high: int) -> Value:
    """``reverse`` only counts after a weight (keepalived 2.2.7 calls it unknown otherwise)."""
    weight = literal("weight") - word(convert_int(low, high), f"a weight {low}–{high}")
    option = word(_unknown, "weight WEIGHT [reverse]", soft=True)
    grammar = (
        word(convert_text, what) + pp.Opt(weight + pp.Opt(literal("reverse", "noreverse"))) + option[...]
    )
    return Value(grammar, f"{what} [weight WEIGHT [reverse]]", make=_make)


@dataclass(frozen=True, slots=True)
class Weight:
    weight: int
    reverse: bool = False


def weight(low: int, high: int) -> Value:
    """``WEIGHT [reverse]`` of a definition."""
    expected = f"a weight {low}–{high}"
    option = literal("reverse", "noreverse") | word(_unknown, "reverse", soft=True)
    return Value(
        word(convert_int(low, high), expected) + option[...],
        f"{expected} [reverse]",
        make=lambda tokens: Weight(tokens[0], "reverse" in tokens[1:]),
    )
