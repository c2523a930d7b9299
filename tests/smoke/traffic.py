# SPDX-License-Identifier: Apache-2.0
"""What clients do: HTTP requests, UDP questions, whole transfers, all from sockets of a namespace in this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterable

import msgspec

from tests.smoke import peer
from tests.smoke.namespace import Namespace


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


async def connect(host: Namespace, address: str, port: int) -> socket.socket:
    sock = host.socket(family(address), socket.SOCK_STREAM)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def get(host: Namespace, address: str, port: int = 80, timeout: float = 3.0) -> str:
    """The body of the answer to one HTTP request on a connection of its own: the name of who answered."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        sock = await connect(host, address, port)
        with sock:
            await loop.sock_sendall(sock, b"GET / HTTP/1.0\r\nHost: demo\r\n\r\n")
            answer = b""
            while chunk := await loop.sock_recv(sock, 65536):
                answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(f"not an answer with status 200: {head[:40]!r}")
    return body.decode().strip()


async def ask(host: Namespace, address: str, port: int = 7, timeout: float = 3.0) -> str:
    """One UDP question from a port of its own; the name of who answered. The question must come back whole."""
    loop = asyncio.get_running_loop()
    question = f"question {time.monotonic_ns()}".encode()
    with host.socket(family(address), socket.SOCK_DGRAM) as sock:
        await loop.sock_connect(sock, (address, port))
        async with asyncio.timeout(timeout):
            await loop.sock_sendall(sock, question)
            name, _, echoed = (await loop.sock_recv(sock, 2048)).partition(b" ")
    if echoed != question:
        raise ConnectionError(f"another answer than was asked for: {echoed!r}")
    return name.decode()


async def spread(requests: int, host: Namespace, address: str, port: int = 80) -> Counter[str]:
    """So many requests one after another, who answered how many; a failure raises."""
    return Counter([await get(host, address, port) for _ in range(requests)])


async def stream(
    host: Namespace, address: str, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = await connect(host, address, port)
    return await asyncio.open_connection(sock=sock, limit=peer.CHUNK)


async def download(host: Namespace, address: str, length: int, port: int = 9000, pause: float = 0.0) -> None:
    """Fetch that many bytes, slowed by a pause a chunk; raises if one is lost or another than was sent."""
    reader, writer = await stream(host, address, port)
    with contextlib.closing(writer):
        writer.write(f"DOWN {length} {pause}\n".encode())
        digest = await peer.receive(reader, length)
        if digest != (await reader.readexactly(peer.DIGEST)).decode():
            raise ConnectionError("other bytes arrived than were sent")


async def upload(host: Namespace, address: str, length: int, port: int = 9000, pause: float = 0.0) -> None:
    reader, writer = await stream(host, address, port)
    with contextlib.closing(writer):
        writer.write(f"UP {length}\n".encode())
        digest = await peer.send(writer, length, pause)
        if digest != (await reader.readexactly(peer.DIGEST)).decode():
            raise ConnectionError("other bytes arrived than were sent")


class Request(msgspec.Struct, frozen=True):
    """One request of a Load: seconds on the loop's clock, who answered, or why nobody did."""

    began: float
    ended: float
    server: str = ""
    error: str = ""


class Load:
    """Requests at a steady rate, each on its own connection, none waiting for another. ``async with Load(…)``."""

    def __init__(self, host: Namespace, address: str, rate: float = 50.0, timeout: float = 2.0) -> None:
        self.host, self.address, self.rate, self.timeout = host, address, rate, timeout
        self.done: list[Request] = []
        self._running: set[asyncio.Task[None]] = set()
        self._news = asyncio.Condition()

    async def _one(self) -> None:
        loop = asyncio.get_running_loop()
        began, server, error = loop.time(), "", ""
        try:
            server = await get(self.host, self.address, timeout=self.timeout)
        except (OSError, TimeoutError) as failure:
            error = str(failure) or "no answer in time"
        self.done.append(Request(began, loop.time(), server, error))
        async with self._news:
            self._news.notify_all()

    async def _clock(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            task = asyncio.create_task(self._one())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            due = max(due + 1 / self.rate, loop.time() - 1)  # a stalled machine owes no burst
            await asyncio.sleep(max(0.0, due - loop.time()))

    def since(self, moment: float) -> list[Request]:
        """Finished requests that began at that time or later, in the order of their begin."""
        return sorted((r for r in self.done if r.began >= moment), key=lambda r: r.began)

    def spread(self, moment: float = 0.0) -> Counter[str]:
        return Counter(request.server for request in self.since(moment) if request.server)

    def failures(self, moment: float = 0.0) -> list[Request]:
        return [request for request in self.since(moment) if request.error]

    async def answered(self, by: Iterable[str], moment: float, timeout: float = 10.0) -> Request:
        """The first request begun since then that one of these answered."""
        wanted = set(by)
        async with asyncio.timeout(timeout), self._news:
            while True:
                if found := next((r for r in self.since(moment) if r.server in wanted), None):
                    return found
                await self._news.wait()

    async def count(self, requests: int, moment: float, timeout: float = 20.0) -> None:
        """Wait until so many requests begun since then are done."""
        async with asyncio.timeout(timeout), self._news:
            await self._news.wait_for(lambda: len(self.since(moment)) >= requests)

    async def __aenter__(self) -> Load:
        self._task = asyncio.create_task(self._clock())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._running:
            await asyncio.wait(list(self._running))
