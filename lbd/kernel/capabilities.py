# SPDX-License-Identifier: Apache-2.0
"""The capabilities without which nothing of lbd works; see capabilities(7)."""

from __future__ import annotations

NEEDED = {12: "NET_ADMIN", 13: "NET_RAW"}
"""By their number in linux/capability.h."""


def missing() -> tuple[str, ...]:
    """Those of them that this process has not."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    return tuple(name for bit, name in NEEDED.items() if not effective >> bit & 1)
