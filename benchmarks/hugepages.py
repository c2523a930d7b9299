# SPDX-License-Identifier: Apache-2.0
"""Huge pages for the time of a benchmark: packet buffers live in them on any machine that is set up for DPDK."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

PAGE = 2
"""MiB."""
NUMBER = Path("/proc/sys/vm/nr_hugepages")


def free() -> int:
    """MiB of them that nobody uses."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return PAGE * next(int(line.split()[1]) for line in lines if line.startswith("HugePages_Free:"))


@contextlib.contextmanager
def reserved(megabytes: int) -> Iterator[None]:
    """As many as are wanted where the kernel has them to give; as many as before afterwards."""
    before = int(NUMBER.read_text())
    more = -(-max(0, megabytes - free()) // PAGE)
    try:
        with contextlib.suppress(PermissionError):
            NUMBER.write_text(str(before + more))
        yield
    finally:
        with contextlib.suppress(PermissionError):
            NUMBER.write_text(str(before))


def eal_memory(megabytes: int) -> list[str]:
    """DPDK's arguments, as the dp process chooses them: huge pages where enough are free."""
    if free() >= megabytes:
        return ["--in-memory", "-m", str(megabytes)]
    return ["--no-huge", "--no-shconf", "-m", str(megabytes)]
