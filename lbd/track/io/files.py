# SPDX-License-Identifier: Apache-2.0
"""The values of files, told when they change: inotify on their directories (inotify(7)).

A directory that is not there, or goes, is looked for every second until it is. What a file holds is read at once,
without blocking and at most ``READ`` bytes: a FIFO or a device in its place is a file without a number.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct
from collections.abc import Callable, Iterable

from lbd.model.track import TrackFile
from lbd.track.file import READ, value

IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_DELETE = 0x8, 0x40, 0x80, 0x200
IN_DELETE_SELF, IN_MOVE_SELF, IN_IGNORED, IN_Q_OVERFLOW = 0x400, 0x800, 0x8000, 0x4000
IN_ONLYDIR = 0x01000000
WATCHED = IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
SEARCH = 1.0
"""Seconds between two looks for a directory that is not there."""

_libc = ctypes.CDLL(None, use_errno=True)
_EVENT = struct.Struct("iIII")


def make(conf: TrackFile) -> None:
    """``init_file``: what it holds at the start. Raises OSError."""
    if conf.init_value is None or (os.path.exists(conf.file) and not conf.overwrite):
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(conf.file, flags, 0o644)
    with open(fd, "w", encoding="ascii") as file:
        file.write(f"{conf.init_value}\n")


def read(path: str) -> int:
    """0 where it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return value(os.read(fd, READ))
    except OSError:
        return 0
    finally:
        os.close(fd)


class Files:
    """``on_value(path, value)`` is called when a value is another one. Values are in ``values`` from ``watch`` on."""

    def __init__(self, on_value: Callable[[str, int], None]) -> None:
        self._on_value = on_value
        self.values: dict[str, int] = {}
        self._fd = -1
        self._directories: dict[int, str] = {}
        self._search: asyncio.TimerHandle | None = None

    def watch(self, paths: Iterable[str]) -> None:
        """These and no others, from now on. Raises OSError where inotify is not to be had."""
        wanted = list(dict.fromkeys(paths))
        self.values = {path: self.values.get(path, 0) for path in wanted}
        if wanted and self._fd < 0:
            self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            if self._fd < 0:
                raise OSError(ctypes.get_errno(), f"inotify: {os.strerror(ctypes.get_errno())}")
            asyncio.get_running_loop().add_reader(self._fd, self._readable)
        needed = {_directory(path) for path in wanted}
        for number, directory in list(self._directories.items()):
            if directory not in needed:
                _libc.inotify_rm_watch(self._fd, number)
                del self._directories[number]
        self._look_for_directories()
        for path in wanted:
            self.values[path] = read(path)

    def close(self) -> None:
        if self._search is not None:
            self._search.cancel()
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
        self._directories.clear()

    def _look_for_directories(self) -> None:
        self._search = None
        missing = {_directory(path) for path in self.values} - set(self._directories.values())
        found = False
        for directory in missing:
            number = _libc.inotify_add_watch(self._fd, os.fsencode(directory), WATCHED | IN_ONLYDIR)
            if number >= 0:
                self._directories[number] = directory
                found = True
        if missing - set(self._directories.values()):
            self._search = asyncio.get_running_loop().call_later(SEARCH, self._found_later)
        elif found:
            self._look_again()

    def _found_later(self) -> None:
        self._look_for_directories()
        self._look_again()

    def _readable(self) -> None:
        changed: set[str] = set()
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, 64 * 1024)
            while len(data) >= _EVENT.size:
                number, mask, _, length = _EVENT.unpack_from(data)
                name = data[_EVENT.size : _EVENT.size + length].rstrip(b"\0")
                data = data[_EVENT.size + length :]
                changed |= self._event(number, mask, os.fsdecode(name))
        for path in changed:
            self._look(path)

    def _event(self, number: int, mask: int, name: str) -> set[str]:
        """The paths that may have changed."""
        directory = self._directories.get(number)
        if mask & IN_Q_OVERFLOW:
            return set(self.values)
        if directory is None:
            return set()
        if mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED):
            if not mask & IN_IGNORED:
                _libc.inotify_rm_watch(self._fd, number)
            del self._directories[number]
            if self._search is None:
                self._search = asyncio.get_running_loop().call_later(SEARCH, self._found_later)
            return {path for path in self.values if _directory(path) == directory}
        return {path for path in self.values if path == os.path.join(directory, name)}

    def _look_again(self) -> None:
        for path in list(self.values):
            self._look(path)

    def _look(self, path: str) -> None:
        now = read(path)
        if self.values.get(path, now) != now:
            self.values[path] = now
            self._on_value(path, now)


def _directory(path: str) -> str:
    return os.path.dirname(path) or "."
