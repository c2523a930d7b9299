# SPDX-License-Identifier: Apache-2.0
"""Every sysctl that lbd changes: set, remembered, shown, and put back.

What was there before is written to a file first, so that a successor puts it back where we were killed.
"""

from __future__ import annotations

import contextlib
import logging
import os

import msgspec

log = logging.getLogger("lbd.kernel")

SYSCTL = "/proc/sys/"


class Setting(msgspec.Struct, frozen=True):
    name: str
    """As sysctl(8) has it: ``net.ipv4.conf.lbd0.rp_filter``; a dot inside an interface's name is a slash there."""
    value: str
    before: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} = {self.value} (was {self.before}): {self.reason}"


def _path(name: str) -> str:
    # sysctl(8): dots and slashes change places
    return SYSCTL + name.translate(str.maketrans("./", "/."))


class Settings:
    def __init__(self, file: str) -> None:
        """file: where the old values are kept; what a killed predecessor left there is restored at once."""
        self._file = file
        self._set: dict[str, Setting] = {}
        with contextlib.suppress(OSError, msgspec.DecodeError), open(file, "rb") as old:
            for setting in msgspec.json.decode(old.read(), type=list[Setting]):
                self._set[setting.name] = setting
            self.restore()

    def set(self, name: str, value: str, reason: str) -> None:
        """Raises OSError. Setting what is set already is nothing."""
        path = _path(name)
        with open(path) as f:
            before = f.read().strip()
        if before == value:
            return
        known = self._set.get(name)
        self._set[name] = Setting(name, value, known.before if known else before, reason)
        self._save()
        with open(path, "w") as f:
            f.write(value)
        log.info("set %s", self._set[name])

    def listing(self) -> tuple[str, ...]:
        return tuple(str(s) for s in self._set.values())

    def restore(self) -> None:
        for setting in reversed(self._set.values()):
            # of an interface that is gone there is nothing to put back
            with contextlib.suppress(OSError), open(_path(setting.name), "w") as f:
                f.write(setting.before)
        self._set.clear()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._file)

    def _save(self) -> None:
        aside = self._file + ".new"
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(msgspec.json.encode(list(self._set.values())))
        os.replace(aside, self._file)
