# SPDX-License-Identifier: Apache-2.0
"""The file names that an ``include`` pattern stands for: glob(3) with GLOB_BRACE, relative to the including file."""

from __future__ import annotations

import glob
import os

MAX_ALTERNATIVES = 256


def pattern_of(text: str) -> str:
    """The pattern without quotes and without a trailing comment."""
    if text.startswith('"'):
        return text[1:].split('"', 1)[0]
    for mark in "#!":
        text = text.split(mark, 1)[0]
    return text.strip()


def matching(pattern: str, directory: str) -> list[str]:
    """In glob's order (sorted) for each alternative of the braces, in theirs. Files only once."""
    found: dict[str, None] = {}
    for alternative in _alternatives(pattern):
        path = os.path.join(directory, alternative)
        names = sorted(glob.glob(path)) if glob.has_magic(path) else [path] * os.path.lexists(path)
        found.update(dict.fromkeys(names))
    return list(found)


def _alternatives(pattern: str) -> list[str]:
    """``a{b,c{d,e}}`` → ``ab acd ace``. An unbalanced brace is an ordinary character."""
    done: list[str] = []
    waiting = [pattern]
    while waiting and len(done) + len(waiting) <= MAX_ALTERNATIVES:
        text = waiting.pop(0)
        cut = _first_group(text)
        if cut is None:
            done.append(text)
        else:
            start, end, parts = cut
            waiting[:0] = [text[:start] + part + text[end:] for part in parts]
    return done


def _first_group(text: str) -> tuple[int, int, list[str]] | None:
    start = text.find("{")
    if start < 0:
        return None
    depth = 0
    last = start + 1
    parts: list[str] = []
    for index in range(start, len(text)):
        character = text[index]
        if character == "{":
            depth += 1
        elif character == "," and depth == 1:
            parts.append(text[last:index])
            last = index + 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return start, index + 1, [*parts, text[last:index]]
    return None
