# SPDX-License-Identifier: Apache-2.0
"""What the runner needs of others, as protocols: the composition root binds them."""

from __future__ import annotations

from typing import Protocol

import msgspec

from lbd.model import VirtualAddress, VrrpInstance
from lbd.model.net import Address
from lbd.vrrp.action import Notify


class LinkState(msgspec.Struct, frozen=True):
    name: str
    ifindex: int
    up: bool
    mac: bytes
    ipv4: Address | None
    """The address that adverts come from, unless the configuration has one."""
    ipv6: Address | None
    """Link-local."""
    mtu: int = 1500


class Kernel(Protocol):
    def link(self, name: str) -> LinkState | None:
        """None: there is no such interface."""

    def way(self, conf: VrrpInstance) -> LinkState | None:
        """The interface by which its adverts leave: its own virtual one, or the one that is configured."""

    def placed(self, conf: VrrpInstance) -> tuple[VirtualAddress, ...]:
        """Its virtual addresses, each with the interface on which it is to stand."""

    def present(self, address: VirtualAddress) -> bool:
        """Whether the interface has the address now."""

    def lease(self, conf: VrrpInstance, seconds: float) -> bool:
        """An advert has left: for so long the instance may keep its addresses without another. Must not block.

        False: nothing sees to that.
        """

    async def settle(self, conf: VrrpInstance, hold: bool) -> None:
        """All that is virtual of an instance is to be there (hold), or nothing of it. Says itself what it cannot do.

        Called again with another configuration of the same name it touches only what differs.
        """


class Listener(Protocol):
    """Who runs scripts, writes FIFOs and sends mail."""

    def tell(self, notice: Notify) -> None:
        """In the order in which things happened, each after the kernel has been settled. Must not block."""


class Deaf:
    """A Listener that tells nobody."""

    def tell(self, notice: Notify) -> None:
        del notice
