# SPDX-License-Identifier: Apache-2.0
"""Messages about a configuration: values with a position, the collector of one run, and how they print.

Nothing here raises on a user's mistake and nothing prints by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from lbd.confparser.codes import CODES, Severity

MAX_DIAGNOSTICS = 1000
_TINTS = {Severity.WARNING: "\x1b[33m", Severity.REMARK: "\x1b[36m"}


@dataclass(frozen=True, slots=True)
class Place:
    """Columns count characters from 1; ``end_column`` is one past the last."""

    file: str
    line: int
    column: int
    end_column: int
    text: str = ""
    """The line as it stands in the file."""
    include_chain: tuple[str, ...] = ()
    """``file:line`` of the includes that lead here, outermost first."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    code: str
    severity: Severity
    message: str
    file: str
    line: int
    column: int
    end_column: int
    expected: str = ""
    suggestion: str = ""
    include_chain: tuple[str, ...] = ()
    source_line: str = ""

    def short(self) -> str:
        """One line, as compilers write: ``file:line:column: error: message [LB0107]``."""
        hint = f" (did you mean '{self.suggestion}'?)" if self.suggestion else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        text = f"{self._where()}: {self.severity.value}: {self.message}{expected}{hint} [{self.code}]"
        return _printable(text)

    def human(self, colour: bool = False) -> str:
        """Several lines: the message, the source line with a caret, what was expected, where it was included."""
        red, bold, off = ("\x1b[31m", "\x1b[1m", "\x1b[0m") if colour else ("", "", "")
        tint = (_TINTS.get(self.severity) or red) if colour else ""
        head = f"{tint}{self.severity.value}[{self.code}]{off}"
        lines = [f"{bold}{_printable(self._where())}{off}: {head}: {_printable(self.message)}"]
        if self.source_line:
            lines += self._excerpt(tint, off)
        if self.expected:
            lines.append(f"  = expected: {_printable(self.expected)}")
        if self.suggestion:
            lines.append(f"  = did you mean '{_printable(self.suggestion)}'?")
        lines += [f"  = included from {_printable(step)}" for step in reversed(self.include_chain)]
        return "\n".join(lines)

    def _where(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def _excerpt(self, tint: str, off: str) -> list[str]:
        """At most 100 characters of the line around the place, so that a long line stays readable."""
        start = max(0, self.column - 60) if self.column > 80 else 0
        shown = self.source_line[start : start + 100]
        caret = self.column - 1 - start
        width = max(1, min(self.end_column - self.column, len(shown) - caret))
        pad = "".join("\t" if c == "\t" else " " for c in shown[:caret])
        number = str(self.line)
        return [
            f"  {number} | {_printable(shown)}",
            f"  {' ' * len(number)} | {pad}{tint}{'^' * width}{off}",
        ]


def _printable(text: str) -> str:
    """Control characters of a hostile file must not reach a terminal (CWE-150)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


class Report:
    """Collects the messages of one load. After MAX_DIAGNOSTICS it only counts."""

    def __init__(self, main_file: str) -> None:
        self.main_file = main_file
        self._found: list[Diagnostic] = []
        self._seen: set[tuple[str, str, int, int, str]] = set()
        self._unshown = 0
        """The exit code of what was not kept."""

    def add(
        self,
        code: str,
        message: str,
        place: Place | None = None,
        *,
        expected: str = "",
        suggestion: str = "",
    ) -> None:
        kind = CODES[code]
        where = place or Place(self.main_file, 0, 0, 0)
        key = (code, where.file, where.line, where.column, message)
        if key in self._seen:
            return
        if len(self._found) >= MAX_DIAGNOSTICS:
            self._unshown = _worse(self._unshown, kind.exit_code)
            return
        self._seen.add(key)
        self._found.append(_diagnostic(code, kind.severity, message, where, expected, suggestion))
        if len(self._found) == MAX_DIAGNOSTICS - 1:
            self.add("LB0011", f"more than {MAX_DIAGNOSTICS - 1} messages: the rest is not shown", place)

    def count(self, code: str) -> bool:
        """True if there is no room for another message: it was counted all the same."""
        if self.full:
            self._unshown = _worse(self._unshown, CODES[code].exit_code)
        return self.full

    def settle(self, judge: Callable[[Sequence[Diagnostic]], list[Diagnostic]]) -> None:
        """Let ``judge`` take back what was said only because of something else."""
        self._found = judge(self._found)

    @property
    def full(self) -> bool:
        """True when more messages would not be kept: nothing costly need be found out for them."""
        return len(self._found) >= MAX_DIAGNOSTICS

    @property
    def fatal(self) -> bool:
        return any(CODES[found.code].fatal for found in self._found) or self._unshown == 2

    @property
    def exit_code(self) -> int:
        code = self._unshown
        for found in self._found:
            code = _worse(code, CODES[found.code].exit_code)
        return code

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """In the order of the text: files as they first come up, then lines and columns."""
        files: dict[str, int] = {}
        for found in self._found:
            files.setdefault(found.file, len(files))
        return tuple(sorted(self._found, key=lambda d: (files[d.file], d.line, d.column)))


def _worse(one: int, other: int) -> int:
    """A missing mandatory value ends keepalived at once with 2, whatever came before it (alloc_value_block)."""
    return 2 if 2 in (one, other) else max(one, other)


def _diagnostic(
    code: str, severity: Severity, message: str, where: Place, expected: str, suggestion: str
) -> Diagnostic:
    return Diagnostic(
        code=code,
        severity=severity,
        message=message,
        file=where.file,
        line=where.line,
        column=where.column,
        end_column=where.end_column,
        expected=expected,
        suggestion=suggestion,
        include_chain=where.include_chain,
        source_line=where.text,
    )


def closest(word: str, candidates: Sequence[str]) -> str:
    """The likeliest intended word, or "" when none is near. Case alone never separates two words."""
    return _closest(word, tuple(candidates)) if len(word) <= 64 else ""


@lru_cache(4096)
def _closest(word: str, candidates: tuple[str, ...]) -> str:
    lowered = {candidate.lower(): candidate for candidate in candidates}
    if exact := lowered.get(word.lower()):
        return exact
    found = get_close_matches(word.lower(), lowered, n=1, cutoff=0.7)
    return lowered[found[0]] if found else ""


def colour_wanted(is_terminal: bool) -> bool:
    """https://no-color.org: any non-empty NO_COLOR switches colour off."""
    return is_terminal and not os.environ.get("NO_COLOR")
