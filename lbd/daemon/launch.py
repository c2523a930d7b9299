# SPDX-License-Identifier: Apache-2.0
"""Binds ``lbd.notify`` to a process: a role's launcher of scripts, which lives no longer than the role."""

from __future__ import annotations

import socket
from collections.abc import Awaitable

from lbd.daemon.process import python, spawn
from lbd.notify import Scripts


def scripts() -> Scripts:
    """Needs a running event loop only when it is used."""
    return Scripts(_launch)


def _launch() -> tuple[socket.socket, Awaitable[object]]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = spawn([*python("lbd.notify.launcher"), str(theirs.fileno())], keep=[theirs.fileno()])
    return ours, process.ended
