# SPDX-License-Identifier: Apache-2.0
"""A keyword that "works" is read by somebody: mypy says who reads which field of which value.

Each row of the table names the model fields that it fills. mypy's types of all expressions of lbd tell every read of a
field outside of confparser and lbd.model, so a field of the same name in another class does not count, and neither does
a test, a comment, or a copy.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from mypy import build
from mypy.find_sources import create_source_list
from mypy.nodes import Expression, MemberExpr
from mypy.options import Options
from mypy.types import Instance, Type, TypeVarType, UnionType, get_proper_type

from lbd.confparser.schema import LANGUAGE, PARSER, ROOT, Block, Keyword, Status

ROOT_DIRECTORY = Path(__file__).resolve().parents[2]
LBD = ROOT_DIRECTORY / "lbd"
NOT_READERS = ("confparser", "model")


@dataclass(frozen=True)
class Row:
    path: str
    keyword: Keyword
    status: Status
    """Of the row and of all around it: what stands in a block that is not there yet is not there either."""


def rows(block: Block, path: str = "", around: Status = Status.WORKS) -> Iterator[Row]:
    for keyword in (*block.keywords.values(), *block.words.values()):
        yield from row_and_inner(keyword, path, around)


def row_and_inner(keyword: Keyword, path: str, around: Status) -> Iterator[Row]:
    status = keyword.status if around is Status.WORKS else around
    here = f"{path}/{keyword.name}"
    yield Row(here, keyword, status)
    for word in keyword.words.values():
        yield from row_and_inner(word, here, status)
    if keyword.block is not None:
        yield from rows(keyword.block, here, status)


EVERY = [*rows(ROOT)]


def structs() -> dict[str, type[msgspec.Struct]]:
    names = [f"lbd.model.{path.stem}" for path in (LBD / "model").glob("*.py")]
    return {
        name: value
        for module in names
        for name, value in vars(importlib.import_module(module)).items()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value is not msgspec.Struct
    }


STRUCTS = structs()


def _mypy() -> build.BuildResult:
    options = Options()
    options.export_types = options.preserve_asts = options.check_untyped_defs = True
    options.explicit_package_bases = options.ignore_missing_imports = True
    options.incremental = False
    options.cache_dir = os.devnull
    options.mypy_path = [str(ROOT_DIRECTORY)]
    return build.build(create_source_list([str(ROOT_DIRECTORY / "lbd")], options), options)


def _classes(kind: Type | None) -> Iterator[str]:
    """Full names of the classes that a value of this type may have."""
    proper = get_proper_type(kind)
    if isinstance(proper, TypeVarType):
        proper = get_proper_type(proper.upper_bound)
    if isinstance(proper, UnionType):
        for item in proper.items:
            yield from _classes(item)
    elif isinstance(proper, Instance):
        yield proper.type.fullname


Position = tuple[str, int, int, int | None, int | None]


def _attributes(paths: Iterable[Path]) -> set[Position]:
    """Where ``….name`` stands. mypy keeps no module of an expression, so these find it again."""
    return {
        (node.attr, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }


def _member_reads(types: dict[Expression, Type], positions: set[Position]) -> set[tuple[str, str]]:
    """``value.field`` at one of these positions, with the class of the value."""
    members = (expression for expression in types if isinstance(expression, MemberExpr))
    return {
        (name, member.name)
        for member in members
        if (member.name, member.line, member.column, member.end_line, member.end_column) in positions
        for name in _classes(types.get(member.expr))
    }


def _pattern_reads(text: str) -> set[tuple[str, str]]:
    """``case Struct(field=…)`` of one module."""
    patterns = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.MatchClass))
    return {
        (f"{STRUCTS[ast.unparse(node.cls)].__module__}.{ast.unparse(node.cls)}", field)
        for node in patterns
        if ast.unparse(node.cls) in STRUCTS
        for field in node.kwd_attrs
    }


def _own_reads() -> dict[tuple[str, str], set[str]]:
    """What properties of the model read of their own value."""
    found: dict[tuple[str, str], set[str]] = {}
    for kind in STRUCTS.values():
        for name, value in vars(kind).items():
            if isinstance(value, property) and value.fget is not None:
                tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(value.fget)))
                of_self = (
                    n
                    for n in ast.walk(tree)
                    if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
                )
                found[f"{kind.__module__}.{kind.__name__}", name] = {
                    n.attr for n in of_self if n.value.id == "self"
                }  # type: ignore[attr-defined]
    return found


@pytest.fixture(scope="module")
def reads() -> set[tuple[str, str]]:
    """(full class name, field) of every read outside the parser and the model."""
    inside = {path for room in NOT_READERS for path in (LBD / room).rglob("*.py")}
    outside = set(LBD.rglob("*.py")) - inside
    # A position that stands inside, too, could be that one: it proves nothing.
    positions = _attributes(outside) - _attributes(inside)
    found = _member_reads(_mypy().types, positions)
    for path in outside:
        found |= _pattern_reads(path.read_text())
    for (kind, name), fields in _own_reads().items():
        if (kind, name) in found:
            found |= {(kind, field) for field in fields}
    return found


def is_read(target: str, found: set[tuple[str, str]]) -> bool:
    """``Struct.field``: by the class itself or by one that it derives from."""
    name, _, field = target.partition(".")
    kind = STRUCTS.get(name)
    if kind is None:
        return False
    return any((f"{base.__module__}.{base.__name__}", field) in found for base in kind.__mro__)


def exists(target: str) -> bool:
    name, _, field = target.partition(".")
    return name in STRUCTS and hasattr(STRUCTS[name], field)


def in_parser(keyword: str) -> bool:
    """The parser itself carries it out: its builders name it."""
    texts = (
        path.read_text()
        for path in (ROOT_DIRECTORY / "lbd" / "confparser").rglob("*.py")
        if "schema" not in path.parts
    )
    return any(f'"{keyword}"' in text for text in texts)


def test_what_works_is_read(reads: set[tuple[str, str]]) -> None:
    unread = [
        f"{row.path}: nobody reads {field}"
        for row in EVERY
        if row.status is Status.WORKS
        for field in row.keyword.fields or ("(no field)",)
        if not (in_parser(row.keyword.name) if field == PARSER else is_read(field, reads))
    ]
    assert unread == []


def test_the_reads_are_found(reads: set[tuple[str, str]]) -> None:
    """So that a mypy that tells nothing makes no test pass, nor one that tells too much."""
    assert is_read("VrrpInstance.advert_int", reads)
    assert is_read("TcpCheck.connect_port", reads), "by the class that it derives from"
    assert is_read("VrrpInstance.native_ipv6", reads), "by a property of the model"
    assert not is_read("VrrpInstance.nowhere", reads)
    assert not is_read("GlobalDefs.advert_int", reads)


def test_the_words_of_the_language_are_the_readers() -> None:
    assert all(row.fields == (PARSER,) for row in LANGUAGE.values())
