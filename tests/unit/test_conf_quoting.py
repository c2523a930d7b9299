# SPDX-License-Identifier: Apache-2.0
"""The tokeniser of commands and regular expressions."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbd.confparser import load, quoting
from lbd.confparser.check import Checker
from lbd.confparser.diagnostics import Report
from lbd.confparser.reader import Reader
from lbd.confparser.schema import ROOT
from lbd.confparser.tree import build


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", ["a", "b"]),
        ("'a b' c", ["a b", "c"]),
        ('"a b" c', ["a b", "c"]),
        (r"a\ b c", ["a b", "c"]),
        ("""/no/"x y"'z w'q a""", ["/no/x yz wq", "a"]),
        (r'"a \"b c\" d"', ['a "b c" d']),
        (r"'it\'s'", ["it's"]),
        (r"\a\b\E\f\n\r\t\v", ["\a\b\x1b\f\n\r\t\v"]),
        (r"\x41\102\cA\.\\", ["AB\x01.\\"]),
        ("''", [""]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert list(quoting.words(text)[0]) == expected


@pytest.mark.parametrize(("text", "at"), [("a 'b", 2), ('a"b c', 1), ("a b\\", 3)])
def test_what_does_not_end(text: str, at: int) -> None:
    with pytest.raises(quoting.QuoteError) as raised:
        quoting.words(text)
    assert raised.value.at == at


def commands(tmp_path: Path, line: str) -> list[tuple[str, ...]]:
    file = tmp_path / "main.conf"
    file.write_text(f"vrrp_instance V {{\n {line}\n}}\n")
    report = Report(str(file))
    checker = Checker(report)
    checker.check(build(list(Reader(report, "x").lines(str(file))), report), ROOT)
    assert [d.code for d in report.diagnostics if d.code < "LB0115"] == []
    return [item.value for item in checker.scripts]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('notify "/bin/sh -c x"', ("/bin/sh", "-c", "x")),
        ("notify /bin/sh 'a b' c", ("/bin/sh", "a b", "c")),
        ("notify '/a b/c' d", ("/a b/c", "d")),
        ('notify "/a" "b c"', ("/a", "b c")),
        ('notify"/a"', ("/a",)),
        ("$C=/bin/sh 'a b'\n notify $C # x", ("/bin/sh", "a b")),
        ('"notify" /a', ("/a",)),
    ],
)
def test_commands(tmp_path: Path, line: str, expected: tuple[str, ...]) -> None:
    assert commands(tmp_path, line) == [expected]


def test_a_quote_without_its_partner_is_one_message(tmp_path: Path) -> None:
    file = tmp_path / "main.conf"
    file.write_text(
        "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n notify /bin/sh 'a b\n"
        " virtual_ipaddress {\n 10.0.0.1\n }\n}\n"
    )
    found = load(str(file)).diagnostics
    assert [(d.code, d.line, d.column) for d in found] == [("LB0101", 4, 17)]
