# SPDX-License-Identifier: Apache-2.0
"""``lbctl explain LB0107``: the story of each code. A test demands one for every code, and runs its examples."""

from __future__ import annotations

from lbd.confparser.codes import CODES
from lbd.confparser.explain import (
    checks,
    files,
    language,
    lint_rest,
    lint_service,
    lint_vrrp,
    services,
    values,
    vrrp,
)
from lbd.confparser.explain.story import Example, Story

__all__ = ["STORIES", "Example", "Story", "explain"]

STORIES: dict[str, Story] = {}
for _family in (files, language, values, vrrp, services, checks, lint_vrrp, lint_service, lint_rest):
    STORIES |= _family.STORIES

_WIDTH = 100


def explain(code: str) -> str:
    """The story as text. Raises KeyError for a code that is none."""
    kind, told = CODES[code], STORIES[code]
    effect = (
        f"keepalived's exit code of a configuration test: {kind.exit_code}"
        if kind.exit_code
        else "no exit code"
    )
    refused = "; a start is refused" if kind.fatal else ""
    parts = [
        f"{code}: {kind.title} ({kind.severity.value}; {effect}{refused})",
        _wrapped(told.text),
        "Bad:\n\n" + _shown(told.bad),
        "Good:\n\n" + _shown(told.good),
    ]
    return "\n\n".join(parts) + "\n"


def _wrapped(text: str) -> str:
    import textwrap

    return textwrap.fill(text, _WIDTH)


def _shown(example: Example) -> str:
    text = example.text
    if text is None:
        return "    (no file)"
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    lines = _lines(text)
    for name, content in example.files.items():
        mark = " (with an execute bit)" if name == example.program else ""
        mark += " (mode 600)" if name == example.private else ""
        lines += ["", f"  {name}{mark}:", "", *_lines(content)]
    return "\n".join(lines)


def _lines(text: str) -> list[str]:
    lines = text.replace("\0", "\N{SYMBOL FOR NULL}").rstrip("\n").split("\n")
    shown = [line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…" for line in lines]
    if len(shown) > 40:
        shown = [*shown[:3], "…", shown[-1]]
    return [f"    {line}" for line in shown]
