# SPDX-License-Identifier: Apache-2.0
"""Whose hands a program is in: every element of its path, symbolic links included, opened first and judged then.

What is judged is what is run: the answer carries the descriptor of the directory in which the program was found, so
nobody can put another directory in its place in between. This module imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

LINKS = 40
"""Symbolic links followed in one path: what the kernel allows (path_resolution(7))."""
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Unsafe:
    """The first element that others than root could change."""

    element: str
    mode: int
    owner: int

    def __str__(self) -> str:
        kind = "directory " if stat.S_ISDIR(self.mode) else ""
        whose = f"owned by user {self.owner}" if self.owner else "writable by others than root"
        return f"{kind}{self.element} is {whose} (mode {stat.S_IMODE(self.mode):04o})"


@dataclass(frozen=True, slots=True)
class Program:
    path: str
    """Without symbolic links."""
    directory: int
    """Descriptor (O_PATH) of the directory that holds it; valid inside ``opened`` alone."""
    name: str
    unsafe: Unsafe | None
    is_script: bool
    """It begins with ``#!``: an interpreter is going to open it."""


def located(program: str, path: str | None = None) -> str:
    """An absolute path for a name without a slash, by PATH. Raises FileNotFoundError."""
    if "/" in program:
        return program
    for directory in (path or os.environ.get("PATH") or DEFAULT_PATH).split(os.pathsep):
        candidate = os.path.join(directory or ".", program)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    raise FileNotFoundError(2, "not found in PATH", program)


@contextlib.contextmanager
def opened(program: str) -> Iterator[Program]:
    """The regular file behind that name. Raises OSError where there is none, or no way to it."""
    walk = _Walk()
    try:
        yield walk.to(os.path.join(os.getcwd(), located(program)))
    finally:
        walk.close()


def judged(program: str) -> Unsafe | None:
    """What ``opened`` says of it. Raises OSError."""
    with opened(program) as found:
        return found.unsafe


class _Walk:
    """Descriptors of the directories from the root down, and the first element that is not root's alone."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []
        self._unsafe: Unsafe | None = None
        self._links = 0

    def to(self, path: str) -> Program:
        self._enter(os.open("/", os.O_PATH | os.O_DIRECTORY), "")
        left = _elements(path)
        while left:
            name = left.pop(0)
            if name == "..":
                self._leave()
                continue
            found = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=self._open[-1][0])
            mode = self._judge(found, name)
            if stat.S_ISLNK(mode):
                left = self._follow(found) + left
            elif left:
                self._enter(found, name)
            else:
                return self._program(found, mode, name)
        raise IsADirectoryError(21, "Is a directory", path)

    def _judge(self, fd: int, name: str) -> int:
        """Root owns it, and nobody else may write to it; in a sticky directory nobody else may replace it."""
        status = os.fstat(fd)
        mode = status.st_mode
        writers = mode & stat.S_IWOTH or (mode & stat.S_IWGRP and status.st_gid)
        sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
        if status.st_uid or (writers and not sticky and not stat.S_ISLNK(mode)):
            self._unsafe = self._unsafe or Unsafe(self._path(name), mode, status.st_uid)
        return mode

    def _follow(self, link: int) -> list[str]:
        self._links += 1
        if self._links > LINKS:
            os.close(link)
            raise OSError(40, "Too many levels of symbolic links", self._path(""))
        target = os.readlink("", dir_fd=link)
        os.close(link)
        if target.startswith("/"):
            while len(self._open) > 1:
                self._leave()
        return _elements(target)

    def _program(self, fd: int, mode: int, name: str) -> Program:
        try:
            if not stat.S_ISREG(mode):
                raise PermissionError(13, "not a regular file", self._path(name))
            return Program(self._path(name), self._open[-1][0], name, self._unsafe, _is_script(fd))
        finally:
            os.close(fd)

    def _path(self, name: str) -> str:
        return "/".join([*(one for _, one in self._open), name]) or "/"

    def _enter(self, fd: int, name: str) -> None:
        self._open.append((fd, name))
        if not name:
            self._judge(fd, "")

    def _leave(self) -> None:
        if len(self._open) > 1:
            os.close(self._open.pop()[0])

    def close(self) -> None:
        for fd, _ in self._open:
            os.close(fd)
        self._open.clear()


def _elements(path: str) -> list[str]:
    return [one for one in path.split("/") if one not in ("", ".")]


def _is_script(fd: int) -> bool:
    """A program that may be executed and not read has no interpreter that could read it."""
    try:
        again = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.read(again, 2) == b"#!"
    finally:
        os.close(again)
