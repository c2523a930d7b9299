# SPDX-License-Identifier: Apache-2.0
"""BFD_CHECK: what the state of a session means for the servers that depend on it. No I/O."""

from __future__ import annotations

from lbd.healthcheck.probe import kind
from lbd.healthcheck.servers import Change, Servers
from lbd.model.check import BfdCheck


def tell(servers: Servers, name: str, up: bool) -> tuple[Change, ...]:
    """The session of that name is up or down; what changes by it."""
    changes: list[Change] = []
    for check in list(servers.checks()):
        if isinstance(check, BfdCheck) and check.name == name:
            reason = f"{kind(check)} {name}: the session is down"
            changes += servers.passed(check) if up else servers.failed(check, reason)
    return tuple(changes)
