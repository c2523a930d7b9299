# SPDX-License-Identifier: Apache-2.0
"""keepalived's dump files, written by the parent process on its signals: the vrrp process is asked, and writes nothing.

A file is written aside, under a name that nobody else can have, and takes its place at once: whatever stood there, a
link included, is replaced and never written to (keepalived(8), SIGNALS).
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from lbd.daemon import dump_check, dump_json, dump_text
from lbd.model import Config
from lbd.model.status import CheckRoleStatus, VrrpRoleStatus, VrrpStatus

log = logging.getLogger("lbd.supervisor")

MODE = 0o600
COUNTERS = (
    "adverts_received",
    "adverts_sent",
    "became_master",
    "released_master",
    "zero_received",
    "zero_sent",
)


def directory() -> str:
    return os.environ.get("TMPDIR") or "/tmp"


def path_of(name: str, config: Config, said: str = "") -> str:
    """Of a dump file. said: what a ``*_dump_file`` says instead, as a path or under that directory.

    ``data_use_instance`` puts the name of the instance before the extension.
    """
    defs = config.global_defs
    stem, dot, extension = name.rpartition(".")
    if defs.data_use_instance and defs.instance:
        name = f"{stem}_{defs.instance}{dot}{extension}"
    return os.path.join(directory(), said or name)


def write(path: str, text: str) -> None:
    """Raises OSError."""
    aside = f"{path}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(aside, flags, MODE)
    try:
        with open(fd, "w", encoding="utf-8", errors="replace") as file:
            os.fchmod(fd, MODE)
            file.write(text)
        os.replace(aside, path)
    except OSError:
        os.unlink(aside)
        raise


class Dumps:
    """``ask()`` is the status of the vrrp process, ``ask_check()`` that of the check process, or None."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[VrrpRoleStatus | None]],
        ask_check: Callable[[], Awaitable[CheckRoleStatus | None]],
    ) -> None:
        self._ask, self._ask_check = ask, ask_check
        self._cleared: dict[str, VrrpStatus] = {}
        """What the counters were when they were cleared: that is taken off from then on."""
        self.config = Config()

    async def data(self) -> None:
        log.info("Printing data on signal")
        config, defs = self.config, self.config.global_defs
        if (status := await self._ask()) is not None:
            pairs = self._paired(status)
            self._write("keepalived.data", dump_text.data(config, status, pairs), defs.state_dump_file)
        if (checks := await self._ask_check()) is not None:
            self._write("keepalived_check.data", dump_check.data(config, checks))
        self._write("keepalived_parent.data", dump_text.parent(config))

    async def stats(self, clear: bool = False) -> None:
        log.info("Printing VRRP stats on signal")
        statuses = [status for _, status in await self._pairs()]
        self._write("keepalived.stats", dump_text.stats(statuses), self.config.global_defs.stats_dump_file)
        if clear:
            self._cleared = {one.name: one for one in await self._now()}

    async def json(self) -> None:
        log.info("Printing VRRP as json on signal")
        status = await self._ask()
        text = dump_json.rendered(self.config, status, self._paired(status) if status else [])
        self._write("keepalived.json", text, self.config.global_defs.json_dump_file)

    async def _now(self) -> tuple[VrrpStatus, ...]:
        status = await self._ask()
        return status.instances if status is not None else ()

    async def _pairs(self) -> list[dump_text.Pair]:
        status = await self._ask()
        return self._paired(status) if status is not None else []

    def _paired(self, status: VrrpRoleStatus) -> list[dump_text.Pair]:
        confs = {one.name: one for one in self.config.vrrp_instances}
        return [(confs[one.name], self._since(one)) for one in status.instances if one.name in confs]

    def _since(self, one: VrrpStatus) -> VrrpStatus:
        was = self._cleared.get(one.name)
        if was is None or was.adverts_sent > one.adverts_sent:  # another process counts from 0
            return one
        less = {name: max(0, getattr(one, name) - getattr(was, name)) for name in COUNTERS}
        errors = {reason: count - was.errors.get(reason, 0) for reason, count in one.errors.items()}
        return msgspec.structs.replace(one, errors=errors, **less)

    def _write(self, name: str, text: str, said: str = "") -> None:
        path = path_of(name, self.config, said)
        try:
            write(path, text)
        except OSError as error:
            log.error("%s: %s", path, error.strerror)
