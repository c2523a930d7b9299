# SPDX-License-Identifier: Apache-2.0
"""The benchmarks of the pipeline with few packets, so that none rots: every row is there and is a row."""

from __future__ import annotations

import importlib

import pytest

from benchmarks import run

SMALL = {"ROUNDS": 2, "PACKETS": 320, "FLOWS": {"1k": 1_000}}
PROGRAMS = {
    "pipeline": (SMALL, 12),
    "stages": (SMALL, 4 * 7),
    "connections": (
        {
            "ROUNDS": 2,
            "WINDOW": 320,
            "WINDOWS": 2,
            "WARM": 0.001,
            "CAPACITY": dict.fromkeys(("fnat", "nat", "dr"), 30_000),
        },
        5,
    ),
    "services": (SMALL | {"NEW": 320, "FLOWS": 1_000, "NUMBERS": {"20": 20}}, 2),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_prints_its_rows(eal, name, monkeypatch, capsys):
    program = importlib.import_module(f"benchmarks.bench_{name}")
    constants, rows = PROGRAMS[name]
    monkeypatch.setattr(program, "start_eal", lambda megabytes: None)
    for constant, value in constants.items():
        monkeypatch.setattr(program, constant, value)
    program.main()
    printed = run.rows(capsys.readouterr().out)
    assert len({row.name for row in printed}) == len(printed) == rows
    assert all(row.baseline for row in printed)
