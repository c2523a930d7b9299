# SPDX-License-Identifier: Apache-2.0
"""Becoming a daemon: the command returns when lbd is up, or with the exit code and the sentence why it is not."""

from __future__ import annotations

import os
import sys

_READY = b"\x00"


class Background:
    """``start()`` forks. In the daemon, call ``ready()`` when all runs, ``failed(code)`` when it will not."""

    def __init__(self) -> None:
        self._pipe: int | None = None

    def start(self) -> int | None:
        """None in the daemon; in the process of the command, the exit code to leave with."""
        reading, writing = os.pipe()
        if os.fork():
            os.close(writing)
            code = os.read(reading, 1)  # empty: it died without a word
            return code[0] if code else 1
        os.close(reading)
        os.setsid()
        if os.fork():
            os._exit(0)
        os.chdir("/")
        self._pipe = writing
        os.set_inheritable(writing, False)
        return None

    def ready(self, keep_console: bool) -> None:
        """Let the command return 0, and let go of its terminal."""
        if self._pipe is None:
            return
        self._tell(_READY)
        nothing = os.open(os.devnull, os.O_RDWR)
        sys.stdout.flush()
        sys.stderr.flush()
        for number in (0, 1) if keep_console else (0, 1, 2):
            os.dup2(nothing, number)
        os.close(nothing)

    def failed(self, code: int) -> None:
        self._tell(bytes([code & 0xFF]))

    def _tell(self, byte: bytes) -> None:
        if self._pipe is not None:
            os.write(self._pipe, byte)
            os.close(self._pipe)
            self._pipe = None
