# SPDX-License-Identifier: Apache-2.0
"""no_accept: packets to and from virtual addresses that this machine holds and does not own are dropped, by nftables.

One table of our own, replaced as a whole: neighbour discovery passes, which the addresses need to be reached at all
(RFC 9568 section 6.1, Accept_Mode). What is balanced never comes here: the dataplane takes it before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from lbd.kernel.nft import nft
from lbd.model import GlobalDefs, VirtualAddress

log = logging.getLogger("lbd.kernel")


class Unaccepted:
    def __init__(self) -> None:
        self._held: dict[str, tuple[VirtualAddress, ...]] = {}
        self._turn = asyncio.Lock()
        self._names: tuple[str, int, bool] = ("", 0, False)
        self._sweep: asyncio.Task[None] | None = None
        self._stands: bool | None = None
        """Whether our table is there; None: a predecessor may have left it."""

    def configure(self, defs: GlobalDefs) -> None:
        """The names of global_defs. What a predecessor left, or stands under another name, goes meanwhile."""
        names = (defs.nftables, defs.nftables_priority, defs.nftables_counters)
        if names != self._names:
            former, self._names = self._names if self._stands else None, names
            self._stands = None
            self._sweep = asyncio.get_running_loop().create_task(self._begin_anew(former))

    async def _begin_anew(self, former: tuple[str, int, bool] | None) -> None:
        async with self._turn:
            if former is not None:
                await nft(ruleset((), *former))
        await self.refresh()

    async def settle(self, owner: str, addresses: Sequence[VirtualAddress]) -> None:
        """These are not accepted for the owner from now on."""
        before = self._held.pop(owner, ())
        if addresses:
            self._held[owner] = tuple(addresses)
        if before != tuple(addresses):
            await self.refresh()

    async def refresh(self) -> None:
        """The table is as it should be; without addresses there is none."""
        async with self._turn:
            wanted = [address for held in self._held.values() for address in held]
            if not self._names[0] or (not wanted and self._stands is False):
                return  # a standby that was never configured takes nobody's table away
            complaint = await nft(ruleset(wanted, *self._names))
            if complaint and wanted:
                log.error("no_accept: packets to the virtual addresses are accepted: %s", complaint)
            self._stands = bool(wanted) and not complaint

    async def close(self) -> None:
        if self._sweep is not None:
            await self._sweep
        self._held.clear()
        await self.refresh()


def ruleset(addresses: Iterable[VirtualAddress], table: str, priority: int, counters: bool) -> str:
    """Commands for ``nft -f``. Link-local addresses count on their interface alone."""
    lines = [f"table inet {table} {{}}", f"delete table inet {table}"]
    verdict = "counter drop" if counters else "drop"
    ones = list(addresses)
    if ones:
        lines += [
            f"table inet {table} {{",
            *_chain("input", priority, (f"{_match(one, 'daddr', 'iifname')} {verdict}" for one in ones)),
            *_chain("output", priority, (f"{_match(one, 'saddr', 'oifname')} {verdict}" for one in ones)),
            "}",
        ]
    return "\n".join(lines) + "\n"


def _chain(hook: str, priority: int, rules: Iterable[str]) -> list[str]:
    return [
        f"chain {hook} {{",
        f"type filter hook {hook} priority {priority}; policy accept;",
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
        *dict.fromkeys(rules),
        "}",
    ]


def _match(one: VirtualAddress, side: str, interface: str) -> str:
    if ":" not in one.address:
        return f"ip {side} {one.address}"
    on = f'{interface} "{one.dev}" ' if one.address.startswith("fe80:") else ""
    return f"{on}ip6 {side} {one.address}"
