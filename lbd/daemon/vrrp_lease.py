# SPDX-License-Identifier: Apache-2.0
"""The leases of instances that lead: renewed with every advert, run out when a peer would take over.

The kernel is asked in a thread of its own: while somebody loads a large ruleset it answers late, and adverts do not
wait for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from lbd.kernel.lease import Lease, LeaseError, removal, ruleset, table_of
from lbd.kernel.nft import nft
from lbd.model.net import Address

log = logging.getLogger("lbd.vrrp")


class Leases:
    def __init__(self, beside: str) -> None:
        """beside: a path; another lbd on this machine has another one."""
        self._lease = Lease(table_of(beside))
        self._thread = ThreadPoolExecutor(1, "lease")
        self._wanted = self._stands = self._asked = self._prepared = False
        self._of: dict[str, frozenset[Address]] = {}
        """Of each instance that leads; the thread's."""
        self._mending: asyncio.Task[None] | None = None

    def know(self, wanted: bool) -> None:
        self._wanted = wanted

    async def configure(self) -> None:
        """As was said before; who leads already, in the place of a process that died, does not wait for it."""
        if self._asked:
            self._mend()
        else:
            await self._prepare()

    def _mend(self) -> None:
        if self._mending is None or self._mending.done():
            self._mending = asyncio.get_running_loop().create_task(self._prepare())

    async def _prepare(self) -> None:
        """The tables stand, or are gone; what a predecessor that died had left in them goes too."""
        if self._prepared and self._stands == self._wanted:
            return
        self._prepared = True
        table = self._lease.table
        complaint = await nft(ruleset(table, fresh=not self._asked) if self._wanted else removal(table))
        self._stands = self._wanted and not complaint
        if complaint and self._wanted:
            log.warning("No lease of addresses: %s", complaint)

    def renew(self, owner: str, addresses: Iterable[Address], seconds: float) -> bool:
        """Returns at once; whether there are leases.

        owner: an instance that has just sent an advert, and has no other addresses any more.
        """
        if self._wanted:
            self._asked = True
            loop = asyncio.get_running_loop()
            self._thread.submit(self._renew, owner, frozenset(addresses), seconds, loop)
        return self._stands

    def _renew(
        self, owner: str, addresses: frozenset[Address], seconds: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        before, self._of[owner] = self._of.get(owner, frozenset()), addresses
        try:
            if addresses:
                self._lease.renew(addresses, seconds)
            self._lease.release(before - addresses)
        except LeaseError as error:
            loop.call_soon_threadsafe(self._refused, str(error))

    def _refused(self, why: str) -> None:
        """Somebody has flushed the ruleset, say: then nothing is shut off, until the tables stand again."""
        if self._stands:
            log.warning("The lease of addresses was not renewed (%s): it is set up again", why)
            self._stands = False
            self._mend()

    async def release(self, owner: str) -> None:
        """Its addresses are on no interface of ours any more, so they need none."""
        if self._asked:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._release, owner)

    def _release(self, owner: str) -> None:
        try:
            self._lease.release(self._of.pop(owner, ()))
        except LeaseError as error:
            log.debug("a lease was gone already: %s", error)

    async def close(self) -> None:
        if self._mending is not None:
            await self._mending
        if self._asked or self._stands:
            self._wanted = self._stands = False
            await asyncio.get_running_loop().run_in_executor(self._thread, self._lease.close)
            await nft(removal(self._lease.table))
        self._thread.shutdown(wait=False)
