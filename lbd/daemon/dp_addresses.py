# SPDX-License-Identifier: Apache-2.0
"""The local addresses that dp put on interfaces: added where they are missing, taken away when they are not wanted.

What was there before is left alone and used. What we add is written down first, so that a successor of a killed dp
knows which ones are ours.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

import msgspec

from lbd.fastpath import api
from lbd.kernel.addresses import Addresses
from lbd.kernel.mirror import Mirror


class LocalAddresses:
    def __init__(self, mirror: Mirror, file: str) -> None:
        self._mirror, self._file = mirror, file
        self._addresses = Addresses()
        self._made: dict[api.LocalAddress, int] = {}
        """The ifindex that each was put on: an interface that was made anew has lost it."""
        self._inherited = self._read()

    async def sync(self, wanted: Iterable[api.LocalAddress]) -> None:
        """Raises AddressError; what was done until then is noted."""
        wanted = set(wanted)
        if wanted:
            # those of a predecessor wait for the first configuration: mostly they are wanted again
            self._take_inherited()
        for local in [
            local for local in self._made if local not in wanted or self._index(local) != self._made[local]
        ]:
            await self._remove(local)
        here = {address for _, address in self._mirror.addresses}
        for local in sorted(wanted - self._made.keys()):
            index = self._index(local)
            if index is not None and local.address not in here:
                await self._add(local, index)

    async def close(self) -> None:
        self._take_inherited()
        for local in list(self._made):
            await self._remove(local)
        await self._addresses.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._file)

    def _index(self, local: api.LocalAddress) -> int | None:
        link = self._mirror.by_name(local.interface)
        return None if link is None else link.ifindex

    def _take_inherited(self) -> None:
        for local in self._inherited:
            index = self._index(local)
            if index is not None and (index, local.address) in self._mirror.addresses:
                self._made.setdefault(local, index)
        self._inherited = []

    async def _add(self, local: api.LocalAddress, index: int) -> None:
        # noted first: where the end comes in between, it is taken away all the same
        self._made[local] = index
        self._write()
        made = await self._addresses.add(
            local.address,
            _length(local.address),
            local.interface,
            nodad=True,
            noprefixroute=True,
            source=False,
        )
        if not made:
            del self._made[local]
            self._write()

    async def _remove(self, local: api.LocalAddress) -> None:
        if self._index(local) == self._made[local]:
            await self._addresses.remove(local.address, _length(local.address), local.interface)
        del self._made[local]
        self._write()

    def _read(self) -> list[api.LocalAddress]:
        with contextlib.suppress(OSError, msgspec.DecodeError), open(self._file, "rb") as file:
            return msgspec.json.decode(file.read(), type=list[api.LocalAddress])
        return []

    def _write(self) -> None:
        aside = self._file + ".new"
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode([*self._made, *self._inherited]))
        os.replace(aside, self._file)


def _length(address: str) -> int:
    """A local address is one address, whatever network it is from."""
    return 128 if ":" in address else 32
