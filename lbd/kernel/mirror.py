# SPDX-License-Identifier: Apache-2.0
"""The mirror: links, addresses, routes and neighbours as the kernel has them, followed by netlink.

Links, addresses and neighbours are followed event by event; a change of routes means that they are read anew. Where
events were lost (the socket ran over) everything is. Changes come coalesced: ``on_change`` is called once for all that
one turn of the loop brought, and ``take_dirty`` says what they touched.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink import NLM_F_DUMP_INTR, rtnl
from pyroute2.netlink.exceptions import NetlinkError

from lbd.kernel.capabilities import missing
from lbd.kernel.deletions import SO_RCVBUFFORCE
from lbd.kernel.neighbours import Resolver
from lbd.kernel.policy import Policy, devices, policy, rule_of
from lbd.kernel.rtnl.route_dump import dump_routes
from lbd.kernel.values import (
    Addr,
    Link,
    Neighbour,
    Route,
    addr_of,
    best_routes,
    link_of,
    neighbour_of,
)

log = logging.getLogger("lbd.kernel")

GROUPS = {
    "links": rtnl.RTMGRP_LINK,
    "addresses": rtnl.RTMGRP_IPV4_IFADDR | rtnl.RTMGRP_IPV6_IFADDR,
    "routes": rtnl.RTMGRP_IPV4_ROUTE | rtnl.RTMGRP_IPV6_ROUTE | rtnl.RTMGRP_IPV4_RULE | rtnl.RTMGRP_IPV6_RULE,
    "neighbours": rtnl.RTMGRP_NEIGH,
}
DUMPS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "links": ("get_links", link_of),
    "addresses": ("get_addr", addr_of),
    "rules": ("get_rules", rule_of),
    "neighbours": ("get_neighbours", neighbour_of),
}
EVERYTHING = frozenset(GROUPS)
RECEIVE_BYTES = 8 * 1024 * 1024
DUMP_TRIES = 4
BREATH = 64
"""Values of a dump between two breaths of the loop."""
ROUTES_SHARE = 3
"""Reading the routes takes at most one in so many seconds, however often they change."""
RETRY = 0.2
"""Seconds until a socket that the kernel refused is tried again."""


class Mirror:
    def __init__(self, on_change: Callable[[], None], *, what: frozenset[str] = EVERYTHING) -> None:
        """what: who needs no routes is not held up by a hundred thousand of them."""
        self._on_change = on_change
        self._what = what
        self._ask: Any = AsyncIPRoute()
        self._events: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._routes_stale = asyncio.Event()
        self._dumping = asyncio.Lock()
        self._dirty: set[str] = set()
        self._changed: set[tuple[int, str]] = set()
        self._resolver = Resolver(self._ask)
        self._called = False
        self._watchers: list[Callable[[], None]] = []
        self._prefixes: dict[tuple[int, str], dict[int, Addr]] = {}
        """An interface may have one IPv4 address several times, under different prefixes."""
        self.links: dict[int, Link] = {}
        self.addresses: dict[tuple[int, str], Addr] = {}
        self.routes: tuple[Route, ...] = ()
        """Of the tables that a fresh machine asks; ``policy`` has all, with the rules."""
        self.policy = Policy()
        self.neighbours: dict[tuple[int, str], Neighbour] = {}

    async def start(self) -> None:
        """Follows from here on, and has read everything when it returns."""
        await self._ask.setup_endpoint()
        await self._subscribe()
        await self.read_all()
        self._note(*self._what)
        self._spawn(self._follow())
        if "routes" in self._what:
            self._spawn(self._read_routes())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for key in self._resolver.kept:
            await self._resolver.release(key)
        for netlink in (self._events, self._ask):
            if netlink is not None:
                netlink.close()

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
        await self._resolver.resolve((ifindex, address))

    async def keep_resolved(self, ifindex: int, address: str) -> None:
        """Have it resolved from now on, over flushes of the table and while the interface goes down and up."""
        known = self.neighbours.get((ifindex, address))
        if known is None or not known.permanent:  # an entry that somebody set by hand is left alone
            await self._resolver.keep((ifindex, address))

    async def release(self, ifindex: int, address: str) -> None:
        """The kernel may forget it again."""
        await self._resolver.release((ifindex, address))

    # --- reading everything

    async def read_all(self) -> None:
        """Reads anew, shows all of it at once, and tells what differs."""
        links = {x.ifindex: x for x in await self._dump("links")}
        prefixes: dict[tuple[int, str], dict[int, Addr]] = {}
        for addr in await self._dump("addresses"):
            prefixes.setdefault((addr.ifindex, addr.address), {})[addr.prefix] = addr
        addresses = {key: next(iter(held.values())) for key, held in prefixes.items()}
        neighbours: dict[tuple[int, str], Neighbour] = dict(await self._dump("neighbours"))
        policy_, routes = await self._dump_policy(links)

        before, self._prefixes = self.neighbours, prefixes
        changed = {k for k in before.keys() | neighbours.keys() if before.get(k) != neighbours.get(k)}
        self._changed |= changed
        self._take("links", self.links != links)
        self._take("addresses", self.addresses != addresses)
        self._take("neighbours", bool(changed))
        self._take("routes", self.policy != policy_)
        self.links, self.addresses, self.neighbours = links, addresses, neighbours
        self.policy, self.routes = policy_, routes
        self._renew(*(self._resolver.kept - neighbours.keys()))

    async def _dump_policy(self, links: Mapping[int, Link]) -> tuple[Policy, tuple[Route, ...]]:
        """Rules and tables, and of the tables what a fresh machine's rules make of them."""
        if "routes" not in self._what:
            return Policy(), ()
        rules = await self._dump("rules")
        routes = await dump_routes()
        return await asyncio.to_thread(policy, rules, routes, devices(links)), best_routes(routes)

    async def _dump(self, what: str) -> list[Any]:
        """The values of a dump; what is none of ours is passed over.

        One that a change interrupted may have left out what was there all the time, so it is begun anew. Routes are
        not (``rtnl.route_dump``): under a feed that never rests no dump is whole.
        """
        if what not in self._what and what != "rules":
            return []
        async with self._dumping:  # the kernel does one at a time for a socket
            return await self._dump_now(what)

    async def _dump_now(self, what: str) -> list[Any]:
        command, convert = DUMPS[what]
        out: list[Any] = []
        for _ in range(DUMP_TRIES):
            out, whole, heard = [], True, 0
            async for message in await getattr(self._ask, command)():
                whole = whole and not message["header"]["flags"] & NLM_F_DUMP_INTR
                heard += 1
                if heard % BREATH == 0:
                    await asyncio.sleep(0)
                value = convert(message)
                if value is not None:
                    out.append(value)
            if whole:
                break
        return out

    # --- following

    async def _subscribe(self) -> None:
        if self._events is not None:
            self._events.close()
        self._events = AsyncIPRoute()
        groups = 0
        for name in self._what:
            groups |= GROUPS[name]
        await self._events.bind(groups)
        # beyond net.core.rmem_max, where we may; before any event that counts
        force = SO_RCVBUFFORCE if not missing() else socket.SO_RCVBUF
        self._events.setsockopt(socket.SOL_SOCKET, force, RECEIVE_BYTES)

    async def _follow(self) -> None:
        while True:
            try:
                async for message in self._events.get():
                    self._event(message)
            except (OSError, NetlinkError) as error:
                # ENOBUFS: some events are lost, so none of what we know is sure
                log.warning("netlink events were lost (%s): reading everything again", _said(error))
                await self._begin_again()

    async def _begin_again(self) -> None:
        while True:
            try:
                await self._subscribe()
                await self.read_all()
                self._routes_stale.set()  # a reading that was under way may end after this one
            except (OSError, NetlinkError) as error:
                log.warning("the kernel's tables cannot be read (%s): trying again", _said(error))
                await asyncio.sleep(RETRY)
            else:
                return

    async def _read_routes(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._routes_stale.wait()
            self._routes_stale.clear()
            began = loop.time()
            try:
                policy_, routes = await self._dump_policy(self.links)
                self._take("routes", self.policy != policy_)
                self.policy, self.routes = policy_, routes
            except (OSError, NetlinkError) as error:
                log.warning("the routes cannot be read (%s): trying again", _said(error))
                self._routes_stale.set()
                await asyncio.sleep(RETRY)
            await asyncio.sleep((loop.time() - began) * (ROUTES_SHARE - 1))

    def _event(self, message: Any) -> None:
        event = str(message.get("event", ""))  # a number, of a kind that pyroute2 has no name for
        if event.endswith("LINK"):
            self._link_event(message, gone=event == "RTM_DELLINK")
        elif event.endswith("ADDR"):
            self._address_event(addr_of(message), gone=event == "RTM_DELADDR")
        elif event.endswith("NEIGH"):
            self._neighbour_event(message, gone=event == "RTM_DELNEIGH")
        elif event.endswith(("ROUTE", "RULE")):
            self._routes_stale.set()

    def _link_event(self, message: Any, *, gone: bool) -> None:
        if message["family"] != 0:
            return  # a bridge tells of its ports with the family AF_BRIDGE: the link itself is unchanged
        link = link_of(message)
        before = self.links.pop(link.ifindex, None)
        if gone:
            self._resolver.forget_link(link.ifindex)
        else:
            self.links[link.ifindex] = link
        if before == self.links.get(link.ifindex):
            return
        self._take("links", True)
        # the kernel drops routes with a link that goes down and tells of none of them (IPv4)
        self._routes_stale.set()
        if link.up and not gone:
            self._renew(*(key for key in self._resolver.kept if key[0] == link.ifindex))

    def _address_event(self, addr: Addr, *, gone: bool) -> None:
        key = (addr.ifindex, addr.address)
        before = self.addresses.get(key)
        held = self._prefixes.setdefault(key, {})
        if gone:
            held.pop(addr.prefix, None)
            # the kernel drops the routes that have it as their source and tells of none of them (IPv4)
            self._routes_stale.set()
        else:
            held[addr.prefix] = addr
        if held:
            self.addresses[key] = next(iter(held.values()))
        else:
            del self._prefixes[key]
            self.addresses.pop(key, None)
        self._take("addresses", before != self.addresses.get(key))

    def _neighbour_event(self, message: Any, *, gone: bool) -> None:
        found = neighbour_of(message)
        if found is None:
            return
        key, neighbour = found
        before = self.neighbours.get(key)
        if gone:
            self.neighbours.pop(key, None)
            link = self.links.get(key[0])
            if link is not None and link.up and key in self._resolver.kept:
                self._renew(key)
        else:
            self.neighbours[key] = neighbour
        if before != self.neighbours.get(key):
            self._changed.add(key)
            self._take("neighbours", True)

    def _renew(self, *keys: tuple[int, str]) -> None:
        for key in keys:
            self._spawn(self._resolver.renew(key))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.critical("the mirror is broken", exc_info=task.exception())

    def _take(self, what: str, differs: bool) -> None:
        if differs:
            self._note(what)

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


def _said(error: OSError | NetlinkError) -> str:
    number = error.code if isinstance(error, NetlinkError) else error.errno
    return os.strerror(number or 0)
