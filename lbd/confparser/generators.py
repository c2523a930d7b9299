# SPDX-License-Identifier: Apache-2.0
"""``~SEQ(VAR[, START[, STEP]], END)`` and ``~LST(…)``: one line that stands for many (keepalived.conf(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_VALUES = 100_000

GENERATOR = re.compile(r"\s*~(?P<kind>SEQx?|LST)[ \t]*\(", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19})\Z", re.ASCII)
_SET = re.compile(r"\s*(?:\{(?P<set>[^{}()]*)\}|(?P<one>[^{}(),]*))\s*(?P<end>[,)])", re.ASCII)


class GeneratorError(Exception):
    """What is wrong, and the columns."""

    def __init__(self, message: str, start: int, end: int, expected: str) -> None:
        super().__init__(message)
        self.span = start, end
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Generator:
    names: tuple[str, ...]
    rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]
    rest: int
    """Where the line to repeat starts."""


SEQ_SHAPE = "~SEQ(VAR[, START[, STEP]], END) LINE"
LST_SHAPE = "~LST(VAR, VALUE, …) LINE or ~LST({VAR, …}, {VALUE, …}, …) LINE"


def arguments_end(text: str) -> int:
    """One past the parenthesis that ends the arguments, or 0."""
    return text.find(")") + 1


def read(text: str) -> Generator | None:
    """None if the line is no generator. Raises GeneratorError."""
    match = GENERATOR.match(text)
    if match is None:
        return None
    end = arguments_end(text)
    if not end:
        shape = LST_SHAPE if match["kind"] == "LST" else SEQ_SHAPE
        raise GeneratorError(f"~{match['kind']} has no )", match.start("kind") - 1, match.end(), shape)
    if match["kind"] == "LST":
        return _list(text, match.end(), end)
    return _sequence(text, match.end(), end, hexadecimal=match["kind"] == "SEQx")


def _sequence(text: str, start: int, end: int, hexadecimal: bool) -> Generator:
    name, *words = (word.strip() for word in text[start : end - 1].split(","))

    def wrong(message: str) -> GeneratorError:
        return GeneratorError(message, start, end - 1, SEQ_SHAPE)

    if not re.fullmatch(r"[A-Za-z0-9_]+", name) or not 1 <= len(words) <= 3:
        raise wrong("~SEQ needs a name and one to three numbers")
    bad = next((word for word in words if not _NUMBER.match(word)), None)
    if bad is not None:
        raise wrong(f"'{bad}' is not a number")
    first, step, last = _bounds([_number(word) for word in words])
    if not step or (last - first) * step < 0:
        raise wrong(f"from {first} by steps of {step} there is no way to {last}")
    if hexadecimal and min(first, last) < 0:
        raise wrong("~SEQx counts no negative numbers")
    count = (last - first) // step + 1
    if count > MAX_VALUES:
        raise wrong(f"~SEQ makes {count} lines, more than {MAX_VALUES}")
    numbers = range(first, last + (1 if step > 0 else -1), step)
    rows = ((f"{number:x}" if hexadecimal else str(number),) for number in numbers)
    return Generator((name,), rows, end)


def _number(word: str) -> int:
    """As strtol with base 0: 0x is hexadecimal, a leading 0 octal."""
    digits = word.lstrip("+-")
    try:
        value = int(digits, 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" else 10)
    except ValueError:
        value = int(digits)
    return -value if word[0] == "-" else value


def _bounds(numbers: list[int]) -> tuple[int, int, int]:
    if len(numbers) == 1:
        (last,) = numbers
        return (-1 if last < 0 else 1), (-1 if last < 1 else 1), last
    if len(numbers) == 2:
        first, last = numbers
        return first, (1 if first <= last else -1), last
    return numbers[0], numbers[1], numbers[2]


def _list(text: str, start: int, end: int) -> Generator:
    sets: list[tuple[str, ...]] = []
    at = start
    while at < end:
        match = _SET.match(text, at)
        if match is None:
            raise GeneratorError("~LST cannot be read here", at, end, LST_SHAPE)
        words = match["one"] if match["set"] is None else match["set"]
        sets.append(tuple(word.strip() for word in words.split(",")))
        at = match.end()
    names, *values = sets
    if not values or not all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in names):
        raise GeneratorError("~LST needs names and values", start, end - 1, LST_SHAPE)
    if any(len(one) > len(names) for one in values):
        raise GeneratorError("~LST has more values than names", start, end - 1, LST_SHAPE)
    return Generator(names, [one + ("",) * (len(names) - len(one)) for one in values], end)
