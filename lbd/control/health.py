# SPDX-License-Identifier: Apache-2.0
"""The health of everything as one value: what ``desired`` needs beside the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from lbd.healthcheck.servers import ServerKey
from lbd.model import RealServer


class Health(msgspec.Struct, frozen=True):
    failed: Set[ServerKey] = frozenset()
    quorum_lost: Set[str] = frozenset()
    """Names of virtual servers."""
    weights: Mapping[ServerKey, int] = {}
    """Of servers whose weight is not the configured one."""

    def weight(self, service: str, real: RealServer) -> int:
        """What it weighs while it is alive."""
        return self.weights.get(ServerKey(service, real.address, real.port), real.weight)


ALL_WELL = Health()
