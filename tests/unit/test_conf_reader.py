# SPDX-License-Identifier: Apache-2.0
"""Files to logical lines: includes, conditionals, definitions, and what hostile bytes do."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbd.confparser.diagnostics import Report
from lbd.confparser.reader import Reader
from lbd.confparser.source import LogicalLine, UnreadableError


def read(file: Path, config_id: str = "alpha") -> tuple[list[LogicalLine], Report]:
    report = Report(str(file))
    return list(Reader(report, config_id).lines(str(file))), report


def flat(file: Path, config_id: str = "alpha") -> str:
    lines, report = read(file, config_id)
    assert report.diagnostics == ()
    return " ".join(line.brace or " ".join(line.words) for line in lines)


def written(tmp_path: Path, text: str | bytes, name: str = "main.conf") -> Path:
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_crlf_and_byte_order_mark(tmp_path: Path) -> None:
    file = written(tmp_path, b"\xef\xbb\xbfa {\r\n  b c\r\n}\r\n")
    lines, report = read(file)
    assert [line.words or line.brace for line in lines] == [("a",), "{", ("b", "c"), "}"]
    assert report.diagnostics == ()
    place = lines[2].place(1)
    assert (place.line, place.column, place.end_column, place.text) == (2, 5, 6, "  b c")


def test_latin_1_is_read_with_a_warning(tmp_path: Path) -> None:
    lines, report = read(written(tmp_path, b"a \xe9\n"))
    assert lines[0].words == ("a", "é")
    assert [d.code for d in report.diagnostics] == ["LB0006"]


@pytest.mark.parametrize(
    ("text", "config_id", "expected"),
    [
        ("@alpha a\n@beta b\n", "alpha", "a"),
        ("@^alpha a\n@^beta b\n", "alpha", "b"),
        ("  @alpha x {\n@alpha }\n", "alpha", "x { }"),
        ("@lbd a\n@^lbd b\n", "alpha", "a"),
        ("@lbd a\n@^lbd b\n", "lbd", "a"),
        ("@alpha $X=1\n@beta $X=2\na $X\n", "beta", "a 2"),
    ],
)
def test_conditionals(tmp_path: Path, text: str, config_id: str, expected: str) -> None:
    assert flat(written(tmp_path, text), config_id) == expected


def test_a_conditional_keeps_columns(tmp_path: Path) -> None:
    lines, _ = read(written(tmp_path, "@alpha priority 100\n"))
    assert lines[0].place().column == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A=1\nx $A ${A}0\n", "x 1 10"),
        ("$A=eth0\nx $A, $A) $Ab\n".replace(" $Ab", ""), "x eth0, eth0)"),
        ("$A=b c\nx $A d\n", "x b c d"),
        ("$A=$B\n$B=2\nx $A\n", "x 2"),
        ("$A=1\n$A=2\nx $A\n", "x 2"),
        ('$A=1\nx "a $A b"\n', "x a 1 b"),
        ("$A=${B}\nx ${A}\n$B=3\n".replace("x ${A}\n$B=3\n", "$B=3\nx ${A}\n"), "x 3"),
        ("$INST= \\\n v ${N} { \\\n  i $N \\\n }\n$N=1\n$INST\n$N=2\n$INST\n", "v 1 { i 1 } v 2 { i 2 }"),
        ("x ${_INSTANCE}\n", "x alpha"),
        ("$A=1 # one\nx $A 2\n", "x 1 2"),
        ('$A="a # b" ! c\nx $A 2\n', "x a # b 2"),
        ("$A=x\n$C=@alpha y\n$C\n", "y"),
    ],
)
def test_definitions(tmp_path: Path, text: str, expected: str) -> None:
    assert flat(written(tmp_path, text)) == expected


def test_pwd_is_the_directory_of_the_file_being_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    written(tmp_path / "sub", "b ${_PWD}\n", "inner.conf")
    file = written(tmp_path, "a ${_PWD}\ninclude sub/inner.conf\nc ${_PWD}\n")
    assert flat(file) == f"a {tmp_path} b {tmp_path}/sub c {tmp_path}"


def test_a_place_in_an_expanded_line_is_that_of_the_reference(tmp_path: Path) -> None:
    lines, _ = read(written(tmp_path, "$A=one two\nx $A y\n"))
    assert lines[0].words == ("x", "one", "two", "y")
    places = [lines[0].place(index) for index in range(4)]
    assert [(p.line, p.column, p.end_column) for p in places] == [(2, 1, 2), (2, 3, 5), (2, 3, 5), (2, 6, 7)]


@pytest.mark.parametrize("text", ["$X=$X\na $X\n", "$X=$Y\n$Y=$X\na $X\n"])
def test_a_definition_of_itself_ends(tmp_path: Path, text: str) -> None:
    lines, report = read(written(tmp_path, text))
    assert lines == []
    assert [d.code for d in report.diagnostics] == ["LB0111"]


def test_a_definition_that_grows_without_bound_ends(tmp_path: Path) -> None:
    text = (
        "$A0=xxxxxxxxxx\n"
        + "".join(f"$A{n + 1}={('$A' + str(n) + ' ') * 10}\n" for n in range(20))
        + "z $A20\n"
    )
    lines, report = read(written(tmp_path, text))
    assert lines == []
    assert [d.code for d in report.diagnostics] == ["LB0111"]


def test_includes_are_relative_nested_and_sorted(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    written(tmp_path / "d", "two\n", "b.conf")
    written(tmp_path / "d", "one\ninclude deeper/*.conf\n", "a.conf")
    (tmp_path / "d" / "deeper").mkdir()
    written(tmp_path / "d" / "deeper", "three\n", "c.conf")
    file = written(tmp_path, "x {\n  include d/*.conf\n}\ninclude d/{b,a}.conf # again\n")
    assert flat(file) == "x { one three two } two one three"


def test_the_include_chain_is_told(tmp_path: Path) -> None:
    written(tmp_path, "\nb \0\n", "b.conf")
    written(tmp_path, "include b.conf\n", "a.conf")
    file = written(tmp_path, "\n\ninclude a.conf\n")
    _, report = read(file)
    (found,) = report.diagnostics
    assert found.file == str(tmp_path / "b.conf")
    assert found.include_chain == (f"{file}:3", f"{tmp_path / 'a.conf'}:1")
    assert found.human().endswith(f"included from {tmp_path / 'a.conf'}:1\n  = included from {file}:3")


@pytest.mark.parametrize(
    ("line", "code", "exit_code"),
    [
        ("include nothing.conf", "LB0002", 0),
        ("include nothing/*.conf", "LB0002", 0),
        ("includer nothing.conf", "LB0002", 0),
        ("includem nothing.conf", "LB0005", 6),
        ("includew n*.conf", "LB0005", 6),
        ("includea n*.conf", "LB0005", 6),
        ("includew nothing.conf", "LB0005", 6),
        ("includem n*.conf", "LB0002", 0),
        ("includem {x,y}.conf", "LB0002", 0),
        ("includeb {x,y}.conf", "LB0005", 6),
        ("includeb nothing.conf", "LB0002", 0),
        ("includeb n*.conf", "LB0002", 0),
        ("includer program", "LB0005", 6),
        ("includem program", "LB0005", 6),
        ('include "main.conf"', "LB0002", 0),
        ("include .", "LB0003", 0),
        ("include main.conf", "LB0004", 5),
        ("include program", "LB0003", 0),
    ],
)
def test_includes_that_fail(tmp_path: Path, line: str, code: str, exit_code: int) -> None:
    written(tmp_path, "a\n", "program").chmod(0o755)
    lines, report = read(written(tmp_path, f"{line}\nb\n"))
    assert [entry.words for entry in lines] == [("b",)]
    assert [d.code for d in report.diagnostics] == [code]
    assert report.exit_code == exit_code
    assert report.diagnostics[0].column == line.index(" ") + 2


def test_a_loop_of_includes_ends(tmp_path: Path) -> None:
    written(tmp_path, "include main.conf\n", "b.conf")
    lines, report = read(written(tmp_path, "a\ninclude b.conf\n"))
    assert [entry.words for entry in lines] == [("a",)]
    assert [d.code for d in report.diagnostics] == ["LB0004"]


@pytest.mark.parametrize(
    ("length", "code", "kept"), [(1023, None, 1), (1024, "LB0009", 1), (65537, "LB0008", 0)]
)
def test_long_lines(tmp_path: Path, length: int, code: str | None, kept: int) -> None:
    lines, report = read(written(tmp_path, "a" * length + "\n"))
    assert len(lines) == kept
    assert [d.code for d in report.diagnostics] == ([code] if code else [])


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file"):
        read(tmp_path / "missing")
    with pytest.raises(UnreadableError, match="directory"):
        read(tmp_path)
    with pytest.raises(UnreadableError, match="not a regular file"):
        read(Path("/dev/null"))


def test_a_part_of_the_braces_is_missing(tmp_path: Path) -> None:
    written(tmp_path, "a\n", "a.conf")
    lines, report = read(written(tmp_path, "include {a,b}.conf\n"))
    assert [line.words for line in lines] == [("a",)]
    assert [(d.code, d.message) for d in report.diagnostics] == [
        ("LB0002", "of '{a,b}.conf' there is no b.conf")
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", "LB0005"),
        ("match", "LB0005"),
        ("read", "LB0002"),
        ("wildcard_match", "LB0005"),
        ("brace_match", "LB0002"),
        ("+match -match +read", "LB0002"),
    ],
)
def test_include_check_is_what_an_include_insists_on(tmp_path: Path, words: str, code: str) -> None:
    text = f"global_defs {{\n include_check {words}\n}}\ninclude nothing.conf\n"
    _, report = read(written(tmp_path, text))
    assert [d.code for d in report.diagnostics] == [code]


def test_all_config_makes_every_include_insist(tmp_path: Path) -> None:
    file = written(tmp_path, "include nothing.conf\n")
    report = Report(str(file))
    assert list(Reader(report, "x", strict=True).lines(str(file))) == []
    assert [d.code for d in report.diagnostics] == ["LB0005"]


def test_random_numbers_are_in_their_range(tmp_path: Path) -> None:
    file = written(tmp_path, "a ${_RANDOM} ${_RANDOM 32760} ${_RANDOM 7 7}\n" * 50)
    lines, report = read(file)
    assert report.diagnostics == ()
    for line in lines:
        first, second, third = map(int, line.words[1:])
        assert 0 <= first <= 32767
        assert 32760 <= second <= 32767
        assert third == 7


@pytest.mark.parametrize(
    "reference",
    ["${NOBODY}", "${_RANDOM 6 5}", "${_RANDOM x}", "${_ENV}", "${_ENV LBD_NOT_THERE}", "${_PWD x}"],
)
def test_a_name_in_braces_that_nobody_defined_wrecks_no_block(tmp_path: Path, reference: str) -> None:
    lines, report = read(written(tmp_path, f"a {{\n b {reference}\n}}\n"))
    assert [line.brace for line in lines] == ["", "{", "", "}"]
    assert [line.broken for line in lines] == [False, False, True, False]
    assert [(d.code, d.column) for d in report.diagnostics] == [("LB0119", 4)]


def test_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LBD_ROUTER", "lb7")
    assert flat(written(tmp_path, "a ${_ENV LBD_ROUTER}x\n")) == "a lb7x"


def test_comments_can_be_switched_by_definitions(tmp_path: Path) -> None:
    text = "a ${_HASH} b\n$OFF=${_BANG}\n${OFF} c\n$OFF=\n${OFF} d\n"
    assert flat(written(tmp_path, text)) == "a d"
