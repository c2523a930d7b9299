# SPDX-License-Identifier: Apache-2.0
"""Notify FIFOs: one line for each event, in order, to whoever reads (keepalived.conf(5), notify_fifo).

A FIFO is opened for reading, too, so that it is there without a reader. One that is full loses the line: nothing
here waits for who does not read.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import time
from collections.abc import Iterable

from lbd.model.notify import Fifo

log = logging.getLogger("lbd.notify")

MODE = 0o600
"""keepalived's, too: its user may give it to others."""
QUIET = 1.0
"""Seconds between two lines of the log about one FIFO that is full."""


class FifoError(Exception):
    """It cannot be written to; the sentence says why."""


class OpenFifo:
    def __init__(self, conf: Fifo) -> None:
        """Made where there is none. Raises FifoError."""
        self.conf = conf
        self._made = False
        self._said = 0.0
        self.lost = 0
        try:
            with contextlib.suppress(FileExistsError):
                os.mkfifo(conf.path, MODE)
                self._made = True
            self._fd = os.open(conf.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            if not stat.S_ISFIFO(os.fstat(self._fd).st_mode):
                os.close(self._fd)
                raise FifoError(f"{conf.path} is no FIFO")
            if self._made:
                os.fchmod(self._fd, MODE)
                os.fchown(self._fd, conf.uid, conf.gid)
        except OSError as error:
            raise FifoError(f"{conf.path}: {error.strerror}") from error

    def write(self, line: str) -> None:
        """A line is at most PIPE_BUF bytes, so it arrives whole or not at all (pipe(7))."""
        data = line.encode(errors="replace")[: os.fpathconf(self._fd, "PC_PIPE_BUF") - 1] + b"\n"
        try:
            os.write(self._fd, data)
        except OSError as error:
            self.lost += 1
            if time.monotonic() - self._said >= QUIET:
                self._said = time.monotonic()
                log.warning("notify fifo %s: %s: %d lines lost", self.conf.path, error.strerror, self.lost)

    def close(self) -> None:
        os.close(self._fd)
        if self._made:
            with contextlib.suppress(OSError):
                os.unlink(self.conf.path)


class Fifos:
    """Those of a role, by path; ``configure`` keeps what stays open."""

    def __init__(self) -> None:
        self._open: dict[str, OpenFifo] = {}

    def configure(self, wanted: Iterable[Fifo | None]) -> None:
        by_path = {fifo.path: fifo for fifo in wanted if fifo is not None}
        for path in self._open.keys() - by_path.keys():
            self._open.pop(path).close()
        for path, fifo in by_path.items():
            if path in self._open:
                continue
            try:
                self._open[path] = OpenFifo(fifo)
            except FifoError as error:
                log.error("notify fifo: %s", error)

    def write(self, line: str) -> None:
        for fifo in self._open.values():
            fifo.write(line)

    def close(self) -> None:
        self.configure(())
