# SPDX-License-Identifier: Apache-2.0
"""Alerts by mail, against servers that do as they should and servers that do not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from lbd.model import Mail
from lbd.notify.mail import Letter, Post, deliver, rendered

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[int]:
    talks: set[asyncio.Task[None] | None] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for talk in filter(None, talks):
            talk.cancel()
        await asyncio.gather(*filter(None, talks), return_exceptions=True)


def letter(
    port: int, subject: str = "[r] VRRP Instance VI_1 - Entering MASTER state", **more: float
) -> Letter:
    mail = Mail(
        smtp_server="127.0.0.1",
        port=port,
        helo_name="lb1.example.com",
        sender="lb@example.com",
        recipients=("a@example.com", "b@example.com"),
        **more,  # type: ignore[arg-type]
    )
    return Letter(mail, subject, "=> VRRP Instance is now owning VRRP VIPs <=")


def willing(heard: list[bytes]) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        data = False
        while line := await reader.readline():
            heard.append(line)
            if data:
                data = line != b".\r\n"
                if data:
                    continue
            elif line.startswith(b"DATA"):
                data = True
                writer.write(b"354 go on\r\n")
                continue
            writer.write(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 ok\r\n")

    return serve


async def test_a_letter_is_keepalived_s():
    heard: list[bytes] = []
    async with server(willing(heard)) as port:
        await deliver(letter(port))
    assert heard[:4] == [
        b"HELO lb1.example.com\r\n",
        b"MAIL FROM:<lb@example.com>\r\n",
        b"RCPT TO:<a@example.com>\r\n",
        b"RCPT TO:<b@example.com>\r\n",
    ]
    assert heard[5].startswith(b"Date: ")
    assert heard[6:] == [
        b"From: lb@example.com\r\n",
        b"Subject: [r] VRRP Instance VI_1 - Entering MASTER state\r\n",
        b"X-Mailer: Keepalived\r\n",
        b"To: a@example.com, b@example.com\r\n",
        b"\r\n",
        b"=> VRRP Instance is now owning VRRP VIPs <=\r\n",
        b"\r\n",
        b".\r\n",
        b"QUIT\r\n",
    ]


def test_a_name_cannot_add_a_header():
    head = rendered(letter(25, "VI_1\r\nBcc: all@example.com\n\nboo")).partition(b"\r\n\r\n")[0]
    assert b"Subject: VI_1 Bcc: all@example.com boo\r\n" in head + b"\r\n"
    assert head.count(b"\r\n") == 4
    assert rendered(letter(25, "Zürich")).isascii()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"554 not you\r\n")
    await reader.readline()


async def chattering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-" + b"x" * 1000 + b"\r\n")
        await writer.drain()


async def garbling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\xff\xfe\0\r\n" * 10)
    await reader.read()


@pytest.mark.parametrize("serve", [silent, refusing, chattering, garbling])
async def test_whatever_a_server_does_the_next_letter_leaves(serve, monkeypatch):
    monkeypatch.setattr("lbd.notify.mail.PATIENCE", 0.5)
    monkeypatch.setattr("lbd.notify.mail.AT_ONCE", 1)
    done: list[str] = []
    heard: list[bytes] = []
    post = Post(lambda letter, reason: done.append(reason))
    async with server(serve) as bad, server(willing(heard)) as good:
        post.take(letter(bad, connect_timeout=0.3))
        post.take(letter(good))
        await post.finish(20)
    assert len(done) == 2
    assert done[0] != ""
    assert done[1] == ""


async def test_too_many_letters_are_refused_by_name(monkeypatch):
    monkeypatch.setattr("lbd.notify.mail.WAITING", 2)
    monkeypatch.setattr("lbd.notify.mail.AT_ONCE", 1)
    done: list[str] = []
    post = Post(lambda letter, reason: done.append(reason))
    async with server(silent) as port:
        for _ in range(5):
            post.take(letter(port, connect_timeout=0.05))
        assert done == ["2 letters wait already"] * 2
        await post.finish(20)
    assert len(done) == 5
