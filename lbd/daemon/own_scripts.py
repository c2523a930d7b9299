# SPDX-License-Identifier: Apache-2.0
"""startup_script and shutdown_script: run by the parent process before its children start and after they have ended."""

from __future__ import annotations

import logging

from lbd.daemon import launch
from lbd.model import Script

log = logging.getLogger("lbd.supervisor")


async def run(what: str, script: Script | None, seconds: float) -> None:
    """Returns when it has ended, or was ended because it took longer. How it ends decides nothing, as in keepalived."""
    if script is None:
        return
    log.info("Running %s script %s", what, script)
    scripts = launch.scripts()
    outcome = await scripts.run(script, timeout=seconds)
    await scripts.close()
    if outcome.ok:
        log.info("%s script succeeded", what)
    else:
        log.warning("%s script: %s", what, outcome)
