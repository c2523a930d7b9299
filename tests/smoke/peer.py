# SPDX-License-Identifier: Apache-2.0
"""What a real server answers besides nginx: UDP datagrams with its name before them, and whole transfers over TCP.

A transfer is one line and its answer: ``DOWN n`` gets n bytes and their SHA-256 in hex, ``UP n`` and n bytes get
the SHA-256 of what arrived. Runs as a program of its own: ``peer.py NAME UDP-PORT TCP-PORT ADDRESS…``.
"""

import asyncio
import contextlib
import hashlib
import random
import sys
from collections.abc import Iterator

CHUNK = 1 << 18
DIGEST = 64


def content(length: int) -> Iterator[bytes]:
    """The same bytes for the same length, no chunk like another."""
    source = random.Random(length)
    for start in range(0, length, CHUNK):
        yield source.randbytes(min(CHUNK, length - start))


async def send(writer: asyncio.StreamWriter, length: int, pause: float = 0.0) -> str:
    """Write the content of that length; its digest."""
    digest = hashlib.sha256()
    for chunk in content(length):
        digest.update(chunk)
        writer.write(chunk)
        await writer.drain()
        if pause:
            await asyncio.sleep(pause)
    return digest.hexdigest()


async def receive(reader: asyncio.StreamReader, length: int) -> str:
    """Read that many bytes; their digest. IncompleteReadError where the stream ends before."""
    digest = hashlib.sha256()
    while length:
        chunk = await reader.read(min(CHUNK, length))
        if not chunk:
            raise asyncio.IncompleteReadError(b"", length)
        digest.update(chunk)
        length -= len(chunk)
    return digest.hexdigest()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        verb, length, *pause = (await reader.readline()).split() or [b"", b"0"]
        if verb == b"DOWN":
            digest = await send(writer, int(length), float(pause[0]) if pause else 0.0)
            writer.write(digest.encode())
        elif verb == b"UP":
            writer.write((await receive(reader, int(length))).encode())
        await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


class Echo(asyncio.DatagramProtocol):
    def __init__(self, name: str) -> None:
        self.name = name.encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.transport.sendto(self.name + b" " + data, address)  # type: ignore[attr-defined]


async def main(name: str, udp_port: int, tcp_port: int, addresses: list[str]) -> None:
    """A socket for each address, so that an answer comes from the address that was asked (the VIP, in DR)."""
    loop = asyncio.get_running_loop()
    servers = []
    for address in addresses:
        await loop.create_datagram_endpoint(lambda: Echo(name), local_addr=(address, udp_port))
        servers.append(await asyncio.start_server(serve, address, tcp_port, limit=CHUNK))
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
