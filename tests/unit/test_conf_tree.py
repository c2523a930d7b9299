# SPDX-License-Identifier: Apache-2.0
"""Braces to blocks, and the table of keywords they are looked up in."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbd.confparser import CODES
from lbd.confparser.diagnostics import Report
from lbd.confparser.reader import Reader
from lbd.confparser.schema import LANGUAGE, ROOT, ROOT_BLOCKS, Block, Keyword, Missing, Status
from lbd.confparser.tree import Node, build


def shape(nodes: list[Node]) -> list[object]:
    return [
        " ".join(node.words) if node.children is None else (" ".join(node.words), shape(node.children))
        for node in nodes
    ]


def tree(tmp_path: Path, text: str) -> tuple[list[object], list[str]]:
    file = tmp_path / "main.conf"
    file.write_text(text)
    report = Report(str(file))
    nodes = build(list(Reader(report, "x").lines(str(file))), report)
    return shape(nodes), [d.short().removeprefix(f"{file}:") for d in report.diagnostics]


@pytest.mark.parametrize(
    "text", ["a b {\n c d\n}\n", "a b\n{\n c d }\n", "a b{c d}", "a b\n\n# x\n{ c d\n}", 'a "b" { c d }']
)
def test_braces_may_stand_anywhere(tmp_path: Path, text: str) -> None:
    assert tree(tmp_path, text) == ([("a b", ["c d"])], [])


def test_an_empty_block_is_a_block(tmp_path: Path) -> None:
    assert tree(tmp_path, "a {\n}\nb\n") == ([("a", []), "b"], [])


def rows(block: Block, path: str = "") -> list[tuple[str, Keyword]]:
    """Keywords, the words of lines and values, and what is inside of both."""
    found: list[tuple[str, Keyword]] = []
    for row in (*block.keywords.values(), *block.words.values()):
        found += _row_and_inner(row, path)
    return found


def _row_and_inner(row: Keyword, path: str) -> list[tuple[str, Keyword]]:
    here = f"{path}/{row.name}"
    found = [(here, row)]
    for word in row.words.values():
        found += _row_and_inner(word, here)
    return found + (rows(row.block, here) if row.block is not None else [])


EVERY = [*rows(ROOT), *((f"/{name}", row) for name, row in LANGUAGE.items())]


@pytest.mark.parametrize(("path", "row"), EVERY, ids=lambda value: value if isinstance(value, str) else "")
def test_every_row_of_the_table_is_whole(path: str, row: Keyword) -> None:
    assert path.endswith(f"/{row.name}")
    assert len(row.meaning.split()) > 1 or row.name == row.meaning or synonym(path, row), "a meaning in words"
    assert not row.meaning.endswith("."), "a line, not a sentence"
    assert row.value.expected
    assert (row.status is not Status.WORKS) == bool(row.consequence)
    assert not row.consequence.endswith(".")
    assert row.source in ("keepalived", "DPVS", "lbd")
    assert not (row.source == "DPVS" and row.since)
    assert not row.since or row.since.split(".")[0] == "2"
    assert not (row.value.optional and row.missing is Missing.ABORTS)
    assert row.fields or row.status is Status.NO_EFFECT, "the field of the model that holds it"


def synonym(path: str, row: Keyword) -> bool:
    """The meaning is another keyword of the same place."""
    siblings = {
        name.rsplit("/", 1)[1] for name, _ in EVERY if name.rsplit("/", 1)[0] == path.rsplit("/", 1)[0]
    }
    return row.meaning in siblings


def test_the_table_holds_the_blocks_of_the_first_day() -> None:
    names = {path for path, _ in rows(ROOT)}
    for path in (
        "/global_defs/router_id",
        "/vrrp_instance/authentication/auth_pass",
        "/vrrp_instance/virtual_ipaddress_excluded",
        "/vrrp_instance/track_interface",
        "/vrrp_sync_group/group",
        "/virtual_server/real_server/HTTP_GET/url/status_code",
        "/virtual_server/real_server/TCP_CHECK/connect_port",
        "/virtual_server/sorry_server",
        "/virtual_server/laddr_group_name",
        "/virtual_server_group",
        "/local_address_group",
    ):
        assert path in names
    assert len(names) > 690


def keywords(block: Block) -> set[str]:
    inner = (row.block for row in block.keywords.values() if row.block is not None)
    return set(block.keywords).union(*map(keywords, inner))


def test_root_blocks_stand_nowhere_else() -> None:
    inner = {name for row in ROOT.keywords.values() if row.block is not None for name in keywords(row.block)}
    assert {"vrrp_instance", "virtual_server", "global_defs"} <= ROOT_BLOCKS
    assert not ROOT_BLOCKS & inner


def test_codes_have_one_form() -> None:
    for code, kind in CODES.items():
        assert len(code) == 6
        assert code.startswith("LB")
        assert code[2:].isdigit()
        assert kind.exit_code in (0, 2, 4, 5, 6)
        assert kind.title
