# SPDX-License-Identifier: Apache-2.0
"""What a machine asks the shell around it to do: frozen values, compared by value in tests."""

from __future__ import annotations

import msgspec


class SendAdvert(msgspec.Struct, frozen=True):
    priority: int


class Settle(msgspec.Struct, frozen=True):
    """The kernel is to have what the instance's state says: all that is virtual in MASTER, nothing of it else."""

    hold: bool


class SendGarp(msgspec.Struct, frozen=True):
    """Gratuitous ARP and unsolicited NA for every address, so many times."""

    repeat: int
    extra: bool = False
    """Only on the interfaces that garp_extra_if means, once for each."""


class Log(msgspec.Struct, frozen=True):
    text: str
    warning: bool = False
    limit: str = ""
    """What others can make us say by sending: of the same word at most one line a second."""


class Notify(msgspec.Struct, frozen=True):
    """What scripts, FIFOs and mail are told, in keepalived's words, after what it tells of has been done.

    kind: ``INSTANCE`` or ``GROUP``. event: a state (``MASTER`` ``BACKUP`` ``FAULT`` ``STOP`` ``DELETED``), or
    ``MASTER_RX_LOWER_PRI``, ``MASTER_PRIORITY``, ``BACKUP_PRIORITY``. priority: the effective one, 0 for a group.
    """

    kind: str
    name: str
    event: str
    priority: int


Action = SendAdvert | Settle | SendGarp | Log | Notify
