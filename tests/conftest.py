# SPDX-License-Identifier: Apache-2.0
"""For all tests: those that need root say so and are left out without it; SIGTERM ends a run as Ctrl-C does."""

import os
import signal

import pytest
from hypothesis import settings

# The same examples at every run; HYPOTHESIS_PROFILE=hunt looks for new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("hunt", print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_configure(config: pytest.Config) -> None:
    """So that fixtures take their namespaces down when a run is ended from outside."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("SIGTERM", 143))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    needs_root = pytest.mark.skip(reason="needs root: network namespaces, packet sockets")
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(needs_root)
