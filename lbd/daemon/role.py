# SPDX-License-Identifier: Apache-2.0
"""What a child process of the supervisor is: a role that is configured, reconfigured and stopped by message.

``daemon/child.py`` runs a Role in its process: event loop, signals, the socket to the supervisor and the role's own
status socket. ``vrrp`` and ``check`` are Roles; ``dp`` is configured through its own control socket instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from lbd.model import Config
from lbd.model.status import RoleStatus


class Role(Protocol):
    async def start(self, config: Config) -> None:
        """Take up work. Called once. What cannot work raises; the process then ends with that sentence."""

    async def reload(self, config: Config) -> None:
        """Go over to another configuration, keeping the state of all that is equal."""

    async def stop(self) -> None:
        """Clean up: addresses go, priority 0 is sent. Afterwards the process ends."""

    def status(self) -> RoleStatus:
        """What ``lbctl status`` shows of this role."""


@runtime_checkable
class Leaver(Protocol):
    """A Role whose end is noticed even where all it did is to stay."""

    async def leave(self) -> None:
        """In the place of ``stop`` where nothing is to be released."""


@runtime_checkable
class Successor(Protocol):
    """A Role that stands by for another process, and takes its place when that dies."""

    on_taken: Callable[[], None]
    """Called when it has; its socket and PID file then get the names of the other's."""

    async def succeed(self) -> bool:
        """True if it has taken the place of the other, which is dead."""
