# SPDX-License-Identifier: Apache-2.0
"""The file names that an ``include`` pattern stands for: glob(3) with GLOB_BRACE, relative to the including file.

``include`` takes what is there; its variants (keepalived.conf(5), "includer", "includem", "includew", "includeb",
"includea") insist on something each, and ``include_check`` in global_defs makes every ``include`` insist.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass

MAX_ALTERNATIVES = 256

CHECKS = {"read": "r", "match": "m", "wildcard_match": "w", "brace_match": "b"}
"""The words of ``include_check`` and the letters of the variants."""
ALL = frozenset("rmwb")


def checks_of(keyword: str) -> frozenset[str]:
    """What a variant insists on: its letter, and that what it matches can be read."""
    letter = keyword.removeprefix("include")
    return ALL if letter == "a" else frozenset(letter + "r") if letter else frozenset()


def change(checks: frozenset[str], words: Iterable[str]) -> frozenset[str]:
    """``include_check [[+|-]TYPE …]``: bare means all, without a sign they replace what was before."""
    chosen = list(words)
    if not chosen:
        return ALL
    result = checks if all(word[:1] in ("+", "-") for word in chosen) else frozenset()
    for word in chosen:
        letter = CHECKS.get(word.lstrip("+-"))
        if letter is not None:
            result = result - {letter} if word[0] == "-" else result | {letter}
    return result


@dataclass(frozen=True, slots=True)
class Matched:
    """The files, and what the pattern names that is not there."""

    paths: list[str]
    missing: list[str]
    """Alternatives without wildcards that do not exist."""
    wild: bool
    braces: bool

    def violates(self, checks: frozenset[str]) -> bool:
        """As keepalived 2.2.7 judges: a literal name, a wildcard and braces each have their check."""
        if self.braces:
            return "b" in checks and bool(self.missing)
        if self.paths:
            return False
        return "w" in checks if self.wild else bool(checks & {"m", "w"})


def matching(pattern: str, directory: str) -> Matched:
    """In glob's order (sorted) for each alternative of the braces, in theirs. Files only once."""
    found: dict[str, None] = {}
    missing: list[str] = []
    wild = False
    alternatives = _alternatives(pattern)
    for alternative in alternatives:
        path = os.path.join(directory, alternative)
        if glob.has_magic(alternative):
            wild = True
            found.update(dict.fromkeys(sorted(glob.glob(path))))
        elif os.path.lexists(path):
            found[path] = None
        else:
            missing.append(alternative)
    return Matched(list(found), missing, wild, alternatives != [pattern])


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
