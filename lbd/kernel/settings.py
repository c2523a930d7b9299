# SPDX-License-Identifier: Apache-2.0
"""Every sysctl that lbd changes: set, remembered, shown, and put back.

What was there before is written to a file first, so that a successor puts it back where we were killed.
"""

from __future__ import annotations

import contextlib
import glob
import logging
import os
from collections.abc import Iterable

import msgspec

from lbd.kernel.setting_table import Row

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

    def put(self, rows: Iterable[Row], interface: str = "") -> None:
        """Rows of the table, for this interface."""
        for row in rows:
            self.set(row.name(interface), row.value, row.reason)

    def set(self, name: str, value: str, reason: str) -> bool:
        """True if it is so now. Where it cannot be, that is said with its reason; lbd works on as well as it can.

        A container has /proc/sys read-only, a kernel without IPv6 has no settings of it. Setting what is set already
        is nothing, and is not taken back either.
        """
        try:
            before = _read(name)
            if _same(before, value):
                return True
            known = self._set.get(name)
            setting = Setting(name, value, known.before if known else before, reason)
            self._save(*(s for s in self._set.values() if s.name != name), setting)
            _write(name, value)
        except OSError as error:
            log.warning("%s cannot be set to %s (%s): %s", name, value, error.strerror, reason)
            return False
        self._set[name] = setting
        log.info("set %s", setting)
        return True

    def listing(self) -> tuple[str, ...]:
        return tuple(str(s) for s in self._set.values())

    def restore(self) -> None:
        """What somebody else has set meanwhile is theirs and stays."""
        for setting in reversed(self._set.values()):
            try:
                now = _read(setting.name)
                if _same(now, setting.value):
                    _write(setting.name, setting.before)
                else:
                    log.info("%s is %s by now: left alone", setting.name, now)
            except FileNotFoundError:
                continue  # of an interface that is gone there is nothing to put back
            except OSError as error:
                log.warning("%s cannot be put back to %s (%s)", setting.name, setting.before, error.strerror)
        self._set.clear()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._file)

    def _save(self, *settings: Setting) -> None:
        """Before anything is changed: whoever is killed in between has at worst put back what was so."""
        aside = self._file + ".new"
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(msgspec.json.encode(settings))
        os.replace(aside, self._file)


def current(name: str) -> str | None:
    """The value that the kernel has; None where it has no such setting, or shows it to others only."""
    try:
        return _read(name)
    except OSError:
        return None


def changed_by(run_dir: str) -> tuple[Setting, ...]:
    """What the processes of the lbd with this run directory have changed and will put back."""
    found: list[Setting] = []
    for file in sorted(glob.glob(os.path.join(glob.escape(run_dir), "*.settings"))):
        with contextlib.suppress(OSError, msgspec.DecodeError), open(file, "rb") as f:
            found += msgspec.json.decode(f.read(), type=list[Setting])
    return tuple(found)


def _read(name: str) -> str:
    with open(_path(name)) as f:
        return f.read().strip()


def _write(name: str, value: str) -> None:
    with open(_path(name), "w") as f:
        f.write(value)


def _same(one: str, other: str) -> bool:
    """The kernel shows lists with tabs, whatever they were set with."""
    return one.split() == other.split()
