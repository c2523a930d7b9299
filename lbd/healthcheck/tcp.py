# SPDX-License-Identifier: Apache-2.0
"""TCP_CHECK: the connection is established, and closed again without a byte (keepalived.conf(5))."""

from __future__ import annotations

from lbd.healthcheck.connect import Stage, attempt, connected
from lbd.healthcheck.probe import OK, Outcome
from lbd.model.check import TcpCheck


class TcpProbe:
    def __init__(self, check: TcpCheck) -> None:
        self._check = check

    async def run(self) -> Outcome:
        return await attempt(self._check, self._talk)

    async def _talk(self, _: Stage) -> Outcome:
        (await connected(self._check)).close()
        return OK
