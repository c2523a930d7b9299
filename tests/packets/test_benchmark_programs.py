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


def test_control_is_measured_at_two_sizes(eal, monkeypatch):
    """In one process, and small: the dataplane ends with what it was told, by one change a weight."""
    program = importlib.import_module("benchmarks.bench_control")
    monkeypatch.setattr(program, "start_eal", lambda megabytes: None)
    monkeypatch.setattr(program, "ROUNDS", 2)
    monkeypatch.setattr(program, "SLOTS", 4_096)
    times = program.measure(200)
    assert {"parse", "desired", "load", "list", "weight-change"} <= times.keys()
    assert len(times["weight-change"]) == 2


def test_effects_are_measured_at_two_sizes(monkeypatch, capsys):
    """The dataplane is a process of its own; each result arrives there, or the program fails."""
    program = importlib.import_module("benchmarks.bench_effect")
    monkeypatch.setattr(program, "ROUNDS", 5)
    monkeypatch.setattr(program, "SIZES", {"1k": 20, "100": 10})
    program.main()
    printed = run.rows(capsys.readouterr().out)
    assert [row.name for row in printed] == ["effect/1k/median", "effect/1k/p99"]
    assert printed[0].rounds == 10
    assert all(row.baseline for row in printed)
