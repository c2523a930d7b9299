# SPDX-License-Identifier: Apache-2.0
"""Kept fast: a part of the pipeline that takes over 5 % more instructions a packet than committed fails here.

Where that is meant, ``python -m benchmarks.instructions --write`` says so, and its change is part of the commit.
"""

from __future__ import annotations

from benchmarks.instructions import TOLERANCE, committed, complaints, count


def test_no_part_takes_more_instructions_than_committed():
    counted = count()
    assert all(figure > 50 for figure in counted.values()), (
        "so few that the pipeline cannot have been counted"
    )
    assert complaints(counted, committed()) == []


def test_a_rise_is_told_and_a_fall_is_not():
    allowed = {"a": 100.0, "b": 200.0}
    assert complaints({"a": 99 * (1 + TOLERANCE), "b": 150.0}, allowed) == []
    (said,) = complaints({"a": 106.0, "b": 200.0}, allowed)
    assert said == "a takes 106.0 instructions a packet, 6.0% over 100.0"


def test_figures_and_parts_are_of_each_other():
    assert complaints({"a": 1.0}, {"b": 1.0}) == [
        "a is counted, and has no figure",
        "b has a figure, and is not counted",
    ]
