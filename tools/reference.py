# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference/ from the table of keywords: ``python -m tools.reference``. A test says when it is due."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lbd.confparser import bnf, docs

PAGES: dict[str, Callable[[], str]] = {
    "keepalived.conf.md": docs.reference,
    "keywords.md": docs.matrix,
    "messages.md": docs.messages,
    "grammar.ebnf": bnf.grammar,
}
DIRECTORY = Path(__file__).resolve().parent.parent / "docs" / "reference"


def main() -> None:
    DIRECTORY.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (DIRECTORY / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
