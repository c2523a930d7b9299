# SPDX-License-Identifier: Apache-2.0
"""What import-linter cannot see: the cimport lines. The fastpath's C side knows nothing of the rest of lbd."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CYTHON = sorted(path for path in (ROOT / "lbd").rglob("*.p[yx][xd]") if path.suffix in {".pyx", ".pxd"})
CIMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+cimport|cimport\s+([\w., ]+))", re.MULTILINE)
ALLOWED = re.compile(r"(lbd\.fastpath|libc|cython|cpython)(\.|$)")


def cimported(text: str) -> list[str]:
    """The modules that a Cython file cimports."""
    found = []
    for source, direct in CIMPORT.findall(text):
        found += [source] if source else [name.split(" as ")[0].strip() for name in direct.split(",")]
    return found


def test_the_reader_sees_both_forms() -> None:
    text = "cimport cython\nfrom libc.stdint cimport uint8_t\n    cimport a.b as c, d\nfrom x import cimportant\n"
    assert cimported(text) == ["cython", "libc.stdint", "a.b", "d"]


def test_there_are_cython_files() -> None:
    assert CYTHON


@pytest.mark.parametrize("path", CYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_fastpath_cimports_only_itself_and_c(path: Path) -> None:
    assert path.is_relative_to(ROOT / "lbd/fastpath") or path.parent == ROOT / "lbd"
    assert [name for name in cimported(path.read_text()) if not ALLOWED.match(name)] == []
