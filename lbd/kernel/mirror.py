# SPDX-License-Identifier: Apache-2.0
"""The mirror: links, addresses, routes and neighbours as the kernel has them, followed by netlink.

Links, addresses and neighbours are followed event by event; a change of routes means that they are read anew. Where
events were lost (the socket ran over) everything is. Changes come coalesced: ``on_change`` is called once for all that
one turn of the loop brought, and ``take_dirty`` says what they touched.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink import rtnl
from pyroute2.netlink.exceptions import NetlinkError

from lbd.kernel.values import (
    Addr,
    Link,
    Neighbour,
    Route,
    addr_of,
    best_routes,
    link_of,
    neighbour_of,
    route_of,
)

log = logging.getLogger("lbd.kernel")

EVERYTHING = frozenset({"links", "addresses", "routes", "neighbours"})
GROUPS = (
    rtnl.RTMGRP_LINK
    | rtnl.RTMGRP_NEIGH
    | rtnl.RTMGRP_IPV4_IFADDR
    | rtnl.RTMGRP_IPV6_IFADDR
    | rtnl.RTMGRP_IPV4_ROUTE
    | rtnl.RTMGRP_IPV6_ROUTE
)
RECEIVE_BYTES = 8 * 1024 * 1024
NTF_USE = 0x01
NTF_EXT_MANAGED = 0x01
NUD_NONE = 0


class Mirror:
    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._ask: Any = AsyncIPRoute()
        self._events: Any = None
        self._follower: asyncio.Task[None] | None = None
        self._routes_stale = asyncio.Event()
        self._dirty: set[str] = set()
        self._changed: set[tuple[int, str]] = set()
        self._kept: set[tuple[int, str]] = set()
        self._called = False
        self._watchers: list[Callable[[], None]] = []
        self.links: dict[int, Link] = {}
        self.addresses: dict[tuple[int, str], Addr] = {}
        self.routes: tuple[Route, ...] = ()
        self.neighbours: dict[tuple[int, str], Neighbour] = {}

    async def start(self) -> None:
        """Follows from here on, and has read everything when it returns."""
        await self._ask.setup_endpoint()
        await self._subscribe()
        await self.read_all()
        loop = asyncio.get_running_loop()
        self._follower = loop.create_task(self._follow())
        self._reader = loop.create_task(self._read_routes())

    async def close(self) -> None:
        for task in (self._follower, self._reader):
            if task is not None:
                task.cancel()
        for ifindex, address in list(self._kept):
            await self.release(ifindex, address)
        for socket in (self._events, self._ask):
            if socket is not None:
                socket.close()

    # --- reading

    def by_name(self, name: str) -> Link | None:
        return next((x for x in self.links.values() if x.name == name), None)

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """One more to be called after each change; the result ends that."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def take_dirty(self) -> frozenset[str]:
        """What has changed since this was asked last."""
        dirty, self._dirty = frozenset(self._dirty), set()
        return dirty

    def take_changed_neighbours(self) -> set[tuple[int, str]]:
        changed, self._changed = self._changed, set()
        return changed

    # --- asking the kernel

    async def resolve(self, ifindex: int, address: str) -> None:
        """Have the kernel send ARP or ND for a neighbour now."""
        await self._touch(ifindex, address, flags=NTF_USE)

    async def keep_resolved(self, ifindex: int, address: str) -> None:
        """A managed neighbour: the kernel resolves it again before it gets stale (Linux 5.16)."""
        if (ifindex, address) in self._kept:
            return
        known = self.neighbours.get((ifindex, address))
        if known is not None and known.usable and await self._permanent(ifindex, address):
            return
        if await self._touch(ifindex, address, flags_ext=NTF_EXT_MANAGED):
            self._kept.add((ifindex, address))
        else:
            await self.resolve(ifindex, address)

    async def release(self, ifindex: int, address: str) -> None:
        """The kernel may forget it again."""
        self._kept.discard((ifindex, address))
        if ifindex in self.links:
            try:
                await self._ask.neigh("del", dst=address, ifindex=ifindex)
            except NetlinkError as error:
                log.debug("neighbour %s: %s", address, error)

    async def _permanent(self, ifindex: int, address: str) -> bool:
        """An entry that somebody set by hand is left alone."""
        async for message in await self._ask.get_neighbours(dst=address, ifindex=ifindex):
            if message.get_attr("NDA_DST") == address and message["state"] & 0x80:
                return True
        return False

    async def _touch(self, ifindex: int, address: str, **how: int) -> bool:
        try:
            await self._ask.neigh("replace", dst=address, ifindex=ifindex, state=NUD_NONE, **how)
        except NetlinkError as error:
            log.debug("neighbour %s cannot be asked for: %s", address, error)
            return False
        return True

    # --- following

    async def read_all(self) -> None:
        links = {x.ifindex: x async for x in _each(self._ask.get_links(), link_of)}
        addresses = {(x.ifindex, x.address): x async for x in _each(self._ask.get_addr(), addr_of)}
        neighbours = dict([x async for x in _each(self._ask.get_neighbours(), neighbour_of)])
        self._changed |= {
            k
            for k in self.neighbours.keys() | neighbours.keys()
            if self.neighbours.get(k) != neighbours.get(k)
        }
        self.links, self.addresses, self.neighbours = links, addresses, neighbours
        await self._dump_routes()
        self._note(*EVERYTHING)

    async def _dump_routes(self) -> None:
        self.routes = best_routes([x async for x in _each(self._ask.get_routes(), route_of)])

    async def _subscribe(self) -> None:
        if self._events is not None:
            self._events.close()
        self._events = AsyncIPRoute(rcvbuf=RECEIVE_BYTES)
        await self._events.bind(GROUPS)

    async def _follow(self) -> None:
        while True:
            try:
                async for message in self._events.get():
                    self._event(message)
            except (OSError, NetlinkError) as error:
                # ENOBUFS: some events are lost, so none of what we know is sure
                log.warning("netlink events were lost (%s): reading everything again", error)
                await self._subscribe()
                await self.read_all()

    async def _read_routes(self) -> None:
        while True:
            await self._routes_stale.wait()
            self._routes_stale.clear()
            await self._dump_routes()
            self._note("routes")

    def _event(self, message: Any) -> None:
        event = message.get("event", "")
        if event.endswith("LINK"):
            self._link_event(message, gone=event == "RTM_DELLINK")
        elif event.endswith("ADDR"):
            addr = addr_of(message)
            if event == "RTM_NEWADDR":
                self.addresses[addr.ifindex, addr.address] = addr
            else:
                self.addresses.pop((addr.ifindex, addr.address), None)
            self._note("addresses")
        elif event.endswith("NEIGH"):
            self._neighbour_event(message, gone=event == "RTM_DELNEIGH")
        elif event.endswith("ROUTE"):
            self._routes_stale.set()

    def _link_event(self, message: Any, *, gone: bool) -> None:
        link = link_of(message)
        if message["family"] != 0:
            return  # a bridge tells of its ports with the family AF_BRIDGE: the link itself is unchanged
        before = self.links.get(link.ifindex)
        if gone:
            self.links.pop(link.ifindex, None)
        else:
            self.links[link.ifindex] = link
        if before != self.links.get(link.ifindex):
            self._note("links")
            # the kernel drops routes with a link that goes down and tells of none of them (IPv4)
            self._routes_stale.set()

    def _neighbour_event(self, message: Any, *, gone: bool) -> None:
        found = neighbour_of(message)
        if found is None:
            return
        key, neighbour = found
        before = self.neighbours.get(key)
        if gone:
            self.neighbours.pop(key, None)
        else:
            self.neighbours[key] = neighbour
        if before != self.neighbours.get(key):
            self._changed.add(key)
            self._note("neighbours")

    def _note(self, *what: str) -> None:
        self._dirty.update(what)
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._called = False
        self._on_change()
        for watcher in list(self._watchers):
            watcher()


async def _each(dump: Any, convert: Callable[[Any], Any]) -> Any:
    """The values of a dump; what is none of ours is passed over."""
    async for message in await dump:
        value = convert(message)
        if value is not None:
            yield value
