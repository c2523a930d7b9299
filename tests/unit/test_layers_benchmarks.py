# SPDX-License-Identifier: Apache-2.0
"""The frame of the benchmarks: what it reads of a program, and what it refuses."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from benchmarks import run

ROW = {
    "name": "cycles a packet",
    "value": 250.5,
    "unit": "cycles",
    "baseline": 50,
    "ratio": 5.01,
    "rounds": 21,
}


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_list_and_a_row_a_line_are_the_same() -> None:
    assert run.rows(json.dumps([ROW, ROW])) == run.rows(f"{json.dumps(ROW)}\n\n{json.dumps(ROW)}\n")


@pytest.mark.parametrize("output", ["[{}]", "packets: 5", '{"name": "a", "value": "b", "unit": "c"}'])
def test_what_is_no_row_is_refused(output: str) -> None:
    with pytest.raises(run.RefusedError, match="no row"):
        run.rows(output)


def test_results_are_written_and_failures_end_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, "bench_good.py", f"print({json.dumps(json.dumps(ROW))})")
    program(tmp_path, "bench_bad.py", "raise SystemExit(3)")
    monkeypatch.setattr(run, "HERE", tmp_path)
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results")
    assert run.main(["--only", "good"]) == 0
    assert json.loads((tmp_path / "results/latest.json").read_text()) == [ROW]
    assert run.main([]) == 1
    assert "bench_bad: it ended with 3" in capsys.readouterr().err


def test_a_long_run_is_told_its_scale(tmp_path: Path) -> None:
    path = program(
        tmp_path,
        "flood.py",
        f"import sys\nprint({json.dumps(json.dumps(ROW))})\nassert sys.argv[1:] == ['--scale', '0.5']",
    )
    assert len(run.measure(path, "--scale", "0.5")) == 1


def test_a_spread_is_kept_and_none_is_not_made_up() -> None:
    (plain, spread) = run.rows(json.dumps([ROW, ROW | {"spread": [1.0, 2.5]}]))
    assert "spread" not in json.loads(msgspec.json.encode(plain))
    assert json.loads(msgspec.json.encode(spread))["spread"] == [1.0, 2.5]


def test_the_page_is_what_its_rows_make() -> None:
    page = pytest.importorskip("benchmarks.page", reason="built without libdpdk-dev")
    measured = msgspec.json.decode((page.DOCS / "performance.json").read_bytes(), type=page.Run)
    assert (page.DOCS / "performance.md").read_text() == page.page(measured)


def test_every_row_has_a_place_on_the_page() -> None:
    sections = pytest.importorskip("benchmarks.sections", reason="built without libdpdk-dev")
    page = pytest.importorskip("benchmarks.page", reason="built without libdpdk-dev")
    measured = msgspec.json.decode((page.DOCS / "performance.json").read_bytes(), type=page.Run)
    patterns = [table.pattern for section in sections.SECTIONS for table in section.tables]
    assert [row.name for row in measured.rows if not any(re.fullmatch(p, row.name) for p in patterns)] == []
    assert [p for p in patterns if not any(re.fullmatch(p, row.name) for row in measured.rows)] == []
