# SPDX-License-Identifier: Apache-2.0
"""Lines to words and braces, with columns."""

from __future__ import annotations

import pytest

from lbd.confparser.lexer import Brace, Unmatched, Words, pieces


def words(text: str) -> list[str]:
    """Words and braces of a line, flat."""
    out: list[str] = []
    for piece in pieces(text):
        if isinstance(piece, Words):
            out += piece.words
        elif isinstance(piece, Brace):
            out.append("{" if piece.opens else "}")
        else:
            out.append("<unmatched>")
    return out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   \t ", []),
        ("# comment", []),
        ("! comment", []),
        ("a b", ["a", "b"]),
        ("a\tb\x0bc\x0cd\r", ["a", "b", "c", "d"]),
        ("a b # c", ["a", "b"]),
        ("a b!c", ["a", "b"]),
        (r"a\#b \!c", ["a#b", "!c"]),
        (r"a\b", [r"a\b"]),
        ("name{", ["name", "{"]),
        ("a { b c }", ["a", "{", "b", "c", "}"]),
        ('a "b # ! { } c" d', ["a", "b # ! { } c", "d"]),
        ('a ""', ["a", ""]),
        ('a"b"c', ["a", "b", "c"]),
        ('"a" b', ["a", "b"]),
        ('a "b', ["a", "<unmatched>"]),
        ("a;b", ["a;b"]),
        ("a \u00a0b", ["a", "\u00a0b"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_columns() -> None:
    assert pieces('  ab "c d"{ }') == (
        Words(("ab", "c d"), ((2, 4), (5, 10))),
        Brace(True, (10, 11)),
        Brace(False, (12, 13)),
    )


def test_an_unmatched_quote_spans_to_the_end() -> None:
    assert pieces('ab "cd  ') == (Words(("ab",), ((0, 2),)), Unmatched((3, 6), opens=False))
    assert pieces('ab "cd {')[-1] == Unmatched((3, 8), opens=True)


def test_equal_lines_are_cut_once() -> None:
    assert pieces("weight 1") is pieces("weight 1")
