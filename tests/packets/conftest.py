# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the packet tests: a ``Bench`` that is checked for leaks after every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

pytest.importorskip("lbd.fastpath._dp", reason="built without libdpdk-dev")

from lbd.fastpath import _dp
from tests.packets.bench import NETS, Bench, Net

EAL = ["--no-huge", "--no-shconf", "-m", "256", "--no-pci", "--no-telemetry", "--log-level=critical"]


@pytest.fixture(scope="session")
def eal() -> None:
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    _dp.eal_init([*EAL, f"--lcores=0@({cpus}),1@({cpus})"])


@pytest.fixture
def bench(eal: None) -> Iterator[Bench]:
    bench = Bench()
    try:
        yield bench
        bench.check_sums()
    finally:
        bench.dp.close()


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def family(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=["fnat", "nat", "dr"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["TCP", "UDP"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def net(family: int) -> Net:
    return NETS[family]
