# SPDX-License-Identifier: Apache-2.0
"""Hears by netlink when an nftables ``table netdev`` of a certain name is deleted, by whomever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterator

NETLINK_NETFILTER = 12
NFNLGRP_NFTABLES = 7
NFT_MSG_NEWTABLE = 10 << 8 | 0
NFT_MSG_DELTABLE = 10 << 8 | 2
NFTA_TABLE_NAME = 1
NFPROTO_NETDEV = 5
SO_RCVBUFFORCE = 33
RECEIVE_BYTES = 8 * 1024 * 1024
"""A ruleset of 10,000 elements is told element by element."""


class Deletions:
    def __init__(self, table: str, on_event: Callable[[], None]) -> None:
        """on_event: called when something in the rulesets of this network namespace changed: ask ``deleted``."""
        self._name = table.encode() + b"\0"
        self._events = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
        )
        with contextlib.suppress(PermissionError):  # in a user namespace the ordinary size has to do
            self._events.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
        self._events.setblocking(False)
        self._events.bind((0, 1 << (NFNLGRP_NFTABLES - 1)))
        asyncio.get_running_loop().add_reader(self._events, on_event)

    def deleted(self) -> bool:
        """True if the last that was heard of the table is its end, or if events were lost.

        A replacement is heard as an end and a beginning.
        """
        gone = False
        while True:
            try:
                data = self._events.recv(65536)
            except BlockingIOError:
                return gone
            except OSError:  # ENOBUFS: nobody knows
                gone = True
                continue
            last = last_word(data, self._name)
            gone = gone if last is None else last == NFT_MSG_DELTABLE

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._events)
        self._events.close()


def last_word(data: bytes, name: bytes) -> int | None:
    """Of a datagram of nfnetlink messages: the last that begins or ends this netdev table (name: with its zero)."""
    found = None
    for kind, family, table in messages(data):
        if kind in (NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE) and family == NFPROTO_NETDEV and table == name:
            found = kind
    return found


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, family and name of the table (with its zero) of each nfnetlink message in a datagram.

    The first attribute of every message of nf_tables is the table (linux/netfilter/nf_tables.h), but of NEWGEN's.
    """
    at = 0
    while at + 20 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 20:
            return
        # struct nfgenmsg after the header: family, version, resource
        yield kind, data[at + 16], _name(data[at + 20 : at + length])
        at += (length + 3) & ~3


def _name(data: bytes) -> bytes:
    """The value of NFTA_TABLE_NAME."""
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        if kind & 0x3FFF == NFTA_TABLE_NAME:
            return data[at + 4 : at + length]
        at += (length + 3) & ~3
    return b""
