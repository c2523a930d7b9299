# SPDX-License-Identifier: Apache-2.0
"""Addresses, routes and rules that are held for somebody: put there together, and taken away together."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from lbd.kernel.removals import Removals
from lbd.kernel.rtnl import address, route, rule
from lbd.kernel.rtnl.wire import KernelRefusedError, Socket
from lbd.model import VirtualAddress
from lbd.model.route import Route, Rule

log = logging.getLogger("lbd.kernel")

Item = VirtualAddress | Route | Rule

GONE = (errno.EADDRNOTAVAIL, errno.ENODEV, errno.ESRCH, errno.ENOENT, errno.ENETUNREACH)
"""What a removal is answered with where there is nothing to remove."""
BREATH = 16
"""So many are done before others in the process have their turn."""


class Holdings:
    """``settle`` may be called again with the same: what the kernel has lost meanwhile comes back."""

    def __init__(
        self,
        index_of: Callable[[str], int],
        on_removed: Callable[[str, Route | Rule], None] = lambda *_: None,
    ) -> None:
        """index_of: the number of an interface; raises KeyError where there is none.

        on_removed: told of a route or rule that somebody else took from this owner, unless it is not tracked.
        """
        self._index_of = index_of
        self._removals = Removals(on_removed, self._look_again)
        self._socket: Socket | None = None
        self._held: dict[str, tuple[Item, ...]] = {}

    async def settle(self, owner: str, wanted: Sequence[Item], *, left: Sequence[Item] = ()) -> None:
        """The owner's are these from now on; in order: addresses before the routes that need them, rules last.

        left: what a predecessor may have left there, where we know of nothing ourselves.
        """
        before = self._held.pop(owner, None)
        if wanted:
            self._held[owner] = tuple(wanted)
        self._removals.hold(owner, dict(self._tracked(wanted)))
        steps = [
            *(
                (self._remove, item)
                for item in reversed(left if before is None else before)
                if item not in wanted
            ),
            *((self._add, item) for item in wanted),
        ]
        for number, (act, item) in enumerate(steps, 1):
            _try(act, item)
            if number % BREATH == 0:
                await asyncio.sleep(0)

    def restore(self, item: Item) -> None:
        """One that is held, and that somebody took away."""
        _try(self._add, item)

    def _look_again(self) -> None:
        """Events were lost: whatever is not there any more comes back; what is there answers EEXIST."""
        log.warning("netlink events were lost: routes and rules are set again where they are missing")
        for items in list(self._held.values()):
            for item, _ in self._tracked(items):
                self.restore(item)

    def _tracked(self, items: Iterable[Item]) -> Iterator[tuple[Route | Rule, bytes]]:
        """Those whose removal matters, each with the request that sets it.

        As in keepalived, of the routes that lead somewhere only those that name an interface.
        """
        for item in items:
            if isinstance(item, VirtualAddress) or item.no_track:
                continue
            if isinstance(item, Rule) or _is_tracked(item):
                with contextlib.suppress(KeyError):
                    request = rule.add(item) if isinstance(item, Rule) else route.add(item, self._index_of)
                    yield item, request.body

    def close(self) -> None:
        self._removals.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self) -> Socket:
        if self._socket is None:
            self._socket = Socket()
        return self._socket

    def _add(self, item: Item) -> None:
        match item:
            case VirtualAddress(dev=dev):
                request = address.add(item, self._index_of(dev), loopback=dev == "lo")
            case Route():
                request = route.add(item, self._index_of)
            case Rule():
                request = rule.add(item)
        self.ask().ask(request, fine=(errno.EEXIST,))

    def _remove(self, item: Item) -> None:
        try:
            match item:
                case VirtualAddress(dev=dev):
                    request = address.remove(item, self._index_of(dev))
                case Route():
                    request = route.remove(item, self._index_of)
                case Rule():
                    request = rule.remove(item)
        except KeyError:
            return  # with the interface all that was on it has gone
        self.ask().ask(request, fine=GONE)


def _is_tracked(item: Route) -> bool:
    somewhere = item.via or item.nexthops
    return bool(item.dev or not somewhere or any(hop.dev for hop in item.nexthops))


def _try(act: Callable[[Item], None], item: Item) -> None:
    try:
        act(item)
    except KernelRefusedError as error:
        log.error("%s", error)
    except KeyError as error:
        log.error("there is no interface %s", error.args[0])
