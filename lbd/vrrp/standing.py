# SPDX-License-Identifier: Apache-2.0
"""What trackers say of an instance: faults, weights, and what it still waits for (keepalived.conf(5), track_*).

Every entry has a source in words (``interface eth0``, ``script chk``), which is its key: the same source may say the
same twice, and only the last counts.
"""

from __future__ import annotations

OWNER = 255
LOWEST, HIGHEST = 1, 254


class Standing:
    def __init__(self) -> None:
        self.faults: set[str] = set()
        """FAULT while there is any."""
        self.awaited: set[str] = set()
        """Sources that have not said anything yet: until they have, the instance does not take part."""
        self.weights: dict[str, int] = {}

    def priority(self, base: int) -> int:
        """The effective one: 1 to 254, and an owner is never anything else."""
        if base == OWNER:
            return OWNER
        return max(LOWEST, min(HIGHEST, base + sum(self.weights.values())))

    @property
    def reason(self) -> str:
        return "; ".join(sorted(self.faults))
