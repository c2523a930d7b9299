# SPDX-License-Identifier: Apache-2.0
"""The memory of this process."""

from pathlib import Path


def resident() -> int:
    """Bytes that are in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
