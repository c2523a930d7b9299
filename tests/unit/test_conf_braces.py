# SPDX-License-Identifier: Apache-2.0
"""Braces that are missing or too many: one message each, where they were most likely meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbd.confparser import load

WHOLE = """global_defs {
    router_id lb1
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.1/24
    }
    track_interface {
        eth1
    }
    priority 90
}
virtual_server 10.0.0.1 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.0.1.1 80 {
        weight 2
        TCP_CHECK {
            connect_timeout 3
        }
    }
    real_server 10.0.1.2 80 {
        weight 1
    }
    sorry_server 10.0.1.9 80
}
virtual_server 10.0.0.2 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.0.1.1 80 {
    }
}
"""
LINES = WHOLE.splitlines()
CLOSING = [number for number, line in enumerate(LINES) if line.strip() == "}"]
OPENING = [number for number, line in enumerate(LINES) if line.endswith("{")]


def messages(tmp_path: Path, lines: list[str]) -> list[tuple[str, int]]:
    file = tmp_path / "main.conf"
    file.write_text("\n".join(lines) + "\n")
    return [(d.code, d.line) for d in load(str(file)).diagnostics if d.code != "LB0115"]


def test_the_whole_is_clean(tmp_path: Path) -> None:
    assert messages(tmp_path, LINES) == []


@pytest.mark.parametrize("number", CLOSING)
def test_each_closing_brace_missing(tmp_path: Path, number: int) -> None:
    """The message is at the line that follows (or, at the end of the file, at the block's name)."""
    found = messages(tmp_path, LINES[:number] + LINES[number + 1 :])
    # A brace that follows closes this block, and that one is gone shows only at the next words.
    following = next((n for n in range(number + 1, len(LINES)) if LINES[n].strip() != "}"), None)
    expected = following if following is not None else LINES.index("virtual_server 10.0.0.2 80 {") + 1
    assert found == [("LB0103", expected)]


@pytest.mark.parametrize("number", OPENING)
def test_each_opening_brace_missing(tmp_path: Path, number: int) -> None:
    lines = [*LINES[:number], LINES[number].removesuffix("{"), *LINES[number + 1 :]]
    assert messages(tmp_path, lines) == [("LB0105", number + 1)]


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_closing_brace_too_many_anywhere(tmp_path: Path, number: int) -> None:
    found = messages(tmp_path, [*LINES[: number + 1], "}", *LINES[number + 1 :]])
    assert [code for code, _ in found] == ["LB0102"]


@pytest.mark.parametrize("number", range(len(LINES)))
def test_an_opening_brace_too_many_anywhere(tmp_path: Path, number: int) -> None:
    found = messages(tmp_path, [*LINES[: number + 1], "{", *LINES[number + 1 :]])
    assert len(found) == 1, found


def test_without_indentation_the_words_tell(tmp_path: Path) -> None:
    lines = [line.strip() for line in LINES]
    cut = lines.index("real_server 10.0.1.2 80 {")
    del lines[cut - 1]
    assert messages(tmp_path, lines) == [("LB0103", cut)]


def test_each_missing_brace_is_a_message(tmp_path: Path) -> None:
    first, second = CLOSING[0], CLOSING[-1]
    lines = [line for number, line in enumerate(LINES) if number not in (first, second)]
    assert [code for code, _ in messages(tmp_path, lines)] == ["LB0103", "LB0103"]
