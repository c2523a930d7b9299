# SPDX-License-Identifier: Apache-2.0
"""Any bytes give a verdict: no exception, bounded time and messages, exit codes that keepalived has."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbd.confparser import CODES, Loaded, load, render
from lbd.confparser.diagnostics import MAX_DIAGNOSTICS
from lbd.confparser.schema import ROOT, Block
from lbd.model import Config

EXAMPLES = sorted((Path(__file__).parents[2] / "keepalived.conf.examples").glob("*.conf"))


def names(block: Block) -> set[str]:
    found = set(block.keywords)
    for row in block.keywords.values():
        if row.block is not None:
            found |= names(row.block)
    return found


WORDS = st.one_of(
    st.sampled_from(sorted(names(ROOT))),
    st.sampled_from(
        ["{", "}", "\n", '"', "#", "!", "$A", "${A}", "$A=", "\\\n", "@lbd", "@^lbd", "~SEQ(", "include"]
    ),
    st.sampled_from(
        ["10.0.0.1", "10.0.0.1-5", "10.0.0.0/24", "fd00::1/64", "80", "0", "-1", "99999999999", "eth0"]
    ),
    st.sampled_from(
        ["fwmark", "group", "G", "V", "TCP", "UDP", "NAT", "DR", "FNAT", "TUN", "rr", "MASTER", "PASS"]
    ),
    st.text(max_size=8),
)
SOUP = st.lists(WORDS, max_size=60).map(lambda words: " ".join(words).encode("utf-8", "surrogatepass"))
CHANGED = st.tuples(
    st.sampled_from([file.read_bytes() for file in EXAMPLES]),
    st.lists(
        st.tuples(st.integers(0, 5000), st.binary(max_size=4), st.integers(0, 40)), min_size=1, max_size=4
    ),
)


def verdict(data: bytes) -> Loaded:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "keepalived.conf"
        file.write_bytes(data)
        loaded = load(str(file), config_id="host", interfaces=["eth0", "eth1"])
    check(loaded)
    return loaded


def check(loaded: Loaded) -> None:
    assert loaded.exit_code in (0, 2, 4, 5, 6)
    assert len(loaded.diagnostics) <= MAX_DIAGNOSTICS
    assert (loaded.config is None) == any(CODES[d.code].fatal for d in loaded.diagnostics)
    worst = [CODES[d.code].exit_code for d in loaded.diagnostics]
    assert loaded.exit_code == (2 if 2 in worst else max(worst, default=0))
    for found in loaded.diagnostics:
        assert found.line >= 0
        assert found.line == 0 or 1 <= found.column <= found.end_column <= len(found.source_line) + 1
    assert "\x1b" not in render(loaded.diagnostics)
    assert "\x1b" not in render(loaded.diagnostics, form="short")


@given(st.binary(max_size=2000))
@settings(max_examples=150, deadline=None)
def test_any_bytes(data: bytes) -> None:
    verdict(data)


@given(st.text(max_size=1000))
@settings(max_examples=150, deadline=None)
def test_any_text(text: str) -> None:
    verdict(text.encode("utf-8", "surrogatepass"))


@given(SOUP)
@settings(max_examples=300, deadline=None)
def test_any_soup_of_keywords(data: bytes) -> None:
    verdict(data)


@given(CHANGED)
@settings(max_examples=200, deadline=None)
def test_any_damage_to_a_good_file(changed: tuple[bytes, list[tuple[int, bytes, int]]]) -> None:
    data, edits = changed
    for at, new, cut in edits:
        data = data[:at] + new + data[at + cut :]
    verdict(data)


@given(st.sampled_from(EXAMPLES), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_file_cut_anywhere(file: Path, part: float) -> None:
    data = file.read_bytes()
    verdict(data[: int(len(data) * part)])


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_layout_does_not_matter(file: Path) -> None:
    """Comments, white space, CRLF and the place of braces are not part of what is said."""
    text = file.read_text()
    plain = load(str(file)).config
    lines = [line.split("!")[0].rstrip() for line in text.splitlines()]
    joined = "\r\n".join(
        f"\t{line.replace('{', '')}  # x {{\r\n{{" if line.endswith("{") else f" {line} ! }}"
        for line in lines
    )
    found = verdict(joined.encode())
    assert found.diagnostics == ()
    assert found.config == plain


@given(st.lists(st.sampled_from(["{", "}", "a {", "a", "\n", "vrrp_instance V {\n"]), max_size=200))
@settings(max_examples=100, deadline=None)
def test_unbalanced_braces(parts: list[str]) -> None:
    assert isinstance(verdict(" ".join(parts).encode()).config, Config)


def test_many_braces_are_one_verdict() -> None:
    loaded = verdict(b"a {\n" * 20_000)
    assert len(loaded.diagnostics) < 10


def test_many_unknown_words_take_no_time_each() -> None:
    loaded = verdict(b"virtual_servre 10.0.0.1 80\n" * 100_000)
    assert len(loaded.diagnostics) == MAX_DIAGNOSTICS


def test_one_long_line() -> None:
    verdict(b"a " * 5_000_000)
    verdict(b"{" * 60_000)
    verdict(
        b"virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.1 80 {\nHTTP_GET {\nurl {\nstatus_code"
        + b" x" * 30_000
    )


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.conf").write_text("router_id x\n" * 10 + "include *.conf\n")
    loaded = load(str(tmp_path / "0.conf"))
    check(loaded)
    assert {"LB0004", "LB0007"} <= {found.code for found in loaded.diagnostics}


def test_more_lines_than_are_read() -> None:
    loaded = verdict(b"{}" * 300_000 + b"\n" + b"a {}\n" * 400_000)
    assert "LB0007" in {found.code for found in loaded.diagnostics}
