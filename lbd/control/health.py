# SPDX-License-Identifier: Apache-2.0
"""The health of everything as one value: what ``desired`` needs beside the configuration."""

from __future__ import annotations

import msgspec

from lbd.healthcheck.servers import ServerKey


class Health(msgspec.Struct, frozen=True):
    failed: frozenset[ServerKey] = frozenset()
    quorum_lost: frozenset[str] = frozenset()
    """Names of virtual servers."""


ALL_WELL = Health()
