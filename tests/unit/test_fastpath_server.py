# SPDX-License-Identifier: Apache-2.0
"""The control socket of the fastpath: one request, one reply, and a sentence for what is no request."""

from __future__ import annotations

import asyncio
import os
import struct

import pytest

from lbd import wire
from lbd.fastpath import api
from lbd.fastpath.client import Client, GoneError, RefusedError
from lbd.fastpath.live import RefusedChange
from lbd.fastpath.server import Server


def answer(request: api.Request) -> api.Reply:
    match request:
        case api.Apply(changes):
            if not changes:
                raise RefusedChange("there is nothing to change")
            return api.Done()
        case api.GetTable():
            return api.Table(pools=(api.LocalPool("p", ()),))
        case _:
            return api.Refused("not here")


@pytest.fixture
async def server(tmp_path):
    server = Server(str(tmp_path / "dp.sock"), answer)
    await server.start()
    yield server
    await server.close()


async def test_requests_and_refusals(server):
    async with Client(server.path) as dp:
        assert (await dp.table()).pools[0].name == "p"
        await dp.apply(api.DeletePool("p"))
        with pytest.raises(RefusedError, match="there is nothing to change"):
            await dp.apply()
        assert (await dp.table()).pools[0].name == "p"


async def test_calls_of_one_client_queue(server):
    async with Client(server.path) as dp:
        assert len(await asyncio.gather(*(dp.table() for _ in range(20)))) == 20


async def test_another_version_is_refused_in_words(server):
    reader, writer = await asyncio.open_unix_connection(server.path)
    writer.write(wire.pack(api.Hello(version=99)))
    reply = await wire.receive(reader, wire.decoder(api.Reply))
    assert reply == api.Refused(
        f"this dp process speaks version {api.VERSION}, the client 99: restart the older one"
    )
    writer.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x00\x00\x04nope",
        struct.pack("!I", wire.LIMIT + 1),
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x00\x00\x00\x01\xc0",
    ],
)
async def test_garbage_is_cut_off_and_others_go_on(server, garbage):
    reader, writer = await asyncio.open_unix_connection(server.path)
    writer.write(garbage)
    writer.write_eof()
    said = await asyncio.wait_for(reader.read(), 5)
    assert b"that is no request" in said
    writer.close()
    async with Client(server.path) as dp:
        await dp.table()


async def test_a_server_that_ends_is_gone(server):
    dp = Client(server.path)
    await dp.connect()
    await server.close()
    with pytest.raises(GoneError):
        await dp.table()
    with pytest.raises(GoneError, match="no dp process listens"):
        await Client(server.path).connect()


async def test_the_socket_is_its_owners_alone(server):
    assert os.stat(server.path).st_mode & 0o777 == 0o600
