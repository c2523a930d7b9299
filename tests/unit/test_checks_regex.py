# SPDX-License-Identifier: Apache-2.0
"""Patterns in bodies that come in pieces: as in one piece; in bounded memory and time."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbd.healthcheck import pcre
from lbd.healthcheck.probe import AnswerError
from lbd.healthcheck.regex import KEPT, Search
from lbd.model import Regex


def search(body: bytes, chunk: int, pattern: bytes, **more: object) -> Search:
    found = Search(Regex(pattern=pattern, **more))
    for at in range(0, len(body), chunk):
        found.feed(body[at : at + chunk])
    found.end()
    return found


CASES = [
    (rb"OK", b"all OK", {}, True),
    (rb"OK\s*$", b"all OK\n", {}, True),
    (rb"^OK", b"all OK", {}, False),
    (rb"^OK", b"OK", {}, True),
    (rb"^OK", b"all\nOK", {"options": ("multiline",)}, True),
    (rb"a.c", b"a\nc", {}, False),
    (rb"a.c", b"a\nc", {"options": ("dotall",)}, True),
    (rb"(?<=abc)d", b"abcd", {}, True),
    (rb"(?<!abc)d", b"abcd", {}, False),
    ("é".encode(), "xéx".encode(), {"options": ("utf",)}, True),
    ("É".encode(), "xéx".encode(), {"options": ("utf", "caseless")}, True),
    (rb"^.\z", "é".encode(), {"options": ("utf",)}, True),
    (rb"x", b"\xff\xfex", {"options": ("utf",)}, True),
    (rb"b", b"abcb", {"min_offset": 1, "max_offset": 2}, True),
    (rb"b", b"abcb", {"min_offset": 2, "max_offset": 3}, False),
    (rb"b", b"abcb", {"min_offset": 2}, True),
    (rb"", b"", {}, True),
    (rb"\0+", b"a\0\0", {}, True),
]


@pytest.mark.parametrize(("pattern", "body", "more", "found"), CASES)
@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_pieces_make_no_difference(pattern, body, more, found, chunk):
    assert search(body, chunk, pattern, **more).found is found


@given(st.lists(st.sampled_from(["a", "b", "ab", "a+", "b*", "[ab]", "a?b", "(a|ba)"]), min_size=1, max_size=4),
       st.text("abc", max_size=30), st.integers(1, 7))  # fmt: skip
def test_as_python_finds_it(parts, body, chunk):
    pattern = "".join(parts)
    found = search(body.encode(), chunk, pattern.encode()).found
    assert found is (re.search(pattern, body) is not None)


def test_memory_is_bounded():
    found = Search(Regex(pattern=rb"(?s)a.*b"))
    for _ in range(100):
        found.feed(b"a" + b"x" * 9999)
        assert len(found._kept) <= KEPT + 10000
    found = Search(Regex(pattern=rb"needle"))
    for _ in range(100):
        found.feed(b"x" * 10000)
        assert len(found._kept) < 100
    found.feed(b"need")
    found.feed(b"le")
    assert found.found


@pytest.mark.parametrize(
    "pattern", [rb"(a+)+$", rb"(a|aa)+$", rb"(.*a){12}c?b$", rb"^(([a-z])+.)+[A-Z]([a-z])+$", rb"(x+x+)+y"]
)
@pytest.mark.parametrize("body", [b"a" * 16384, b"a" * 16383 + b"!", b"x" * 16384 + b"z", b"ax" * 8000])
def test_a_catastrophic_pattern_is_ended(pattern, body):
    """Where it does not find its end by itself. The bound is a hundredfold, for machines that are busy."""
    began = time.thread_time()
    with contextlib.suppress(AnswerError):
        search(body, 16384, pattern)
    assert time.thread_time() - began < 5.0


def test_a_catastrophe_happens_at_all():
    with pytest.raises(AnswerError, match="backtracks without end"):
        search(b"a" * 1000 + b"!", 16384, rb"(a+)+$")


@pytest.mark.parametrize(
    ("pattern", "words"), [(rb"(", "missing closing parenthesis at byte 1"), (rb"a{2,1}", "at")]
)
def test_what_is_no_pattern(pattern, words):
    with pytest.raises(pcre.PatternError, match=words):
        pcre.Code(pattern)
    with pytest.raises(pcre.PatternError, match="no regex option nonsense"):
        pcre.Code(b"a", ["nonsense"])
