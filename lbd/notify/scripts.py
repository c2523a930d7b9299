# SPDX-License-Identifier: Apache-2.0
"""What a role holds of its launcher: requests out, outcomes in, and a new launcher where one was lost.

Nothing here waits for a disk, a script or the launcher; what cannot be passed on is refused by name.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable

from lbd import wire
from lbd.model.script import Script
from lbd.notify.mail import Letter
from lbd.notify.messages import Answer, End, Ended, Mailed, Outcome, Request, Run, Start, decode_answer

log = logging.getLogger("lbd.notify")

UNSENT = 4 << 20
"""Bytes of requests that may lie before a launcher that does not read."""
PAUSE = 1.0
"""Seconds from one launcher to the next."""
LOST = Outcome(Ended.NOT_RUN, reason="not run: the launcher of scripts is gone")


class Scripts:
    """``launch`` starts a launcher process, when one is needed: our end of the socket to it, and its end to await."""

    def __init__(self, launch: Callable[[], tuple[socket.socket, Awaitable[object]]]) -> None:
        self._launch = launch
        self._writer: asyncio.StreamWriter | None = None
        self._unsent: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._pending: dict[int, asyncio.Future[Outcome]] = {}
        self._number = 0
        self._warned: set[str] = set()
        self._closing = False

    def prepare(self) -> None:
        """Have a launcher, before the first script is due."""
        if self._task is None and not self._closing:
            self._task = asyncio.get_running_loop().create_task(self._converse())

    async def run(self, script: Script, *arguments: str, timeout: float | None) -> Outcome:  # noqa: ASYNC109
        """Its outcome; after ``timeout`` seconds, or when this is cancelled, all of its process group is ended."""
        self._number += 1
        number = self._number
        if not self._send(Run(number, script, arguments, timeout)):
            return LOST
        pending: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._pending[number] = pending
        try:
            outcome = await pending
        except asyncio.CancelledError:
            if not self._closing:
                self._send(End(number))
            raise
        finally:
            self._pending.pop(number, None)
        self._warn(str(script), outcome.warning)
        return outcome

    def start(self, script: Script, *arguments: str) -> None:
        """For what it does. It goes on when this process ends; where it cannot be run, that is logged."""
        if not self._send(Start(script, arguments)):
            log.error("Script `%s` %s", script, LOST.reason)

    def mail(self, letter: Letter) -> None:
        """What becomes of it is logged."""
        if not self._send(letter):
            log.error("%s not sent: the launcher is gone", letter)

    async def close(self) -> None:
        """What was asked for is still started; what is waited for is ended."""
        self._closing = True
        task = self._task
        if task is None:
            return
        if self._writer is not None:
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
                self._writer.write_eof()
        await asyncio.wait([task], timeout=PAUSE)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    # --- inside

    def _send(self, request: Request) -> bool:
        self.prepare()
        frame = wire.pack(request)
        if self._writer is None:
            if self._closing or sum(map(len, self._unsent)) > UNSENT:
                return False
            self._unsent.append(frame)
            return True
        if self._writer.transport.get_write_buffer_size() > UNSENT or self._writer.transport.is_closing():
            return False
        self._writer.write(frame)
        return True

    async def _converse(self) -> None:
        """One launcher after another, until it is closed. A lost one is replaced when something is to be run again."""
        try:
            sock, ended = self._launch()
            reader, self._writer = await asyncio.open_unix_connection(sock=sock)
            for frame in self._unsent:
                self._writer.write(frame)
            self._unsent.clear()
            while (answer := await wire.receive(reader, decode_answer)) is not None:
                self._on_answer(answer)
            await ended
        except (OSError, wire.WireError) as error:
            log.error("The launcher of scripts: %s", error)
        finally:
            self._lose()
        if not self._closing:
            log.error("The launcher of scripts is gone; the next script starts another")
            await asyncio.sleep(PAUSE)
            self._task = None
            if self._unsent:
                self.prepare()

    def _lose(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
        for pending in self._pending.values():
            if not pending.done():
                pending.set_result(LOST)

    def _on_answer(self, answer: Answer) -> None:
        if isinstance(answer, Mailed):
            if answer.reason:
                log.error("%s not sent: %s", answer.letter, answer.reason)
            else:
                log.info("SMTP alert successfully sent.")
            return
        pending = self._pending.get(answer.number)
        if pending is not None and not pending.done():
            pending.set_result(answer.outcome)
        elif answer.number == 0:
            self._warn(answer.command, answer.outcome.warning)
            if answer.outcome.ended is Ended.NOT_RUN:
                log.error("Script `%s` not run: %s", answer.command, answer.outcome.reason)

    def _warn(self, command: str, warning: str) -> None:
        """Once for each command and element: a script runs every second."""
        key = f"{command}\0{warning}"
        if warning and key not in self._warned and len(self._warned) < 1000:
            self._warned.add(key)
            log.warning("Unsafe permissions found for script `%s`: %s", command, warning)
