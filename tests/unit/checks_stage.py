# SPDX-License-Identifier: Apache-2.0
"""Servers on loopback for the tests of probes: they say what they are told to, and are gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOSTS = ["127.0.0.1", "::1"]


@asynccontextmanager
async def serving(host: str, talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port. A talk may raise what a connection that ends raises."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    talks: set[asyncio.Task[None]] = set()

    async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(once(reader, writer))
        talks.add(task)
        await asyncio.wait([task])

    server = await asyncio.start_server(noted, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def saying(*pieces: bytes, after: bytes = b"") -> Talk:
    """Says these, once the other side has said ``after``."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if after:
            await reader.readuntil(after)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return talk


def dribbling(head: bytes, tail: bytes = b"", every: float = 0.05) -> Talk:
    """Says the head at once and the tail again and again, until the other side has had enough."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        gone = asyncio.ensure_future(_to_the_end(reader))
        try:
            while not gone.done():
                await asyncio.wait([gone], timeout=every)
                if tail:
                    writer.write(tail)
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    return talk


async def _to_the_end(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(65536):
            pass


class Answers(asyncio.DatagramProtocol):
    """Answers each datagram with what ``answer`` makes of it; None: not."""

    def __init__(self, answer: Callable[[bytes], bytes | list[bytes] | None]) -> None:
        self._answer = answer
        self.heard: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.heard.append(data)
        answers = self._answer(data)
        for answer in [answers] if isinstance(answers, bytes) else answers or []:
            self._transport.sendto(answer, address)


@asynccontextmanager
async def answering(
    host: str, answer: Callable[[bytes], bytes | list[bytes] | None]
) -> AsyncIterator[tuple[int, Answers]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: Answers(answer), local_addr=(host, 0))
    try:
        yield transport.get_extra_info("sockname")[1], protocol
    finally:
        transport.close()


def closed_port(host: str, kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


@contextmanager
def full_backlog(host: str) -> Iterator[int]:
    """A port whose SYNs are dropped: connecting is answered by silence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(family))
        server.bind((host, 0))
        server.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket(family))
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def certificate(directory: Path) -> tuple[Path, Path]:
    """Of a server nobody knows: the file with it, and that of its key."""
    crt, key = directory / "crt.pem", directory / "key.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        ["openssl", "req", "-x509", *curve, "-subj", "/CN=lbd", "-days", "30", "-out", crt, "-keyout", key],
        check=True,
        capture_output=True,
        timeout=20,
    )
    return crt, key


def server_tls(directory: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(directory))
    return context
