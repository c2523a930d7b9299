# SPDX-License-Identifier: Apache-2.0
"""The shape budget: an SPDX line in every file, at most 400 lines a file and 60 lines a function."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("lbd", "demo", "tools", "benchmarks", "tests", ".ci")
SOURCES = {".py", ".pyx", ".pxd", ".pxi", ".sh", ""}
FILE_LINES = 400
FUNCTION_LINES = 60
CYTHON_FUNCTION = re.compile(r"^(?P<indent>\s*)(?:async\s+)?(?:c?p?def)\s+(?!class\b)[^=]*\(")


def sources() -> list[Path]:
    """The source files that git knows or would know: generated and ignored ones have no budget."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *ROOMS]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    listed = answer.stdout.split("\0") if answer.returncode == 0 else []
    names = listed or [str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*")]
    paths = (ROOT / name for name in names if name)
    return sorted({path for path in paths if path.suffix in SOURCES and path.is_file()})


def python_functions(text: str) -> Iterator[tuple[str, int]]:
    """(name, lines) of each function, without its docstring's lines."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield node.name, lines


def cython_functions(text: str) -> Iterator[tuple[str, int]]:
    """(first line, lines) of each function, by indentation: it ends before the next line that is not deeper."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        head = CYTHON_FUNCTION.match(line)
        if head is None:
            continue
        depth, end = len(head["indent"]), start
        for number, later in enumerate(lines[start + 1 :], start + 1):
            if not later.strip() or later.lstrip().startswith(("#", ")")):
                continue
            if len(later) - len(later.lstrip()) <= depth:
                break
            end = number
        yield line.strip(), end - start + 1


def functions(path: Path) -> Iterator[tuple[str, int]]:
    if path.suffix == ".py":
        return python_functions(path.read_text())
    return cython_functions(path.read_text()) if path.suffix in {".pyx", ".pxd", ".pxi"} else iter(())


def test_the_two_counters_count() -> None:
    python = 'def f():\n    """Two\n    lines."""\n    a = 1\n    return a\n'
    cython = "cdef inline int f(int a,\n                  int b) noexcept nogil:\n    a = 1\n\n    return a\nx = 1\n"
    assert list(python_functions(python)) == [("f", 3)]
    assert [lines for _, lines in cython_functions(cython)] == [5]


def test_there_are_sources() -> None:
    assert len(sources()) > 20


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_keeps_to_the_budget(path: Path) -> None:
    text = path.read_text()
    head = text.splitlines()[:2]
    assert not text or any("SPDX-License-Identifier: Apache-2.0" in line for line in head)
    assert text.count("\n") <= FILE_LINES
    assert [(name, lines) for name, lines in functions(path) if lines > FUNCTION_LINES] == []
