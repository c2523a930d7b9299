# SPDX-License-Identifier: Apache-2.0
"""What a machine asks the shell around it to do: frozen values, compared by value in tests."""

from __future__ import annotations

import msgspec


class SendAdvert(msgspec.Struct, frozen=True):
    priority: int


class AddAddresses(msgspec.Struct, frozen=True):
    """All virtual addresses, excluded ones too."""


class RemoveAddresses(msgspec.Struct, frozen=True):
    pass


class SendGarp(msgspec.Struct, frozen=True):
    """Gratuitous ARP and unsolicited NA for every address, so many times."""

    repeat: int


class Log(msgspec.Struct, frozen=True):
    text: str
    warning: bool = False


class Entered(msgspec.Struct, frozen=True):
    """A state was entered; for notifies and for the status."""

    state: str


Action = SendAdvert | AddAddresses | RemoveAddresses | SendGarp | Log | Entered
