# SPDX-License-Identifier: Apache-2.0
"""Probes against servers on loopback that answer, refuse, keep silent, dribble and lie. One deadline for all of it."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from lbd.healthcheck.http import HttpProbe
from lbd.healthcheck.probe import Failure, Outcome
from lbd.healthcheck.tcp import TcpProbe
from lbd.model import HttpGet, HttpUrl, TcpCheck

BODY = b"hello, checker\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + BODY
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["127.0.0.1", "::1"])
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def serving(host: str, talk: Talk) -> AsyncIterator[int]:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    talks: set[asyncio.Task[None]] = set()

    async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(once(reader, writer))
        talks.add(task)
        await asyncio.wait([task])

    server = await asyncio.start_server(noted, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*talks)


def saying(*pieces: bytes) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return talk


async def get(host: str, port: int, timeout: float = 2.0, **url: object) -> Outcome:
    page = HttpUrl(**({"path": "/"} | url))
    check = HttpGet(connect_ip=host, connect_port=port, connect_timeout=timeout, urls=(page,))
    return await HttpProbe(check, page).run()


def closed_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


async def test_tcp(host):
    async with serving(host, saying()) as port:
        assert (await TcpProbe(TcpCheck(connect_ip=host, connect_port=port)).run()).ok
    shown = f"[{host}]" if ":" in host else host
    port = closed_port(host)
    outcome = await TcpProbe(TcpCheck(connect_ip=host, connect_port=port)).run()
    assert outcome == Outcome(Failure.REFUSED, f"TCP_CHECK {shown}:{port}: connection refused")


async def test_tcp_that_is_not_accepted_times_out():
    """A full backlog drops the SYN: the deadline ends it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        check = TcpCheck(connect_ip="127.0.0.1", connect_port=server.getsockname()[1], connect_timeout=0.3)
        fill = [socket.socket() for _ in range(4)]
        try:
            for one in fill:
                one.setblocking(False)
                one.connect_ex(server.getsockname())
            outcome = await TcpProbe(check).run()
        finally:
            for one in fill:
                one.close()
    assert outcome.failure is Failure.TIMED_OUT
    assert outcome.reason.endswith("connect timed out after 0.3 s")


async def test_http_status_and_digest(host):
    async with serving(host, saying(ANSWER)) as port:
        assert (await get(host, port)).ok
        assert (await get(host, port, status_codes=((200, 200),))).ok
        assert (await get(host, port, status_codes=((300, 399),))).failure is Failure.STATUS
        right = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
        assert (await get(host, port, digest=right)).ok
        assert (await get(host, port, digest="0" * 32)).failure is Failure.DIGEST


async def test_request_is_keepalives(host):
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(listen, host, 0)
    port = server.sockets[0].getsockname()[1]
    assert (await get(host, port, path="/up?x=1")).ok
    server.close()
    shown = f"[{host}]" if ":" in host else host
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /up?x=1 HTTP/1.0"
    assert f"Host: {shown}:{port}" in lines
    assert "User-Agent: KeepAliveClient" in lines


HOSTILE: dict[str, tuple[Talk, set[Failure]]] = {
    "a status of 500": (saying(b"HTTP/1.0 500 No\r\n\r\n"), {Failure.STATUS}),
    "nothing at all": (saying(), {Failure.NO_DATA, Failure.RESET}),
    "garbage": (saying(b"\x00\xff\x16\x03\x01" * 50 + b"\r\n\r\n"), {Failure.GARBAGE}),
    "a status line without end": (saying(*[b"A" * 65536] * 64), {Failure.GARBAGE}),
    "a header without end": (
        saying(b"HTTP/1.0 200 OK\r\n", *[b"X: " + b"y" * 65536] * 64),
        {Failure.GARBAGE},
    ),
    "headers without end": (saying(b"HTTP/1.0 200 OK\r\n", *[b"X: y\r\n" * 10000] * 64), {Failure.GARBAGE}),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_answers(host, name):
    talk, failures = HOSTILE[name]
    async with serving(host, talk) as port:
        outcome = await get(host, port, timeout=5.0)
    assert outcome.failure in failures, outcome
    assert len(outcome.reason) < 500
    assert outcome.reason.isprintable()


@pytest.mark.parametrize("where", ["silent", "header", "body"])
async def test_a_dribbling_server_fails_at_the_deadline(host, where):
    """A byte every 50 ms, for ever: the try ends after its 0.5 s and not later."""

    heads = {
        "silent": b"",
        "header": b"HTTP/1.0 200 OK\r\nX-Slow: ",
        "body": b"HTTP/1.0 200 OK\r\nContent-Length: 1000000\r\n\r\n",
    }

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(heads[where])
        gone = asyncio.ensure_future(reader.read())
        while not gone.done():
            await asyncio.wait([gone], timeout=0.05)
            if where != "silent":
                writer.write(b"H")

    async with serving(host, dribble) as port:
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome = await get(host, port, timeout=0.5, digest="0" * 32)
        assert loop.time() - began < 0.6
    assert outcome.failure in (Failure.SILENT, Failure.TIMED_OUT)
