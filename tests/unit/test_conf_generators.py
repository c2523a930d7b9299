# SPDX-License-Identifier: Apache-2.0
"""~SEQ and ~LST: what a keepalived 2.2.7 made of each line here was looked up by running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbd.confparser.diagnostics import Report
from lbd.confparser.reader import Reader
from lbd.confparser.source import LogicalLine


def read(tmp_path: Path, text: str) -> tuple[list[LogicalLine], Report]:
    file = tmp_path / "main.conf"
    file.write_text(text)
    report = Report(str(file))
    return list(Reader(report, "host").lines(str(file))), report


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~SEQ(N, 3) kw${N}a", "kw1a kw2a kw3a"),
        ("~SEQ(N, 0) kw$N", "kw1 kw0"),
        ("~SEQ(N, -3) kw$N", "kw-1 kw-2 kw-3"),
        ("~SEQ(N, 3, 1) kw$N", "kw3 kw2 kw1"),
        ("~SEQ(N, 1, 2, 6) kw$N", "kw1 kw3 kw5"),
        ("~SEQ(N, 3, -1, -2) kw$N", "kw3 kw2 kw1 kw0 kw-1 kw-2"),
        ("~SEQ( N ,  1 , 3 ) kw$N", "kw1 kw2 kw3"),
        ("  \t~SEQ(N, 2)kw$N", "kw1 kw2"),
        ("~SEQ(N, 0x9, 1, 0xb) kw$N", "kw9 kw10 kw11"),
        ("~SEQ(N, 010, 011) kw$N", "kw8 kw9"),
        ("~SEQx(N, 0x9, 1, 0x11) kw$N", "kw9 kwa kwb kwc kwd kwe kwf kw10 kw11"),
        ("~SEQx(N, 8, 12) kw$N", "kw8 kw9 kwa kwb kwc"),
        ("~SEQ(N, 2) ~SEQ(M, $N) kw${N}_$M", "kw1_1 kw2_1 kw2_2"),
        ("$K=2\n~SEQ(N, $K) kw$N", "kw1 kw2"),
        ("~SEQ(A, 2) kw$A\nkw$A", "kw1 kw2 kw2"),
        ("$A=7\n~SEQ(A, 2) kw$A\nkw$A", "kw1 kw2 kw2"),
        ("~LST(N, a,b , c) kw$N", "kwa kwb kwc"),
        ("~LST(N, a) kw$N", "kwa"),
        ("~LST(A, 1,,2) kw${A}", "kw1 kw kw2"),
        ("~LST({A,B}, {a1,b1}, {a2, b2}) kw${A}-$B", "kwa1-b1 kwa2-b2"),
        ("~LST({A,B}, {1,2}, 3) kw${A}-${B}", "kw1-2 kw3-"),
        ("~LST(A, 1, 2) ~LST(B, x$A, y) kw${A}_$B", "kw1_x1 kw1_y kw2_x2 kw2_y"),
        ("~LST(A, 1, 2) ~SEQ(B, 2) kw${A}_$B", "kw1_1 kw1_2 kw2_1 kw2_2"),
        ("$G=~SEQ(N, 2) kw$N\n$G", "kw1 kw2"),
        ("$G=\\\n~SEQ(N, 2) kw$N \\\nkwz$N\n$G", "kw1 kw2 kwz2"),
        ("~SEQ(N, 2) $X=a$N\nkw$X", "kwa2"),
        ("~SEQ(N, 2) @host kw$N", "kw1 kw2"),
        ("@host ~SEQ(N, 2) kw$N\n@other ~SEQ(N, 2) no$N", "kw1 kw2"),
        ("kw ~SEQ(N, 2) x", "kw ~SEQ(N, 2) x"),
    ],
)
def test_lines(tmp_path: Path, text: str, expected: str) -> None:
    lines, report = read(tmp_path, text + "\n")
    assert report.diagnostics == ()
    assert " ".join(" ".join(line.words) for line in lines) == expected


def test_a_generator_repeats_a_block(tmp_path: Path) -> None:
    block = "$VI=\\\nvrrp_instance V$N { \\\n interface eth0 \\\n}\n"
    lines, report = read(tmp_path, block + "~SEQ(N, 2) $VI\n")
    assert report.diagnostics == ()
    one = ["vrrp_instance V{}", "{", "interface eth0", "}"]
    shown = [line.brace or " ".join(line.words) for line in lines]
    assert shown == [text.replace("{}", number) for number in "12" for text in one]


def test_places_are_those_of_the_file(tmp_path: Path) -> None:
    lines, _ = read(tmp_path, "~SEQ(N, 2) priority 10$N x\n~SEQ(N, 1) a ${N}b c\n")
    assert [line.words for line in lines] == [
        ("priority", "101", "x"),
        ("priority", "102", "x"),
        ("a", "1b", "c"),
    ]
    place = lines[1].place(2)
    assert (place.line, place.column, place.end_column) == (1, 26, 27)
    place = lines[2].place(2)
    assert (place.line, place.column) == (2, 20)


@pytest.mark.parametrize(
    "text",
    [
        "~SEQ(A 3) a",
        "~SEQ(A) a",
        "~SEQ(A, 3 a",
        "~SEQ(A, x) a",
        "~SEQ(A, 1, 0, 3) a",
        "~SEQ(A, 3, 1, 1) a",
        "~SEQ(A, 1, 2, 3, 4) a",
        "~SEQx(N, 9, 1, b) a",
        "~SEQx(N, -1, 1) a",
        "~SEQ(A, 9000000000000000000) a",
        "~LST(A) a",
        "~LST() a",
        "~LST({A,B}, {1,2,3}, {3,4}) a",
        "~LST(A, {1,2,3}, 4) a",
        "~LST(A, {1) a",
        "$X=${X}\n~SEQ(A, $X) a",
    ],
)
def test_what_is_wrong_is_one_message(tmp_path: Path, text: str) -> None:
    lines, report = read(tmp_path, text + "\n")
    assert lines == []
    assert [d.code for d in report.diagnostics] == ["LB0113"]
    assert report.diagnostics[0].expected


def test_generators_in_generators_are_bounded(tmp_path: Path) -> None:
    _, report = read(tmp_path, "~SEQ(A, 90000) ~SEQ(B, 90000) a\n")
    assert [d.code for d in report.diagnostics] == ["LB0007"]
    _, report = read(tmp_path, "~SEQ(A, 2) " * 60 + "a\n")
    assert [d.code for d in report.diagnostics] == ["LB0111"]
