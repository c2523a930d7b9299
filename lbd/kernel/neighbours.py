# SPDX-License-Identifier: Apache-2.0
"""Making the kernel resolve neighbours, once or for as long as they are wanted. It sends the ARP and ND, not we.

A managed neighbour (Linux 5.16) is resolved again before it gets stale. The kernel forgets it all the same when the
link goes down or somebody flushes the table, so what is wanted is remembered here and asked for again.
"""

from __future__ import annotations

import errno
import logging
import os
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

log = logging.getLogger("lbd.kernel")

NTF_USE = 0x01
NTF_EXT_MANAGED = 0x01
NUD_NONE = 0

Key = tuple[int, str]
"""Interface index and address."""


class Resolver:
    """Over a netlink socket that somebody else opens and closes."""

    def __init__(self, ask: Any) -> None:
        self._ask = ask
        self._kept: set[Key] = set()
        self._refused: set[int | None] = set()
        """Error numbers that were said; said again after one that went well."""

    @property
    def kept(self) -> frozenset[Key]:
        return frozenset(self._kept)

    async def resolve(self, key: Key) -> None:
        if key in self._kept:  # a full table may have refused it before
            await self.renew(key)
        else:
            await self._touch(key, flags=NTF_USE)

    async def keep(self, key: Key) -> None:
        if key not in self._kept:
            self._kept.add(key)
            await self.renew(key)

    async def renew(self, key: Key) -> None:
        """Both flags: a kernel that knows no managed neighbours passes over the second and resolves it once."""
        if not await self._touch(key, flags=NTF_USE, flags_ext=NTF_EXT_MANAGED):
            await self._touch(key, flags=NTF_USE)

    async def release(self, key: Key) -> None:
        """The kernel may forget it. One that was never kept is left alone."""
        if key not in self._kept:
            return
        self._kept.discard(key)
        try:
            await self._ask.neigh("del", dst=key[1], ifindex=key[0])
        except NetlinkError as error:
            log.debug("neighbour %s: %s", key[1], error)  # it went before, or its interface did

    def forget_link(self, ifindex: int) -> None:
        """The interface is gone; another may come under its index."""
        self._kept = {key for key in self._kept if key[0] != ifindex}

    async def _touch(self, key: Key, **how: int) -> bool:
        try:
            await self._ask.neigh("replace", dst=key[1], ifindex=key[0], state=NUD_NONE, **how)
        except (NetlinkError, OSError) as error:
            self._refusal(key, error)
            return False
        self._refused.clear()
        return True

    def _refusal(self, key: Key, error: NetlinkError | OSError) -> None:
        """Each kind once: a full table (gc_thresh3) refuses a thousand a second."""
        number = error.code if isinstance(error, NetlinkError) else error.errno
        if number in (errno.ENETDOWN, errno.ENODEV):
            return  # it is asked for again when the link is up
        if number not in self._refused:
            self._refused.add(number)
            log.warning("the kernel does not resolve neighbour %s: %s", key[1], _words(number or 0, key[1]))


def _words(number: int, address: str) -> str:
    if number == errno.ENOBUFS:  # arp(7)
        version = 6 if ":" in address else 4
        return f"its table is full; sysctl -w net.ipv{version}.neigh.default.gc_thresh3=… makes it larger"
    return os.strerror(number)
