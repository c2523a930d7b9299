# SPDX-License-Identifier: Apache-2.0
"""The wires of the end-to-end benchmarks: every balancer finds the server, and each kind of measurement measures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import bench_idle
from benchmarks.end_to_end import connections, datagrams, requests
from benchmarks.wires import Wires

pytestmark = pytest.mark.root


@pytest.fixture(scope="module", params=[4, 6], ids=["IPv4", "IPv6"])
def wires(request: pytest.FixtureRequest) -> Iterator[Wires]:
    with Wires(plain=True, family=request.param) as wires:
        yield wires


def test_everybody_answers(wires):
    assert list(wires.ways) == ["lbd", "haproxy", "nginx", "nftables", "testpmd"]


@pytest.mark.parametrize("kind", [requests, connections, datagrams])
def test_each_kind_measures(wires, kind):
    assert all(value > 0 for value in kind(wires, wires.ways["lbd"]).values())


def test_idleness_is_measured(wires, monkeypatch):
    monkeypatch.setattr(bench_idle, "WATCHED", 0.2)
    monkeypatch.setattr(bench_idle, "PACKETS", 5)
    assert bench_idle.idle_share(wires) >= 0
    with bench_idle.asker(wires, wires.ways["lbd"]) as sock:
        watch = bench_idle.Watch(wires.ways["lbd"].host)
        ((*trips,),) = bench_idle.round_trips([sock])
        passages = list(bench_idle.passages(watch.seen()))
    assert len(passages) == 2 * len(trips) == 10
    assert min(passages) > 0
