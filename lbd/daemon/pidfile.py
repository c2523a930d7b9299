# SPDX-License-Identifier: Apache-2.0
"""PID files that lbd and keepalived respect of each other.

keepalived 2.2.7 refuses to start when any of its PID files holds the number of a live process; later versions hold an
open-file-description lock (``F_OFD_SETLK``) on the file instead. So lbd does both: it holds that lock for as long as
it runs, and before that it looks for a live keepalived by number.
"""

from __future__ import annotations

import fcntl
import os
import struct

from lbd.daemon import codes

_FLOCK = struct.Struct("hhqqi4x")  # struct flock, 64-bit: l_type, l_whence, l_start, l_len, l_pid


class PidFile:
    """A locked file with the number of this process. Locked from ``PidFile(path)`` until ``remove()`` or death."""

    def __init__(self, path: str) -> None:
        """Raises codes.StartError with a sentence when another process has it, or it cannot be made."""
        self.path = path
        try:
            os.makedirs(os.path.dirname(path) or ".", mode=0o755, exist_ok=True)
            self._fd = self._open_locked()
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            reason = f"the PID file {path} cannot be written: {error.strerror}"
            raise codes.StartError(
                reason, codes.PERMISSION if error.errno in (1, 13) else codes.FATAL
            ) from error

    def _open_locked(self) -> int:
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                lock(fd)
            except BlockingIOError:
                os.close(fd)
                raise codes.StartError(_taken(self.path, holder(self.path))) from None
            if _same_file(fd, self.path):
                return fd
            os.close(fd)  # its last holder removed it between our open and our lock

    def rewrite(self) -> None:
        """The number of this process, after a fork: the lock belongs to the open file, so it came along."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def rename(self, path: str) -> None:
        """The file from now on, in place of a dead process's."""
        os.replace(self.path, path)
        self.path = path

    def remove(self) -> None:
        if _same_file(self._fd, self.path):
            os.unlink(self.path)
        os.close(self._fd)


def lock(fd: int) -> None:
    """keepalived's lock on the whole of an open file; raises BlockingIOError where another has it."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))


def holder(path: str) -> int | None:
    """The number that stands in a PID file, if it is one."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return int(file.read(32).strip())
    except (OSError, ValueError):
        return None


def refuse_keepalived(paths: tuple[str, ...]) -> None:
    """Raises codes.StartError if one of these files holds the number of a live keepalived (2.2.7 locks nothing)."""
    for path in paths:
        pid = holder(path)
        if pid is not None and pid != os.getpid() and _name(pid).startswith("keepalived"):
            raise codes.StartError(_taken(path, pid))


def _taken(path: str, pid: int | None) -> str:
    name = (_name(pid) if pid is not None else "") or "another process"
    number = f" (PID {pid})" if pid is not None else ""
    return (
        f"daemon is already running: {name}{number} holds the PID file {path}; "
        "stop it first, or give this one PID files (-p -r -c) and a --run-dir of its own"
    )


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _same_file(fd: int, path: str) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    ours = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
