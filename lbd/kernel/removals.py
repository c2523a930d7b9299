# SPDX-License-Identifier: Apache-2.0
"""Hears by netlink when somebody else deletes a route or a routing rule that we hold.

The kernel tells of a deletion in the very words that it was set in (rtnetlink(7)), so an item is known again by the
bytes of its own request: those attributes that tell it from others have to be there. Of the routes that the kernel
drops by itself, with a link or an address, it does not tell (IPv4); links and addresses are followed for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Iterator

from lbd.kernel.rtnl import route, rule
from lbd.model.route import Route, Rule

SO_RCVBUFFORCE = 33
RECEIVE_BYTES = 8 * 1024 * 1024
"""A full table that is withdrawn is 100,000 messages."""
DST = 1
"""Of routes and of rules."""
GROUPS = (7, 11, 8, 19)
"""RTNLGRP_IPV4_ROUTE, IPV6_ROUTE, IPV4_RULE, IPV6_RULE."""
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
HEAD = 12
"""struct rtmsg and struct fib_rule_hdr have one length, and family, lengths and TOS in the same places."""
TELLING = {
    route.RTM_DELROUTE: (route.DST, route.OIF, route.GATEWAY, route.PRIORITY, route.TABLE),
    rule.RTM_DELRULE: (
        rule.DST,
        rule.SRC,
        rule.IIFNAME,
        rule.OIFNAME,
        rule.FWMARK,
        rule.PRIORITY,
        rule.TABLE,
    ),
}
PROTOCOL, TYPE = slice(5, 6), slice(7, 8)
"""Of struct rtmsg; in struct fib_rule_hdr the second is the action."""

Item = Route | Rule


class Removals:
    def __init__(self, on_removed: Callable[[str, Item], None], on_lost: Callable[[], None]) -> None:
        """on_removed: with whose it was. on_lost: events were lost, and any may be gone."""
        self._on_removed, self._on_lost = on_removed, on_lost
        self._held: dict[bytes, list[tuple[str, Item, bytes]]] = {}
        """By the first bytes of a message: (owner, item, request)."""
        self._keys: dict[str, set[bytes]] = {}
        """Under which of them an owner has something: 500 that move at once do not look at each other's."""
        self._events: socket.socket | None = None

    def hold(self, owner: str, items: dict[Item, bytes]) -> None:
        """The owner's are these from now on, each with the body of the request that set it."""
        for key in self._keys.pop(owner, ()):
            self._held[key] = [one for one in self._held[key] if one[0] != owner]
            if not self._held[key]:
                del self._held[key]
        for item, body in items.items():
            kind = route.RTM_DELROUTE if isinstance(item, Route) else rule.RTM_DELRULE
            key = _key(kind, body)
            self._held.setdefault(key, []).append((owner, item, body))
            self._keys.setdefault(owner, set()).add(key)
        if self._held and self._events is None:
            self._events = _subscribed()
            asyncio.get_running_loop().add_reader(self._events, self._readable)

    def close(self) -> None:
        if self._events is not None:
            asyncio.get_running_loop().remove_reader(self._events)
            self._events.close()
            self._events = None

    def _readable(self) -> None:
        while self._events is not None:
            try:
                data = self._events.recv(65536)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._on_lost()
                continue
            for kind, body in _messages(data):
                if kind in TELLING:
                    self._removed(kind, body)

    def _removed(self, kind: int, body: bytes) -> None:
        for owner, item, request in self._held.get(_key(kind, body), ()):
            if _is(kind, request, body):
                self._on_removed(owner, item)
                return


def _subscribed() -> socket.socket:
    events = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
    )
    with contextlib.suppress(PermissionError):  # in a user namespace the ordinary size has to do
        events.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
    events.bind((0, 0))
    for group in GROUPS:
        events.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    return events


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each message in a datagram."""
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 16 + HEAD:
            return
        yield kind, data[at + 16 : at + length]
        at += (length + 3) & ~3


def _key(kind: int, body: bytes) -> bytes:
    """What it is; family, lengths of destination and source, TOS, and the destination."""
    return bytes((kind,)) + body[:4] + _attributes(body).get(DST, b"")


def _is(kind: int, asked: bytes, told: bytes) -> bool:
    if asked[TYPE] != told[TYPE] or (kind == route.RTM_DELROUTE and asked[PROTOCOL] != told[PROTOCOL]):
        return False
    there = _attributes(told)
    return all(
        there.get(name) == value for name, value in _attributes(asked).items() if name in TELLING[kind]
    )


def _attributes(body: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = HEAD
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        if length < 4:
            break
        found[kind & 0x3FFF] = body[at + 4 : at + length]
        at += (length + 3) & ~3
    return found
