# SPDX-License-Identifier: Apache-2.0
"""What keepalived says about script security before it runs a command (keepalived.conf(5), enable_script_security)."""

from __future__ import annotations

from collections.abc import Sequence

from lbd import safe_path
from lbd.confparser.build.context import Context
from lbd.confparser.build.trackers import exists
from lbd.confparser.check import Item


def check(tracked: Sequence[Item], commands: Sequence[Item], secure: bool, context: Context) -> None:
    """``commands`` are the directives that name a command themselves, ``tracked`` the scripts that are tracked."""
    running = [item for item in (*commands, *tracked) if exists(item)]
    if running and not secure:
        message = "commands would be run without enable_script_security in global_defs"
        unsafe = next(filter(None, map(_unsafe, running)), None)
        if unsafe is not None:
            message += f": {unsafe}"
        context.report.add("LB0601", message, running[0].node.place(), expected="enable_script_security")


def _unsafe(item: Item) -> safe_path.Unsafe | None:
    """What others than root could change on the way to its program."""
    try:
        return safe_path.judged(str(item.value[0]))
    except OSError:
        return None
