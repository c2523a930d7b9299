# SPDX-License-Identifier: Apache-2.0
"""What the runner needs of the kernel, as protocols: the composition root binds them."""

from __future__ import annotations

from typing import Protocol

import msgspec

from lbd.model import VirtualAddress
from lbd.model.net import Address


class LinkState(msgspec.Struct, frozen=True):
    ifindex: int
    up: bool
    mac: bytes
    ipv4: Address | None
    """The address that adverts come from, unless the configuration has one."""
    ipv6: Address | None
    """Link-local."""


class Kernel(Protocol):
    def link(self, name: str) -> LinkState | None:
        """None: there is no such interface."""

    def present(self, address: VirtualAddress) -> bool:
        """Whether the interface has the address now."""

    async def add(self, address: VirtualAddress) -> None: ...

    async def remove(self, address: VirtualAddress) -> None: ...
