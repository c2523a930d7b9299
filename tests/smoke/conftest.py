# SPDX-License-Identifier: Apache-2.0
"""For the smoke tests: leftovers go first, and a failure shows the state of the networks that stood."""

from collections.abc import Generator

import pytest

from tests.smoke.topology import Topology, sweep_dead


@pytest.fixture(scope="session", autouse=True)
def _no_leftovers() -> None:
    sweep_dead()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and item.get_closest_marker("root"):
        report.sections += [(f"{net.prefix} {net.mode}", net.state()) for net in Topology.living]
    return report
