# SPDX-License-Identifier: Apache-2.0
"""A run of each kind out of the failover series (``make soak ONLY=failover``), at adverts of 0.1 s.

The limits of the series hold on a machine of their own; here others run beside, so they are generous.
"""

from __future__ import annotations

import json
import math

import pytest

from benchmarks.soak import instances
from benchmarks.soak.failover import LIMIT, series

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

INTERVAL = 0.1
GENEROUS = 1.0


@pytest.mark.parametrize("mode", ["kill", "stop", "yield"])
def test_the_survivor_leads_soon(mode: str) -> None:
    times, void = series("lbd", mode, INTERVAL, 1)
    assert times or void, "a run is counted or void"
    assert all(seconds <= LIMIT[mode](INTERVAL) + GENEROUS for seconds in times)


def test_a_standby_that_holds_makes_no_transition() -> None:
    times, _ = series("lbd", "hold", INTERVAL, 1)
    assert not any(math.isfinite(seconds) for seconds in times)


def test_five_hundred_instances_miss_no_advert(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["instances", "--scale", "0.01"])
    assert instances.main() == 0
    rows = {row["name"]: row["value"] for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["soak/instances/adverts"] >= 4 * 500
