# SPDX-License-Identifier: Apache-2.0
"""SMTP_CHECK against servers that greet well, badly, at length, and not at all."""

from __future__ import annotations

import asyncio

import pytest

from lbd.healthcheck.probe import Failure, Outcome
from lbd.healthcheck.smtp import LIMIT, SmtpProbe
from lbd.model import SmtpCheck
from tests.unit.checks_stage import HOSTS, closed_port, saying, serving


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def check(host: str, port: int, **more: object) -> Outcome:
    return await SmtpProbe(SmtpCheck(connect_ip=host, connect_port=port, connect_timeout=2.0, **more)).run()


def conversation(heard: list[bytes], greeting: bytes, helo: bytes, quit_: bytes = b"221 bye\r\n"):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        for reply in (helo, quit_):
            heard.append(await reader.readline())
            writer.write(reply)
            await writer.drain()

    return talk


@pytest.mark.parametrize(
    ("greeting", "helo"),
    [
        (b"220 mx ESMTP\r\n", b"250 mx\r\n"),
        (b"220\r\n", b"250\n"),
        (b"220-mx\r\n220-says\r\n220 much\r\n", b"250-mx\r\n250 HELP\r\n"),
    ],
)
async def test_a_good_server(host, greeting, helo):
    heard: list[bytes] = []
    async with serving(host, conversation(heard, greeting, helo)) as port:
        assert (await check(host, port, helo_name="lb.example.org")).ok
    assert heard == [b"HELO lb.example.org\r\n", b"QUIT\r\n"]


@pytest.mark.parametrize(
    ("greeting", "helo", "failure", "words"),
    [
        (b"554 go away\r\n", b"", Failure.STATUS, "greeting, not 220: '554 go away'"),
        (b"220 mx\r\n", b"550 who\r\n", Failure.STATUS, "reply to HELO, not 250: '550 who'"),
        (b"SSH-2.0-OpenSSH\r\n", b"", Failure.GARBAGE, "no SMTP reply"),
        (b"220+mx\r\n", b"", Failure.GARBAGE, "no SMTP reply"),
        (b"\0\0\0\n", b"", Failure.GARBAGE, "no SMTP reply"),
        (b"220-a\r\n" * (LIMIT // 5), b"", Failure.GARBAGE, f"a reply of more than {LIMIT} bytes"),
        (b"2" * LIMIT * 2, b"", Failure.GARBAGE, f"a line of more than {LIMIT} bytes"),
        (b"220 \x1b[2J\xff\r\n", b"451 \x1b[2J\r\n", Failure.STATUS, "not 250"),
    ],
)
async def test_a_bad_server(host, greeting, helo, failure, words):
    async with serving(host, conversation([], greeting, helo)) as port:
        outcome = await check(host, port)
    assert outcome.failure is failure, outcome
    assert words in outcome.reason
    assert outcome.reason.isprintable()


async def test_a_server_that_hangs_up(host):
    async with serving(host, saying(b"220 mx\r\n")) as port:
        outcome = await check(host, port)
    assert outcome.failure in (Failure.NO_DATA, Failure.RESET)
    assert (await check(host, closed_port(host))).failure is Failure.REFUSED
