# SPDX-License-Identifier: Apache-2.0
"""``lbctl fmt``: the layout, and that nothing but the layout changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbd.cli import lbctl
from lbd.confparser import load
from lbd.confparser.explain import STORIES
from lbd.confparser.fmt import UnformattableError, formatted

EXAMPLES = sorted((Path(__file__).parents[2] / "keepalived.conf.examples").glob("*.conf"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("\n\n# a\n\n\n\n! b\n\n", "# a\n\n! b\n"),
        ("a   b\tc\r\n", "a b c\n"),
        ("a{b c}", "a {\n    b c\n}\n"),
        ("a x # one\n{ # two\nb\n}\n", "a x { # one # two\n    b\n}\n"),
        ("a\n\n# why\n{\nb\n}\n", "a {\n    # why\n    b\n}\n"),
        ("a {\n        b # c\n      # d\n}\n", "a {\n    b # c\n    # d\n}\n"),
        ('a {\nb "x   y"  z\n}\n', 'a {\n    b "x   y"  z\n}\n'),
        ("a {\nnotify /x 'a   b'\n}\n", "a {\n    notify /x 'a   b'\n}\n"),
        ("@lbd   a { b c }\n", "@lbd a { b c }\n"),
        ("a {\n@lb1 b {\nc\n@lb1 }\n}\n", "a {\n    @lb1 b {\n        c\n    @lb1 }\n}\n"),
        ("$X=a \\\n   b { \\\n c }\n   d\n", "$X=a \\\n   b { \\\n c }\nd\n"),
        ("a {\nb ${X} {\nc\n}\n}\n", "a {\n    b ${X} {\n        c\n    }\n}\n"),
        ("~SEQ(A,  3)   b $A\n", "~SEQ(A, 3) b $A\n"),
        ("include  {a,b}.conf\nb\n", "include {a,b}.conf\nb\n"),
        ('a "b\n', 'a "b\n'),
        ("}\na\n", "}\na\n"),
    ],
)
def test_layout(text: str, expected: str) -> None:
    assert formatted(text) == expected
    assert formatted(expected) == expected


def test_no_text() -> None:
    with pytest.raises(UnformattableError):
        formatted("a\0")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_examples_mean_the_same(file: Path, tmp_path: Path) -> None:
    squeezed = "\n".join(" ".join(line.split()) for line in file.read_text().splitlines() if line.strip())
    for number, text in enumerate((file.read_text(), squeezed)):
        new = tmp_path / f"{number}.conf"
        new.write_text(formatted(text))
        assert load(str(new)).config == load(str(file)).config
        assert formatted(new.read_text()) == new.read_text()


@pytest.mark.parametrize("code", STORIES)
def test_the_examples_of_messages_have_this_layout(code: str) -> None:
    text = STORIES[code].good.text
    assert isinstance(text, str)
    assert formatted(text) == text or "\n\n" in text or "{\n}" in text


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.conf"
    file.write_text("a{b}\n")
    file.chmod(0o640)
    link = tmp_path / "link.conf"
    link.symlink_to(file)
    assert lbctl.main(["fmt", "--check", str(link)]) == 1
    assert "would be laid out" in capsys.readouterr().err
    assert lbctl.main(["fmt", str(link)]) == 0
    assert file.read_text() == "a {\n    b\n}\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.conf", "x.conf"]
    assert lbctl.main(["fmt", "--check", str(file)]) == 0
    assert lbctl.main(["fmt", str(tmp_path / "none")]) == 1
