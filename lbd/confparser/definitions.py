# SPDX-License-Identifier: Apache-2.0
"""``$NAME=VALUE`` definitions and their use as ``$NAME`` and ``${NAME}``, keepalived's built-in ones included.

Expansion happens at use and again in what was expanded, inside quotes too (keepalived.conf(5), "Parameter
substitution"), one line at a time, so that a value of several lines may set what its later lines use.
"""

from __future__ import annotations

import os
import random
import re
from dataclasses import dataclass

from lbd.confparser.written import Substitution, Written

_DEFINITION = re.compile(r"\s*\$([A-Za-z0-9_]+)=(.*)\Z", re.DOTALL | re.ASCII)
# The short form ends at white space, a comma, a parenthesis or the end of the line.
_REFERENCE = re.compile(
    r"\$(?:\{(?P<long>[A-Za-z0-9_]+)(?:[ \t]+(?P<words>[^{}\n]*))?\}|(?P<short>[A-Za-z0-9_]+)(?=[\s,)]|\Z))",
    re.ASCII,
)
_RANDOM_MAX = 32767


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why a name has no value."""

    text: str


_UNKNOWN = _Reason("is not defined")


@dataclass(frozen=True, slots=True)
class Undefined:
    """A reference that stays as it is. keepalived would take the braces of the long form for a block."""

    name: str
    start: int
    end: int
    braces: bool
    reason: str


def definition(line: str) -> tuple[str, str] | None:
    """The name and the value if the line is a definition."""
    match = _DEFINITION.match(line)
    return (match[1], match[2].strip()) if match else None


class Definitions:
    """All names known at one point of the reading; ``_PWD`` and ``_INSTANCE`` are set by the reader."""

    def __init__(self) -> None:
        # A # or ! that comes out of a definition starts a comment: keepalived's way to switch lines off.
        self._values: dict[str, str] = {"_HASH": "#", "_BANG": "!"}

    def set(self, name: str, value: str) -> None:
        self._values[name] = value

    def expand(self, line: Written) -> Written | None:
        """Each reference of the line replaced once, up to the first value of several lines; None without any."""
        out: Substitution | None = None
        for match in _REFERENCE.finditer(line.text):
            value = self._value(match)
            if isinstance(value, _Reason):
                continue
            out = out or Substitution(line)
            out.replace(match.start(), match.end(), value)
            if "\n" in value:
                break
        return out.finish() if out is not None else None

    def undefined(self, line: str) -> list[Undefined]:
        """What ``expand`` leaves behind."""
        found = []
        for match in _REFERENCE.finditer(line):
            value = self._value(match)
            if isinstance(value, _Reason):
                name = match["long"] or match["short"]
                found.append(Undefined(name, match.start(), match.end(), bool(match["long"]), value.text))
        return found

    def _value(self, match: re.Match[str]) -> str | _Reason:
        """The value, or why there is none."""
        name = match["long"] or match["short"]
        words = (match["words"] or "").split()
        if name == "_RANDOM":
            return _random(words)
        if name == "_ENV":
            return _environment(words)
        if words:
            return _Reason("takes no words")
        return self._values.get(name, _UNKNOWN)


def _random(words: list[str]) -> str | _Reason:
    """``${_RANDOM [MIN [MAX]]}``. MIN above MAX is what ends keepalived 2.2.7 with a division by zero."""
    if len(words) > 2 or not all(word.isdecimal() and len(word) <= 18 for word in words):
        return _Reason("takes a minimum and a maximum")
    low, high = (*map(int, words), *(0, _RANDOM_MAX)[len(words) :])
    return str(random.randint(low, high)) if low <= high else _Reason("has a minimum above its maximum")


def _environment(words: list[str]) -> str | _Reason:
    """``${_ENV NAME}`` of keepalived 2.4."""
    if len(words) != 1:
        return _Reason("takes the name of an environment variable")
    value = os.environ.get(words[0])
    return value if value is not None else _Reason(f"finds no environment variable {words[0]}")
