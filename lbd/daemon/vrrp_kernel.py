# SPDX-License-Identifier: Apache-2.0
"""What VRRP needs of the kernel, from the mirror and the addresses adapter (``vrrp/io/ports.py``)."""

from __future__ import annotations

import logging

from lbd.kernel.addresses import AddressError, Addresses
from lbd.kernel.mirror import Mirror
from lbd.model import VirtualAddress, VrrpInstance
from lbd.vrrp.io.ports import LinkState

log = logging.getLogger("lbd.vrrp")

SCOPE_GLOBAL, SCOPE_LINK = 0, 253


class KernelFace:
    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._addresses = Addresses()
        self._held: dict[str, VrrpInstance] = {}
        """What was put there last, by name."""
        self.virtual: set[str] = set()
        """Addresses that are VRRP's: never a source of adverts."""

    def link(self, name: str) -> LinkState | None:
        link = self._mirror.by_name(name)
        if link is None:
            return None
        ours = [a for (index, _), a in self._mirror.addresses.items() if index == link.ifindex]
        four = next((a.address for a in ours if ":" not in a.address and a.address not in self.virtual), None)
        six = next(
            (
                a.address
                for a in ours
                if ":" in a.address and a.scope == SCOPE_LINK and a.address not in self.virtual
            ),
            None,
        )
        return LinkState(link.ifindex, link.up, link.mac, four, six)

    def present(self, address: VirtualAddress) -> bool:
        link = self._mirror.by_name(address.dev)
        return link is not None and (link.ifindex, address.address) in self._mirror.addresses

    async def settle(self, conf: VrrpInstance, hold: bool) -> None:
        before = self._held.pop(conf.name, None)
        if hold:
            self._held[conf.name] = conf
        wanted = conf.virtual_addresses if hold else ()
        # a predecessor may have left what is not in ``_held``
        there = (before or conf).virtual_addresses
        for address in there:
            if address not in wanted:
                await self._remove(address)
        for address in wanted:
            await self._add(address)

    async def _add(self, address: VirtualAddress) -> None:
        try:
            await self._addresses.add(
                address.address,
                address.prefix,
                address.dev,
                label=address.label,
                scope=address.scope,
                brd=address.brd,
                nodad=True,
                # keepalived's default: an IPv6 address of its own /128 is never a source
                source=address.prefix != 128,
            )
        except AddressError as error:
            log.error("%s", error)

    async def _remove(self, address: VirtualAddress) -> None:
        try:
            await self._addresses.remove(address.address, address.prefix, address.dev)
        except AddressError as error:
            log.error("%s", error)

    async def close(self) -> None:
        await self._addresses.close()
