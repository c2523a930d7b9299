# SPDX-License-Identifier: Apache-2.0
"""What the check process watches beside the servers themselves: files of FILE_CHECK, addresses for ha_suspend."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from lbd.kernel.mirror import Mirror
from lbd.model import Config, FileCheck, VirtualServer
from lbd.track.io import files

log = logging.getLogger("lbd.check")


class Watching:
    """``on_value(path, value)`` and ``on_addresses()`` are called when something is another than before."""

    def __init__(self, on_value: Callable[[str, int], None], on_addresses: Callable[[], None]) -> None:
        self._files = files.Files(on_value)
        self._on_addresses = on_addresses
        self._mirror: Mirror | None = None
        self._made: set[str] = set()

    def value(self, path: str) -> int:
        """Of a file that is watched; a missing one is 0."""
        return self._files.values.get(path, 0)

    async def configure(self, config: Config) -> None:
        self._watch_files(config)
        if self._mirror is None and any(service.ha_suspend for service in config.virtual_servers):
            self._mirror = Mirror(self._on_addresses, what=frozenset({"addresses"}))
            await self._mirror.start()

    def suspended(self, services: Iterable[VirtualServer]) -> frozenset[str]:
        """``ha_suspend``: the services whose address this machine does not have now. Never those of a group."""
        if self._mirror is None:
            return frozenset()
        here = {address for _, address in self._mirror.addresses}
        return frozenset(
            service.name
            for service in services
            if service.ha_suspend
            and not (len(service.addresses) == 1 and service.addresses[0].address in here)
        )

    async def close(self) -> None:
        self._files.close()
        if self._mirror is not None:
            await self._mirror.close()
            self._mirror = None

    def _watch_files(self, config: Config) -> None:
        paths = {
            check.path
            for service in config.virtual_servers
            for real in service.real_servers
            for check in real.checks
            if isinstance(check, FileCheck)
        }
        for conf in config.track_files:
            if conf.file in paths and conf.name not in self._made:
                self._made.add(conf.name)
                try:
                    files.make(conf)
                except OSError as error:
                    log.error("track_file %s: %s: %s", conf.name, conf.file, error.strerror)
        try:
            self._files.watch(sorted(paths))
        except OSError as error:
            log.error("track_file: %s", error)
