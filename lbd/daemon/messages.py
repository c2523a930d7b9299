# SPDX-License-Identifier: Apache-2.0
"""What the supervisor (and ``lbctl``) and a vrrp or check process say to each other; framed by ``lbd.wire``.

Each command gets one answer. The same words pass over the socketpair that a child is born with and over its own
Unix socket, so a new supervisor speaks to a child it found as to one it started.
"""

from __future__ import annotations

import msgspec

from lbd import wire
from lbd.model import Config
from lbd.model.status import CheckRoleStatus, VrrpRoleStatus


class Configure(msgspec.Struct, frozen=True, tag=True):
    """Take up work; sent once. Answered with Ready or Failed."""

    config: Config


class Reload(msgspec.Struct, frozen=True, tag=True):
    """Go over to another configuration. Answered with Ready, or with Failed: the old one then stays."""

    config: Config


class Adopt(msgspec.Struct, frozen=True, tag=True):
    """Said by a new supervisor to a child it found. Answered with Adopted."""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Clean up and end. Answered with Ready when all is put back; the process ends right after."""

    release: bool = True
    """False leaves the addresses where they are: ``-V``."""


class GetStatus(msgspec.Struct, frozen=True, tag=True):
    """Answered with the status of the role, or Failed before it is configured."""


class TakeOver(msgspec.Struct, frozen=True, tag=True):
    """Said to a standby when the process it stands by for is dead. Answered with Ready, or Failed: it was never fed."""


Command = Configure | Reload | Adopt | Stop | GetStatus | TakeOver


class Ready(msgspec.Struct, frozen=True, tag=True):
    pass


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A sentence for the user. The exit code is what the process ends with, where it ends (0: it does not)."""

    reason: str
    code: int = 0


class Adopted(msgspec.Struct, frozen=True, tag=True):
    """The process that answers, and the configuration it runs (None: it was never given one)."""

    pid: int
    config: Config | None


Answer = Ready | Failed | Adopted | VrrpRoleStatus | CheckRoleStatus

decode_command = wire.decoder(Command)
decode_answer = wire.decoder(Answer)
