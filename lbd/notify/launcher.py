# SPDX-License-Identifier: Apache-2.0
"""The launcher process: it runs scripts for one role, a bounded number at once, and answers how they ended.

Run as ``python -m lbd.notify.launcher DESCRIPTOR``; it ends with the socket of that number, and takes the scripts
that are waited for with it. Those that were started to tell somebody something go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lbd
from lbd import wire
from lbd.notify import child
from lbd.notify.mail import Letter, Post
from lbd.notify.messages import End, Ended, Finished, Mailed, Outcome, Run, Start, decode_request

AT_ONCE = 128
"""Scripts of each kind (waited for or not) that run at the same time; more wait for their turn."""
WAITING = 4096
"""Requests of each kind that may wait; more are refused by name."""
GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL, as in keepalived."""
LAST_POST = 5.0
"""Seconds that letters have to leave when the role is gone."""


class Lane:
    """One kind of request: what runs, and what waits for its turn. A lane that is full does not hold up the other."""

    def __init__(self, answer: asyncio.StreamWriter, environment: Mapping[str, str]) -> None:
        self._answer, self._environment = answer, environment
        self._waiting: deque[Run | Start] = deque()
        self._ends: dict[int, asyncio.Event] = {}
        self.running: set[int] = set()

    def take(self, request: Run | Start) -> None:
        if len(self._waiting) >= WAITING:
            text = f"not run: {AT_ONCE} scripts run and {WAITING} wait for their turn"
            self._finish(request, Outcome(Ended.NOT_RUN, reason=text))
            return
        self._waiting.append(request)
        self._go_on()

    def end(self, number: int) -> None:
        """Its run, if it still runs or waits."""
        if number in self._ends:
            self._ends[number].set()
        self._waiting = deque(
            one for one in self._waiting if not (isinstance(one, Run) and one.number == number)
        )

    def _go_on(self) -> None:
        while self._waiting and len(self.running) < AT_ONCE:
            self._begin(self._waiting.popleft())

    def _begin(self, request: Run | Start) -> None:
        try:
            pid, told = child.start(
                request.script, request.arguments, self._environment, dies_with_us=isinstance(request, Run)
            )
        except OSError as error:
            self._finish(request, Outcome(Ended.NOT_RUN, reason=f"not run: {error.strerror}"))
            return
        self.running.add(pid)
        task = asyncio.create_task(self._follow(request, pid, told))
        task.add_done_callback(lambda _: self._go_on())

    async def _follow(self, request: Run | Start, pid: int, told: int) -> None:
        timeout = request.timeout if isinstance(request, Run) else None
        called_off = asyncio.Event()
        if isinstance(request, Run):
            self._ends[request.number] = called_off
        timed_out = not await _ends(pid, timeout, called_off)
        if timed_out:
            _signal_group(pid, signal.SIGTERM)
            await _ends(pid, GRACE)
            _signal_group(pid, signal.SIGKILL)  # what is left of the group, its leader gone or not
            await _ends(pid, None)
        if isinstance(request, Run):
            del self._ends[request.number]
        status = _reaped(pid)
        self.running.discard(pid)
        warning, not_run = child.said(told)
        if not_run:
            outcome = Outcome(Ended.NOT_RUN, reason=not_run)
        elif timed_out:
            words = "ended" if timeout is None or called_off.is_set() else f"timed out after {timeout:g} s"
            outcome = Outcome(Ended.TIMED_OUT, reason=words, warning=warning)
        else:
            outcome = _outcome(status, warning)
        if isinstance(request, Run) or not_run or warning:
            self._finish(request, outcome)

    def _finish(self, request: Run | Start, outcome: Outcome) -> None:
        number = request.number if isinstance(request, Run) else 0
        self._answer.write(wire.pack(Finished(number, outcome, str(request.script))))

    def end_all(self) -> None:
        for pid in self.running:
            _signal_group(pid, signal.SIGTERM)


async def _ends(pid: int, seconds: float | None, called_off: asyncio.Event | None = None) -> bool:
    """Whether it ends by itself within that time. It is not waited for: its number and its group's stay its own."""
    loop = asyncio.get_running_loop()
    fd = os.pidfd_open(pid)
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _finished, ended)
    other = [asyncio.ensure_future(called_off.wait())] if called_off is not None else []
    either: list[asyncio.Future[Any]] = [ended, *other]
    try:
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return ended.done()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
        for task in other:
            task.cancel()


def _finished(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def _reaped(pid: int) -> int:
    """The status of one that has ended; until here its number is its own."""
    return os.waitpid(pid, 0)[1]


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _outcome(status: int, warning: str) -> Outcome:
    if os.WIFSIGNALED(status):
        return Outcome(Ended.SIGNALLED, os.WTERMSIG(status), warning=warning)
    return Outcome(Ended.EXITED, os.WEXITSTATUS(status), warning=warning)


async def serve(sock: socket.socket, environment: Mapping[str, str]) -> None:
    """Until the other end closes. ``environment`` is what scripts get."""
    reader, writer = await asyncio.open_unix_connection(sock=sock)
    waited, told = Lane(writer, environment), Lane(writer, environment)
    post = Post(lambda letter, reason: writer.write(wire.pack(Mailed(str(letter), reason))))
    try:
        while (request := await wire.receive(reader, decode_request)) is not None:
            match request:
                case Run():
                    waited.take(request)
                case Start():
                    told.take(request)
                case End(number):
                    waited.end(number)
                case Letter():
                    post.take(request)
    finally:
        waited.end_all()
        await post.finish(LAST_POST)
        writer.transport.abort()


def environment() -> dict[str, str]:
    """What lbd was started with, without what it told its own interpreter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LBD_")}
    ours = str(Path(lbd.__file__).parent.parent)
    paths = [path for path in kept.pop("PYTHONPATH", "").split(os.pathsep) if path not in ("", ours)]
    return {**kept, **({"PYTHONPATH": os.pathsep.join(paths)} if paths else {})}


def main() -> int:
    # a Ctrl-C or the end of the service is for the role to act on; when it ends, so does this
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write("lbd_launcher")
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.set_inheritable(False)  # it came by inheritance, and no script is to have it
    asyncio.run(serve(sock, environment()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
