# SPDX-License-Identifier: Apache-2.0
"""The guard: one nftables ``table netdev`` that is kept standing, whatever others do to the ruleset.

A table with ``flags owner`` belongs to the netlink socket that made it: ``nft flush ruleset`` passes it by, nobody
else can change it, and it goes when the socket is closed. The socket is the *holder's* (``holder.py``): dp and the
supervisor both keep that one alive, so that the guard outlives either. Where it goes nevertheless it is put right.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable

from lbd.kernel.deletions import Deletions
from lbd.kernel.holder import Conversation, GuardError, Holder, HolderError, spawn_holder

__all__ = ["Guard", "GuardError", "Holder", "spawn_holder"]

log = logging.getLogger("lbd.kernel")

OWNER = "flags owner;"
NOT_SUPPORTED = os.strerror(95)  # EOPNOTSUPP
TRY_AGAIN, TRY_AGAIN_MOST = 0.05, 5.0
"""Seconds until a repair that was refused is tried again; doubled each time."""
TOLD, TOLD_WITHIN = 10, 10.0
"""So many repairs are told within so many seconds; the others are counted."""


class Guard:
    """``load`` puts the whole table in place of what was there, in one transaction."""

    def __init__(self, fd: int | None, *, table: str, on_repair: Callable[[str], None]) -> None:
        """fd: a holder's; None: one is started when it is needed. on_repair: told why it had to be put right."""
        self._table = table
        self._on_repair = on_repair
        self._nft = Conversation(fd, self._holder_ended)
        self._lock = asyncio.Lock()
        self._ruleset: str | None = None
        self._owner: bool | None = None
        """Whether the kernel knows tables with an owner; None: not asked yet."""
        self._deletions: Deletions | None = None
        self._repairing: asyncio.Task[None] | None = None
        self._told: deque[float] = deque(maxlen=TOLD)
        self._untold = 0

    async def load(self, ruleset: str) -> None:
        """ruleset: sets and chains of the table. Raises GuardError; what stood before then stands still."""
        async with self._lock:
            await self._load(ruleset)
            self._ruleset = ruleset

    async def update(self, commands: str, ruleset: str) -> None:
        """Commands (``add element …``, ``delete element …``) as one transaction; ruleset: what the whole is then.

        Cheaper than ``load`` where a few of many elements change. Raises GuardError; nothing is changed then.
        """
        async with self._lock:
            if self._ruleset is None:
                raise GuardError("there is no guard to change")
            await self._nft.include(commands)
            self._ruleset = ruleset
            self._look()

    async def remove(self) -> None:
        async with self._lock:
            if self._ruleset is None:
                return
            self._ruleset = None
            with contextlib.suppress(GuardError):
                await self._nft.command(f"delete table netdev {self._table}")

    async def close(self) -> None:
        """Lets go of the holder; the guard stands while somebody else has it."""
        self._ruleset = None
        if self._repairing is not None:
            self._repairing.cancel()
        if self._deletions is not None:
            self._deletions.close()
        self._nft.close()

    # --- loading

    async def _load(self, ruleset: str) -> None:
        if self._deletions is None:
            self._deletions = Deletions(self._table, self._something_changed)
        if self._owner is None:
            self._owner = await self._asked_for_owner()
        flags = OWNER if self._owner else ""
        try:
            await self._replace(flags, flags, ruleset)
        except GuardError as error:
            if not flags or NOT_SUPPORTED not in str(error):
                raise
            # a table of that name without an owner, as a restored listing leaves it: none can be given to it
            await self._replace("", flags, ruleset)
        self._look()

    async def _replace(self, before: str, flags: str, ruleset: str) -> None:
        """Added so that there is one to delete, deleted so that nothing of an old one stays: one transaction.

        before: the flags of a table that stands, which an addition has to repeat.
        """
        name = self._table
        await self._nft.include(
            f"add table netdev {name} {{ {before} }}\ndelete table netdev {name}\n"
            f"table netdev {name} {{\n{flags}\n{ruleset}\n}}\n"
        )

    async def _asked_for_owner(self) -> bool:
        """Tried on a table of no consequence (Linux 5.12, nft 0.9.9)."""
        probe = f"{self._table}_{os.urandom(4).hex()}"
        try:
            await self._nft.include(f"table netdev {probe} {{ {OWNER} }}\ndelete table netdev {probe}\n")
        except HolderError:
            raise
        except GuardError as error:
            log.warning(
                "no tables with an owner here (%s): others' flush of the ruleset takes the guard for a moment",
                error,
            )
            return False
        return True

    # --- putting right

    def _look(self) -> None:
        """After a load of our own, whose events were queued before nft answered."""
        if self._deletions is not None and self._deletions.deleted():
            self._repair("somebody had deleted it")

    def _something_changed(self) -> None:
        if not self._lock.locked():  # whoever has the lock looks afterwards
            self._look()

    def _holder_ended(self) -> None:
        self._repair("the nft that holds it had ended")

    def _repair(self, why: str) -> None:
        if self._ruleset is not None and (self._repairing is None or self._repairing.done()):
            self._repairing = asyncio.get_running_loop().create_task(self._put_right(why))

    async def _put_right(self, why: str) -> None:
        again = TRY_AGAIN
        while True:
            try:
                async with self._lock:
                    if self._ruleset is None:
                        return
                    await self._load(self._ruleset)
            except GuardError as error:
                log.error("the guard is down and cannot be put right yet: %s", error)
                await asyncio.sleep(again)
                again = min(again * 2, TRY_AGAIN_MOST)
            else:
                self._tell(why)
                return

    def _tell(self, why: str) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._told) == TOLD and now - self._told[0] < TOLD_WITHIN:
            self._untold += 1
            return
        more, self._untold = self._untold, 0
        self._told.append(now)
        self._on_repair(f"{why} (and {more} times more since this was said)" if more else why)
