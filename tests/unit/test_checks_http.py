# SPDX-License-Identifier: Apache-2.0
"""Probes against servers on loopback that answer, refuse, keep silent, dribble and lie. One deadline for all of it."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from lbd.healthcheck.http import HttpProbe
from lbd.healthcheck.probe import Failure, Outcome
from lbd.healthcheck.tcp import TcpProbe
from lbd.model import HttpGet, HttpUrl, Regex, TcpCheck
from tests.unit import checks_stage as stage
from tests.unit.checks_stage import Talk, closed_port, serving

BODY = b"hello, checker\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + BODY


@pytest.fixture(params=stage.HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def saying(*pieces: bytes) -> Talk:
    return stage.saying(*pieces, after=b"\r\n\r\n")


async def get(host: str, port: int, timeout: float = 2.0, **url: object) -> Outcome:
    page = HttpUrl(**({"path": "/"} | url))
    check = HttpGet(connect_ip=host, connect_port=port, connect_timeout=timeout, urls=(page,))
    return await HttpProbe(check, page).run()


async def test_tcp(host):
    async with serving(host, stage.saying()) as port:
        assert (await TcpProbe(TcpCheck(connect_ip=host, connect_port=port)).run()).ok
    shown = f"[{host}]" if ":" in host else host
    port = closed_port(host)
    outcome = await TcpProbe(TcpCheck(connect_ip=host, connect_port=port)).run()
    assert outcome == Outcome(Failure.REFUSED, f"TCP_CHECK {shown}:{port}: connection refused")


async def test_tcp_that_is_not_accepted_times_out(host):
    with stage.full_backlog(host) as port:
        outcome = await TcpProbe(TcpCheck(connect_ip=host, connect_port=port, connect_timeout=0.3)).run()
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


@pytest.mark.parametrize(
    ("pattern", "more", "failure"),
    [
        (b"check.r", {}, None),
        (b"CHECKER", {}, Failure.MISMATCH),
        (b"CHECKER", {"options": ("caseless",)}, None),
        (b"hello", {"min_offset": 1}, Failure.MISMATCH),
        (b"checker", {"max_offset": 7}, Failure.MISMATCH),
        (b"checker", {"max_offset": 8}, None),
        (b"error", {"no_match": True}, None),
        (b"hello", {"no_match": True}, Failure.MISMATCH),
        (b"HTTP", {}, Failure.MISMATCH),  # the headers are not looked at
        (b"(", {}, Failure.LOCAL),
    ],
)
async def test_regex(pattern, more, failure):
    async with serving("127.0.0.1", saying(ANSWER[:50], ANSWER[50:])) as port:
        outcome = await get("127.0.0.1", port, regex=Regex(pattern=pattern, **more))
    assert outcome.failure is failure, outcome


async def test_every_condition_must_hold(host):
    right = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
    regex = Regex(pattern=b"hello")
    async with serving(host, saying(ANSWER)) as port:
        assert (await get(host, port, digest=right, regex=regex)).ok
        assert (await get(host, port, digest="0" * 32, regex=regex)).failure is Failure.DIGEST
        assert (await get(host, port, digest=right, regex=Regex(pattern=b"bye"))).failure is Failure.MISMATCH
        assert (await get(host, port, digest=right, status_codes=((404, 404),))).failure is Failure.STATUS


async def test_the_source_of_a_check():
    peers = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername")[:2])

    source = closed_port("127.0.0.2")
    async with serving("127.0.0.1", note) as port:
        check = TcpCheck(
            connect_ip="127.0.0.1", connect_port=port, bindto="127.0.0.2", bind_port=source, bind_if="lo"
        )
        outcome = await TcpProbe(check).run()
        assert outcome.ok, outcome
    assert peers in ([("127.0.0.2", source)], [])  # reset before it was accepted, or after


async def test_what_this_machine_lacks_is_its_own_fault():
    check = TcpCheck(connect_ip="127.0.0.1", connect_port=9, bind_if="nosuch0")
    outcome = await TcpProbe(check).run()
    assert outcome.failure is Failure.LOCAL
    assert "cannot bind to interface nosuch0" in outcome.reason
