# SPDX-License-Identifier: Apache-2.0
"""Hears by netlink that rules or sets of nftables (iptables-nft is one of its users) have changed; not which.

iptables-legacy tells nobody, nor does ipset: where there are such rules they are read again from time to time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from lbd.kernel.deletions import NETLINK_NETFILTER, NFNLGRP_NFTABLES, SO_RCVBUFFORCE, messages

NFT_MSG_NEWGEN, NFT_MSG_GETGEN = 10 << 8 | 15, 10 << 8 | 16
RECEIVE_BYTES = 1024 * 1024
LATER = 0.2
"""Seconds after a change until it is told: firewalls come in many transactions."""
AT_MOST_EVERY = 5.0
"""Seconds between two tellings, where changes never rest (a set that grows by packets, a ban a second)."""


class Watching:
    def __init__(self, on_change: Callable[[], None], *, ours: str) -> None:
        """ours: tables whose names begin so are the guard's and no news."""
        self._on_change = on_change
        self._ours = ours.encode()
        self._loop = asyncio.get_running_loop()
        self._told = self._loop.time() - AT_MOST_EVERY
        self._due: asyncio.TimerHandle | None = None
        self._events = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
        )
        with contextlib.suppress(PermissionError):
            self._events.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
        self._events.setblocking(False)
        self._events.bind((0, 1 << (NFNLGRP_NFTABLES - 1)))
        self._loop.add_reader(self._events, self._heard)

    def close(self) -> None:
        self._loop.remove_reader(self._events)
        self._events.close()
        if self._due is not None:
            self._due.cancel()

    def _heard(self) -> None:
        news = False
        while True:
            try:
                data = self._events.recv(65536)
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS: what was lost may have been news
                news = True
                continue
            news = news or self._is_news(data)
        if news and self._due is None:
            wait = max(LATER, self._told + AT_MOST_EVERY - self._loop.time())
            self._due = self._loop.call_later(wait, self._tell)

    def _is_news(self, data: bytes) -> bool:
        return any(
            kind not in (NFT_MSG_NEWGEN, NFT_MSG_GETGEN) and not name.startswith(self._ours)
            for kind, _, name in messages(data)
        )

    def _tell(self) -> None:
        self._due = None
        self._told = self._loop.time()
        self._on_change()
