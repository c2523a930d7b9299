# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the packet tests: a ``Bench`` that is checked for leaks after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("lbd.fastpath._dp", reason="built without libdpdk-dev")

from tests.packets.bench import NETS, Bench, Net, start_eal


@pytest.fixture(scope="session")
def eal() -> None:
    start_eal()


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
