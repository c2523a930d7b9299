# SPDX-License-Identifier: Apache-2.0
"""Every long run at a small scale, so that none rots."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IN_NAMESPACES = {"failover", "instances"}
"""Need root, namespaces and time: tests/smoke/test_failover.py runs a part of each."""
PROGRAMS = sorted(p for p in (ROOT / "benchmarks" / "soak").glob("*.py") if p.stem not in IN_NAMESPACES)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_it_runs_and_prints_rows(program):
    command = [sys.executable, str(program), "--scale", "0.002"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows
    assert all(row["name"].startswith(f"soak/{program.stem}/") for row in rows)
