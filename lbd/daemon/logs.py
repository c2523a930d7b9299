# SPDX-License-Identifier: Apache-2.0
"""Where the log goes: syslog as keepalived does it, the console (``-l``), a file (``-g``).

The options travel to the children in one environment variable, so each process sets its log up with
``from_environment(ident)``. A full syslog socket never blocks: a line is then lost, and the loss is told later.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
import sys
from collections.abc import Callable

import msgspec

ENVIRONMENT = "LBD_LOG"
SYSLOG = "/dev/log"
LOG_DAEMON = 3
"""syslog(3)'s facility."""
IDENTS = {"vrrp": "Keepalived_vrrp", "check": "Keepalived_healthcheckers", "dp": "Keepalived_dp"}
SUFFIXES = {
    "Keepalived_vrrp": "_vrrp",
    "Keepalived_healthcheckers": "_healthcheckers",
    "Keepalived_dp": "_dp",
}


_SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
"""Python's levels as syslog's severities."""


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    console: bool = False
    syslog: bool = True
    facility: int = LOG_DAEMON
    detail: int = 0
    file: str | None = None


class Syslog(logging.Handler):
    """Datagrams to the local syslog. Never waits (the library's handler does), and counts what it could not send."""

    def __init__(self, facility: int, path: str = SYSLOG) -> None:
        super().__init__()
        self._facility, self._path = facility, path
        self._socket: socket.socket | None = None
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        if self._lost and self._send(logging.WARNING, f"{self._lost} messages before this one were lost"):
            self._lost = 0
        if not self._send(record.levelno, self.format(record)):
            self._lost += 1

    def _send(self, level: int, text: str) -> bool:
        """Once over the socket that is there, and once over a new one: the log daemon may have been restarted."""
        severity = next(number for least, number in _SEVERITIES if level >= least)
        datagram = f"<{self._facility << 3 | severity}>{text}".encode(errors="replace")
        for _ in range(2):
            try:
                if self._socket is None:
                    self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                    self._socket.connect(self._path)
                self._socket.send(datagram)
            except BlockingIOError:
                return False
            except OSError:
                self._hang_up()
            else:
                return True
        return False

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        self._hang_up()
        super().close()


def set_up(options: LogOptions, ident: str) -> None:
    """Send this process's log where the options say, in place of wherever it went."""
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.setLevel(logging.DEBUG if options.detail > 1 else logging.INFO)
    for handler in _handlers(options, ident):
        root.addHandler(handler)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def echo_warnings() -> Callable[[], None]:
    """Say warnings on the terminal, too, until the returned function is called: for the time of the start."""
    root = logging.getLogger()
    if any(type(handler) is logging.StreamHandler for handler in root.handlers):
        return lambda: None
    echo = logging.StreamHandler(sys.stderr)
    echo.setLevel(logging.WARNING)
    echo.setFormatter(logging.Formatter("lbd: %(message)s"))
    root.addHandler(echo)
    return lambda: root.removeHandler(echo)


def from_environment(ident: str) -> None:
    """For a process that the supervisor started."""
    text = os.environ.get(ENVIRONMENT)
    set_up(msgspec.json.decode(text, type=LogOptions) if text else LogOptions(console=True), ident)


def to_environment(options: LogOptions) -> dict[str, str]:
    return {ENVIRONMENT: msgspec.json.encode(options).decode()}


def _handlers(options: LogOptions, ident: str) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    dated = logging.Formatter("%(asctime)s: %(message)s", "%a %b %e %H:%M:%S %Y")  # as keepalived's console
    if options.console or (options.syslog and not has_syslog()):
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[-1].setFormatter(dated)
    elif options.syslog:
        handlers.append(Syslog(options.facility))
        handlers[-1].setFormatter(logging.Formatter(f"{ident}[{os.getpid()}]: %(message)s"))
    if options.file is not None:
        handlers.append(logging.FileHandler(file_of(options.file, ident), delay=True))
        handlers[-1].setFormatter(dated)
    return handlers or [logging.NullHandler()]


def has_syslog() -> bool:
    try:
        return stat.S_ISSOCK(os.stat(SYSLOG).st_mode)
    except OSError:
        return False


def file_of(path: str, ident: str) -> str:
    """keepalived(8), -g: ``_vrrp``, ``_healthcheckers`` stand before the last dot of the file's name."""
    base, dot, extension = path.rpartition(".")
    suffix = SUFFIXES.get(ident, "")
    return f"{base}{suffix}.{extension}" if dot and "/" not in extension else f"{path}{suffix}"
