# SPDX-License-Identifier: Apache-2.0
"""A network namespace as a host: what runs in it, its sockets, its end. Everything here needs root."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def run(*command: str, stdin: str = "", timeout: float = 20.0) -> str:
    """What a program prints. Raises CalledProcessError with its own words if it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        error.add_note(done.stderr.strip())
        raise error
    return done.stdout


def names(prefix: str) -> list[str]:
    """The named namespaces of this machine that begin so."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(name for name in os.listdir("/run/netns") if name.startswith(prefix))
    return []


class Namespace:
    """Made by ``create()``, and gone with all its processes after ``delete()``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create(self, *settings: str) -> None:
        """A setting is ``net.ipv4.ip_forward=1``; lo is up."""
        run("ip", "netns", "add", self.name)
        no_dad = [f"net.ipv6.conf.{scope}.accept_dad=0" for scope in ("all", "default")]
        self.run("sysctl", "-q", "-w", *no_dad, *settings)
        self.ip("link set lo up")

    def ip(self, *lines: str) -> str:
        """Commands of ip(8), all in one batch."""
        return run("ip", "-n", self.name, "-batch", "-", stdin="\n".join(lines) + "\n")

    def command(self, *command: str) -> list[str]:
        """The command that runs another one in here; the process keeps its number."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str, stdin: str = "", timeout: float = 20.0) -> str:
        return run(*self.command(*command), stdin=stdin, timeout=timeout)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is in here meanwhile. Do not await inside."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as here:
            _setns(here.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def socket(self, family: int, kind: int) -> socket.socket:
        """A non-blocking socket of this namespace; it stays in it wherever it is used."""
        with self.entered():
            made = socket.socket(family, kind)
        made.setblocking(False)
        return made

    def pids(self) -> list[int]:
        return [int(pid) for pid in run("ip", "netns", "pids", self.name).split()]

    def kill(self, number: signal.Signals = signal.SIGKILL, timeout: float = 10.0) -> None:
        """Every process in here; with SIGKILL, until there is none."""
        until = time.monotonic() + timeout
        while pids := self.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if number != signal.SIGKILL or time.monotonic() > until:
                return
            time.sleep(0.01)

    def delete(self) -> None:
        if names(self.name):
            self.kill()
            run("ip", "netns", "del", self.name)


def _setns(fd: int) -> None:
    if _libc.setns(fd, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
