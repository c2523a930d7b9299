# SPDX-License-Identifier: Apache-2.0
"""Putting addresses on interfaces and taking them away. What was there before is told apart from what we made."""

from __future__ import annotations

import asyncio
import errno
import os
from ipaddress import ip_network
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

IFA_F_NODAD = 0x02
IFA_F_NOPREFIXROUTE = 0x200
FOREVER = 0xFFFFFFFF

SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254}


class AddressError(Exception):
    """The kernel refused; the text says which address and why."""


class Addresses:
    def __init__(self) -> None:
        self._ask: Any = None
        self._opening = asyncio.Lock()

    async def add(
        self,
        address: str,
        prefix: int,
        dev: str,
        *,
        label: str | None = None,
        scope: str | None = None,
        brd: str | None = None,
        nodad: bool = False,
        noprefixroute: bool = False,
        source: bool = True,
    ) -> bool:
        """True if we made it, False if it was there. Raises AddressError.

        source: the kernel may pick it as a source address; if not, IPv6 calls it deprecated (RFC 4862 section 5.5.4),
        and in IPv4 an address that is alone in its network is not picked anyhow.
        """
        flags = (IFA_F_NODAD if nodad and ":" in address else 0) | (
            IFA_F_NOPREFIXROUTE if noprefixroute else 0
        )
        more: dict[str, Any] = {}
        if flags:
            more["IFA_FLAGS"] = flags
        if not source and ":" in address:
            more |= {"preferred_lft": 0, "valid_lft": FOREVER}
        if label:
            more["label"] = label
        if brd and brd != "-":
            more["broadcast"] = _broadcast(address, prefix) if brd == "+" else brd
        if scope:
            more["scope"] = SCOPES[scope] if scope in SCOPES else int(scope)
        try:
            ask = await self._socket()
            await ask.addr("add", index=await self._index(dev), address=address, prefixlen=prefix, **more)
        except NetlinkError as error:
            if error.code == errno.EEXIST:
                return False
            raise AddressError(f"{address}/{prefix} cannot be added to {dev}: {_words(error)}") from None
        return True

    async def remove(self, address: str, prefix: int, dev: str) -> bool:
        """True if it was there. Raises AddressError."""
        try:
            ask = await self._socket()
            await ask.addr("del", index=await self._index(dev), address=address, prefixlen=prefix)
        except NetlinkError as error:
            if error.code in (errno.EADDRNOTAVAIL, errno.ENODEV):
                return False
            raise AddressError(f"{address}/{prefix} cannot be removed from {dev}: {_words(error)}") from None
        return True

    async def present(self, address: str, dev: str) -> bool:
        """False where there is no such interface, too."""
        ask = await self._socket()
        for index in await ask.link_lookup(ifname=dev):
            if await self._has(index, address):
                return True
        return False

    async def _has(self, index: int, address: str) -> bool:
        async for message in await self._ask.get_addr(index=index):
            if address in (message.get_attr("IFA_LOCAL"), message.get_attr("IFA_ADDRESS")):
                return True
        return False

    async def close(self) -> None:
        if self._ask is not None:
            ask, self._ask = self._ask, None
            ask.close()

    async def _socket(self) -> Any:
        async with self._opening:  # many addresses are added side by side; the endpoint is set up once
            if self._ask is None:
                ask: Any = AsyncIPRoute()
                await ask.setup_endpoint()
                self._ask = ask
        return self._ask

    async def _index(self, dev: str) -> int:
        found = await (await self._socket()).link_lookup(ifname=dev)
        if not found:
            raise NetlinkError(errno.ENODEV, f"there is no interface {dev}")
        return int(found[0])


def _broadcast(address: str, prefix: int) -> str:
    """What ``brd +`` means in ip-address(8): the host bits all ones."""
    return str(ip_network(f"{address}/{prefix}", strict=False).broadcast_address)


def _words(error: NetlinkError) -> str:
    return os.strerror(error.code)
