# SPDX-License-Identifier: Apache-2.0
"""Alerts by mail: keepalived's letters, each over a connection of its own, a bounded number at once.

This runs in the launcher: a mail server that is slow, or talks without end, holds up no advert and no check.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from email.message import Message
from email.policy import SMTP
from email.utils import formatdate

import msgspec

from lbd.model.net import endpoint
from lbd.model.notify import Mail

AT_ONCE = 16
WAITING = 1024
"""Letters that may wait; more are refused by name."""
PATIENCE = 60.0
"""Seconds for one letter in all, however the server spreads its answers."""


class Letter(msgspec.Struct, frozen=True, tag=True):
    """Sent, or said why not, in the log."""

    mail: Mail
    subject: str
    body: str

    def __str__(self) -> str:
        return f"SMTP alert to {endpoint(self.mail.smtp_server, self.mail.port)} '{self.subject}'"


def rendered(letter: Letter, now: float | None = None) -> bytes:
    """As keepalived writes it (X-Mailer is what filters look for)."""
    message = Message(policy=SMTP)
    for name, value in (
        ("Date", formatdate(now)),
        ("From", letter.mail.sender),
        ("Subject", letter.subject),
        ("X-Mailer", "Keepalived"),
        ("To", ", ".join(letter.mail.recipients)),
    ):
        message[name] = " ".join(value.split())
    plain = letter.body.isascii()
    message.set_payload(f"{letter.body}\n\n", charset=None if plain else "utf-8")
    return message.as_bytes()


async def deliver(letter: Letter) -> None:
    """Raises OSError, SMTPException, TimeoutError."""
    import aiosmtplib  # when the first letter is written, and not in every launcher

    mail = letter.mail
    client = aiosmtplib.SMTP(
        hostname=mail.smtp_server,
        port=mail.port,
        local_hostname=mail.helo_name,
        timeout=mail.connect_timeout,
        use_tls=False,
        start_tls=False,
    )
    async with asyncio.timeout(PATIENCE):
        try:
            await client.connect()
            await client.helo()
            await client.sendmail(mail.sender, list(mail.recipients), rendered(letter))
            with contextlib.suppress(aiosmtplib.SMTPException):
                await client.quit()  # the letter is taken, whatever is said to this
        finally:
            client.close()


class Post:
    """Letters in their turn. ``on_done(letter, reason)`` is called for each; the reason is empty if it was taken."""

    def __init__(self, on_done: Callable[[Letter, str], None]) -> None:
        self._on_done = on_done
        self._waiting: deque[Letter] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    def take(self, letter: Letter) -> None:
        if len(self._waiting) >= WAITING:
            self._on_done(letter, f"{WAITING} letters wait already")
            return
        self._waiting.append(letter)
        self._go_on()

    async def finish(self, seconds: float) -> None:
        """What is under way or waits still leaves, within that time."""
        until = asyncio.get_running_loop().time() + seconds
        while self._under_way and (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._under_way, timeout=left)
            self._go_on()

    def _go_on(self) -> None:
        while self._waiting and len(self._under_way) < AT_ONCE:
            task = asyncio.create_task(self._deliver(self._waiting.popleft()))
            self._under_way.add(task)
            task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._go_on()

    async def _deliver(self, letter: Letter) -> None:
        reason = ""
        try:
            await deliver(letter)
        except TimeoutError:
            reason = "timed out"
        except Exception as error:  # whatever a server makes of the client, the next letter leaves
            reason = " ".join(str(error).split())[:200] or type(error).__name__
        self._on_done(letter, reason)
