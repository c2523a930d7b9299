# SPDX-License-Identifier: Apache-2.0
"""Braces to blocks, and the table of keywords they are looked up in."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbd.confparser import CODES
from lbd.confparser.diagnostics import Report
from lbd.confparser.reader import Reader
from lbd.confparser.schema import ROOT, ROOT_BLOCKS, Block, Keyword, Missing, Status
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
    nodes = build(list(Reader(report, "x").lines(str(file))), report, {"top"})
    return shape(nodes), [d.short().removeprefix(f"{file}:") for d in report.diagnostics]


@pytest.mark.parametrize(
    "text", ["a b {\n c d\n}\n", "a b\n{\n c d }\n", "a b{c d}", "a b\n\n# x\n{ c d\n}", 'a "b" { c d }']
)
def test_braces_may_stand_anywhere(tmp_path: Path, text: str) -> None:
    assert tree(tmp_path, text) == ([("a b", ["c d"])], [])


def test_an_empty_block_is_a_block(tmp_path: Path) -> None:
    assert tree(tmp_path, "a {\n}\nb\n") == ([("a", []), "b"], [])


def test_a_missing_brace_is_where_the_next_root_block_stands(tmp_path: Path) -> None:
    found, messages = tree(tmp_path, "top a {\n x {\n y\n}\ntop b {\n z\n}\n")
    assert found == [("top a", [("x", ["y"])]), ("top b", ["z"])]
    assert len(messages) == 1
    assert messages[0].startswith("5:1: error: the block 'top a' is not closed before this")


def test_a_root_block_inside_another_is_let_be_where_braces_match(tmp_path: Path) -> None:
    found, messages = tree(tmp_path, "top a {\n top b {\n }\n}\n")
    assert found == [("top a", [("top b", [])])]
    assert messages == []


def rows(block: Block, path: str = "") -> list[tuple[str, Keyword]]:
    found: list[tuple[str, Keyword]] = []
    for name, row in block.keywords.items():
        found.append((f"{path}/{name}", row))
        if row.block is not None:
            found += rows(row.block, f"{path}/{name}")
    return found


@pytest.mark.parametrize(
    ("path", "row"), rows(ROOT), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_row_of_the_table_is_whole(path: str, row: Keyword) -> None:
    assert path.endswith(f"/{row.name}")
    assert row.meaning
    assert row.value.expected
    assert (row.status is not Status.WORKS) == bool(row.consequence)
    assert row.source in ("keepalived", "DPVS")
    assert not (row.value.optional and row.missing is Missing.ABORTS)


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
    assert len(names) > 500


def test_root_blocks_stand_nowhere_else() -> None:
    inner = {path.rsplit("/", 1)[1] for path, _ in rows(ROOT) if path.count("/") > 1}
    assert {"vrrp_instance", "virtual_server", "global_defs"} <= ROOT_BLOCKS
    assert not ROOT_BLOCKS & inner


def test_codes_have_one_form() -> None:
    for code, kind in CODES.items():
        assert len(code) == 6
        assert code.startswith("LB")
        assert code[2:].isdigit()
        assert kind.exit_code in (0, 2, 4, 5, 6)
        assert kind.title
