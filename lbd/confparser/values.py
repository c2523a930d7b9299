# SPDX-License-Identifier: Apache-2.0
"""The grammar of values: what may stand after a keyword, as pyparsing expressions over the words of a line.

The lexer has already found the words, so the expressions run over words joined by newlines: a word may contain
spaces (it was quoted), and a place in that text leads back to a word and its column. pyparsing is slow and
configurations repeat themselves: each Value remembers what equal words meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyparsing as pp

from lbd.confparser.quoting import Quoting

_SEPARATOR = "\n"
_EMPTY = "\0"
"""Stands for the empty word ``""``; a NUL never reaches this far."""
_REMEMBERED = 65536
_LONG = 16
"""Lines of more words hardly repeat, and are not worth the memory."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a word (its index counts from 0), or with a part of it."""

    message: str
    expected: str
    word: int
    offset: int = 0
    length: int = 0
    """0 means the whole word."""
    code: str = "LB0201"


@dataclass(frozen=True, slots=True)
class Reading:
    """What words mean: ``value`` (None if nothing can be made of them), how many were used, what is wrong."""

    value: Any
    used: int
    complaints: tuple[Complaint, ...] = ()
    options: tuple[tuple[str, int], ...] = ()
    """The options that were read, each with the index of its word."""


class RefusedError(ValueError):
    """Raised by a converter: what is wrong with the word, and which part of it."""

    def __init__(self, message: str, offset: int = 0, length: int = 0) -> None:
        super().__init__(message)
        self.offset = offset
        self.length = length


@dataclass(frozen=True, slots=True)
class _Soft:
    """A token that is a complaint: the words around it still count."""

    loc: int
    message: str
    expected: str


@dataclass(frozen=True, slots=True)
class Option:
    """A token: a word of a line with the value that follows it."""

    name: str
    value: Any
    loc: int = 0


class Value:
    """A grammar with a name. ``make`` turns the tokens into the value; without it the one token is the value."""

    def __init__(
        self,
        grammar: pp.ParserElement,
        expected: str,
        *,
        make: Callable[[list[Any]], Any] | None = None,
        optional: bool = False,
        takes_words: bool = True,
        exact: bool = False,
        quoting: Quoting = Quoting.PLAIN,
        aborts: bool = False,
    ) -> None:
        self.expected = expected
        self.quoting = quoting
        self.optional = optional
        self.takes_words = takes_words
        self.exact = exact
        """True where keepalived minds extra words."""
        self.element = grammar
        """The grammar alone, to stand inside that of a longer line."""
        self._missing = "LB0109" if aborts else "LB0110"
        """``aborts``: keepalived ends at once where a value is missing inside of this one."""
        self._make = make
        end = pp.Empty().set_parse_action(lambda s, l, t: [_End(l)])  # noqa: E741
        self._grammar = (grammar + end).parse_with_tabs()
        self._memory: dict[tuple[str, ...], Reading] = {}

    def read(self, words: tuple[str, ...]) -> Reading:
        found = self._memory.get(words)
        if found is None:
            if len(words) > _LONG:
                return self._read(words)
            if len(self._memory) >= _REMEMBERED:
                self._memory.clear()
            found = self._memory[words] = self._read(words)
        return found

    def _read(self, words: tuple[str, ...]) -> Reading:
        text = _SEPARATOR.join(word or _EMPTY for word in words)
        try:
            tokens = self._grammar.parse_string(text).as_list()
        except pp.ParseBaseException as error:
            return Reading(None, len(words), (self._complaint(error, text, words),))
        end: _End = tokens.pop()
        used = len(words) if end.loc >= len(text) else text.count(_SEPARATOR, 0, end.loc)
        soft = [token for token in tokens if isinstance(token, _Soft)]
        tokens = [token for token in tokens if not isinstance(token, _Soft)]
        complaints = [Complaint(s.message, s.expected, text.count(_SEPARATOR, 0, s.loc)) for s in soft]
        options = tuple(
            (token.name, text.count(_SEPARATOR, 0, token.loc))
            for token in tokens
            if isinstance(token, Option)
        )
        try:
            return Reading(self.made(tokens), used, tuple(complaints), options)
        except RefusedError as error:
            complaints.append(Complaint(str(error), self.expected, 0))
            return Reading(None, used, tuple(complaints), options)

    def made(self, tokens: list[Any]) -> Any:
        """The value of tokens. Raises RefusedError where they make none together."""
        if self._make is not None:
            return self._make(tokens)
        return tokens[0] if tokens else None

    def _complaint(self, error: pp.ParseBaseException, text: str, words: Sequence[str]) -> Complaint:
        if error.loc >= len(text):
            return Complaint("a value is missing", self.expected, len(words), code=self._missing)
        word = text.count(_SEPARATOR, 0, error.loc)
        if isinstance(error, _Refusal):
            return Complaint(error.message, error.expected, word, error.offset, error.length)
        return Complaint(f"'{words[word]}' is not {_article(self.expected)}", self.expected, word)


@dataclass(frozen=True, slots=True)
class _End:
    loc: int


class _Refusal(pp.ParseSyntaxException):
    """A word of the right place and the wrong content: no alternative is tried."""

    def __init__(self, text: str, loc: int, message: str, expected: str, part: tuple[int, int]) -> None:
        super().__init__(text, loc, message)
        self.message = message
        self.expected = expected
        self.offset, self.length = part


def _article(expected: str) -> str:
    return expected if expected.startswith(("a ", "an ", "one of ")) else f"valid: {expected}"


def word(convert: Callable[[str], Any], expected: str, *, soft: bool = False) -> pp.ParserElement:
    """Any one word, converted. A refusal ends the line, or (``soft``) only this word."""

    def action(text: str, loc: int, tokens: pp.ParseResults) -> list[Any]:
        content = "" if tokens[0] == _EMPTY else tokens[0]
        try:
            return [convert(content)]
        except RefusedError as error:
            if soft:
                return [_Soft(loc, str(error), expected)]
            raise _Refusal(text, loc, str(error), expected, (error.offset, error.length)) from None

    element = pp.Regex(r"[^\n]+").set_whitespace_chars(_SEPARATOR).set_name(f"<{expected}>")
    return element.set_parse_action(action)


def literal(*names: str) -> pp.ParserElement:
    """One of some words, as itself; other words are left for what follows."""
    pattern = "(?:" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + r")(?=\n|\Z)"
    quoted = " | ".join(f'"{name}"' for name in names)
    shown = quoted if len(names) == 1 else f"( {quoted} )"
    return pp.Regex(pattern).set_whitespace_chars(_SEPARATOR).set_name(shown)


# converters


def convert_text(content: str) -> str:
    return content


def convert_int(low: int | None, high: int | None) -> Callable[[str], int]:
    def convert(content: str) -> int:
        match = re.match(r"[+-]?[0-9]+", content)
        if match is None:
            raise RefusedError(f"'{content}' is not a number")
        if match.end() != len(content):
            rest = len(content) - match.end()
            raise RefusedError(f"'{content}' has something after the number", match.end(), rest)
        if len(content) > 20:
            raise RefusedError(f"'{content[:20]}…' is out of range")
        number = int(content)
        if (low is not None and number < low) or (high is not None and number > high):
            raise RefusedError(f"{number} is out of range")
        return number

    return convert


def convert_integer_text(content: str) -> str:
    """A number, as it is written."""
    convert_int(None, None)(content)
    return content


def convert_seconds(low: float, high: float) -> Callable[[str], float]:
    def convert(content: str) -> float:
        if not re.fullmatch(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]*)?|\.[0-9]{1,18})", content):
            raise RefusedError(f"'{content}' is not a number of seconds")
        seconds = float(content)
        if not math.isfinite(seconds) or seconds < low or seconds > high:
            raise RefusedError(f"{content} s is out of range")
        return round(seconds, 6)

    return convert


def convert_choice(names: Sequence[str], any_case: bool) -> Callable[[str], str]:
    known = {name.upper() if any_case else name: name for name in names}

    def convert(content: str) -> str:
        found = known.get(content.upper() if any_case else content)
        if found is None:
            raise RefusedError(f"'{content}' is not one of them")
        return found

    return convert


# ready-made values


def _range_text(low: object, high: object) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f" of at least {low}"
    return f" {low}–{high}" if low is not None else f" up to {high}"


def number(low: int | None = None, high: int | None = None, *, optional: bool = False) -> Value:
    expected = "a number" + _range_text(low, high)
    element = word(convert_int(low, high), expected)
    return Value(pp.Opt(element) if optional else element, expected, optional=optional)


def _plain(value: float) -> str:
    """``0.000001``, not ``1e-06``."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def seconds(low: float = 0.0, high: float | None = 4294.967295) -> Value:
    """Up to six decimals. ``high`` None is keepalived's unsigned limit, no limit for anybody."""
    expected = f"seconds from {_plain(low)}" if high is None else f"seconds {_plain(low)}–{_plain(high)}"
    return Value(word(convert_seconds(low, 4294967295.0 if high is None else high), expected), expected)


def milliseconds(low: float, high: float) -> Value:
    expected = f"milliseconds {_plain(low)}–{_plain(high)}"
    return Value(word(convert_seconds(low, high), expected), expected)


def choice(*names: str, any_case: bool = False, optional: bool = False) -> Value:
    expected = "one of " + ", ".join(names)
    element = word(convert_choice(names, any_case), expected)
    return Value(pp.Opt(element) if optional else element, expected, optional=optional)


def text(
    expected: str = "a word",
    *,
    optional: bool = False,
    exact: bool = False,
    quoting: Quoting = Quoting.PLAIN,
) -> Value:
    element = word(convert_text, expected)
    grammar = pp.Opt(element) if optional else element
    return Value(grammar, expected, optional=optional, exact=exact, quoting=quoting)


def rest(expected: str, *, optional: bool = False, quoting: Quoting = Quoting.PLAIN) -> Value:
    """All words to the end, as a tuple."""
    element = word(convert_text, expected)
    grammar = element[...] if optional else element[1, ...]
    return Value(grammar, expected, make=tuple, optional=optional, quoting=quoting)


def flag() -> Value:
    """The bare keyword. keepalived ignores what follows: ``alpha no`` switches alpha on."""
    return Value(pp.Empty(), "nothing", make=lambda tokens: True, optional=True, takes_words=False)


_TRUE, _FALSE = ("on", "true", "yes"), ("off", "false", "no")


def boolean() -> Value:
    """keepalived.conf(5): bare means on."""
    expected = "on, true, yes, off, false or no"
    element = word(convert_choice((*_TRUE, *_FALSE), False), expected)
    return Value(
        pp.Opt(element), expected, make=lambda tokens: not tokens or tokens[0] in _TRUE, optional=True
    )


SCRIPT = rest("a command", quoting=Quoting.COMMAND)
INTERFACE = text("an interface name")
