# SPDX-License-Identifier: Apache-2.0
"""TCP_CHECK: the connection is established, and closed again without a byte (keepalived.conf(5))."""

from __future__ import annotations

import asyncio

from lbd.healthcheck.connect import LocalError, broken, connected, local
from lbd.healthcheck.probe import OK, Failure, Outcome, failed
from lbd.model.check import TcpCheck


class TcpProbe:
    def __init__(self, check: TcpCheck) -> None:
        self._check = check

    async def run(self) -> Outcome:
        check = self._check
        try:
            async with asyncio.timeout(check.connect_timeout):
                (await connected(check)).close()
        except TimeoutError as error:
            if error.errno:  # the kernel's own patience, which is an OSError of the same class
                return broken(check, error)
            return failed(check, Failure.TIMED_OUT, f"connect timed out after {check.connect_timeout} s")
        except LocalError as error:
            return local(check, error)
        except OSError as error:
            return broken(check, error)
        return OK
