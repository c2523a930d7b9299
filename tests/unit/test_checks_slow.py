# SPDX-License-Identifier: Apache-2.0
"""The slowloris zoo: whatever a server does to last, a try ends at its deadline, and says what it waited for."""

from __future__ import annotations

import asyncio

import pytest

from lbd.healthcheck.kinds import probe_for
from lbd.healthcheck.policy import Try
from lbd.healthcheck.probe import Failure
from lbd.model import DnsCheck, HttpGet, HttpUrl, SmtpCheck, SslGet, TcpCheck, UdpCheck
from tests.unit.checks_stage import (
    HOSTS,
    answering,
    dribbling,
    full_backlog,
    server_tls,
    serving,
)

TIME = 0.4
LATE = 0.4
"""A generous bound: the machine that runs this may have other things to do."""
WEB = (HttpUrl(path="/slow", digest="0" * 32),)

STREAMS = {
    "silent": (HttpGet, b"", b"", "/slow: answer timed out"),
    "a byte of the header at a time": (
        HttpGet,
        b"HTTP/1.0 200 OK\r\nX-Slow: ",
        b"x",
        "(its headers not whole)",
    ),
    "a byte of the status line at a time": (HttpGet, b"HTTP/1.0 2", b"0", "(its headers not whole)"),
    "a byte of the body at a time": (
        HttpGet,
        b"HTTP/1.0 200 OK\r\nContent-Length: 99999\r\n\r\n",
        b"x",
        "bytes of its body) timed out",
    ),
    "a chunked body without end": (
        HttpGet,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
        "bytes of its body) timed out",
    ),
    "a body that waits for its end": (
        HttpGet,
        b"HTTP/1.0 200 OK\r\n\r\nbody",
        b"",
        "(with 4 bytes of its body)",
    ),
    "TLS that is never begun": (SslGet, b"", b"", "TLS handshake timed out"),
    "a TLS record that never ends": (SslGet, b"\x16\x03\x03\x40\x00", b"\x02", "TLS handshake"),
    "no greeting": (SmtpCheck, b"", b"", "greeting timed out"),
    "a greeting by bytes": (SmtpCheck, b"220", b"-", "greeting timed out"),
    "a greeting that is continued": (SmtpCheck, b"220-a\r\n", b"220-b\r\n", "greeting timed out"),
    "no reply to HELO": (SmtpCheck, b"220 me\r\n", b"", "reply to HELO timed out"),
    "no reply to QUIT": (SmtpCheck, b"220 me\r\n250 you\r\n", b"", "reply to QUIT timed out"),
}


async def ends_in_time(check, failure: Failure, words: str) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    outcome = await probe_for(Try(check)).run()
    took = loop.time() - began
    assert TIME * 0.9 <= took < TIME + LATE
    assert outcome.failure is failure, outcome
    assert words in outcome.reason
    assert outcome.reason.endswith(f"after {TIME} s")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", STREAMS)
async def test_streams(host, name):
    kind, head, tail, words = STREAMS[name]
    more = {"urls": WEB} if issubclass(kind, HttpGet) else {}
    async with serving(host, dribbling(head, tail)) as port:
        check = kind(connect_ip=host, connect_port=port, connect_timeout=TIME, **more)
        await ends_in_time(check, Failure.SILENT, words)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("kind", [TcpCheck, HttpGet, SslGet, SmtpCheck])
async def test_a_connection_that_does_not_come_about(host, kind):
    more = {"urls": WEB} if issubclass(kind, HttpGet) else {}
    with full_backlog(host) as port:
        check = kind(connect_ip=host, connect_port=port, connect_timeout=TIME, **more)
        await ends_in_time(check, Failure.TIMED_OUT, "connect timed out")


async def test_a_server_that_stalls_inside_tls(tmp_path):
    tls = server_tls(tmp_path)
    async with serving("127.0.0.1", dribbling(b"HTTP/1.0 200 OK\r\nX: ", b"y"), tls) as port:
        check = SslGet(connect_ip="127.0.0.1", connect_port=port, connect_timeout=TIME, urls=WEB)
        await ends_in_time(check, Failure.SILENT, "(its headers not whole) timed out")


async def test_a_window_that_stays_closed():
    """The request cannot be sent when the other side reads nothing: that, too, is inside the time."""
    path = "/" + "x" * 20_000_000

    async def never(*_):
        await asyncio.sleep(60)

    async with serving("127.0.0.1", never) as port:
        urls = (HttpUrl(path=path),)
        check = HttpGet(connect_ip="127.0.0.1", connect_port=port, connect_timeout=TIME, urls=urls)
        outcome = await probe_for(Try(check)).run()
    assert outcome.failure is Failure.SILENT
    assert outcome.reason.endswith(f"request timed out after {TIME} s")


@pytest.mark.parametrize("host", HOSTS)
async def test_datagrams(host):
    async with answering(host, lambda data: None) as (port, _):
        ask = {"connect_ip": host, "connect_port": port, "connect_timeout": TIME}
        await ends_in_time(DnsCheck(**ask), Failure.SILENT, "answer to SOA . timed out")
        await ends_in_time(
            UdpCheck(require_reply=True, **ask), Failure.SILENT, "waiting for a reply timed out"
        )


async def test_answers_that_are_none_do_not_prolong_a_try():
    async with answering("127.0.0.1", lambda data: [b"\0" * 3, b"\xff" * 40, data]) as (port, _):
        check = DnsCheck(connect_ip="127.0.0.1", connect_port=port, connect_timeout=TIME)
        await ends_in_time(check, Failure.SILENT, "bytes came that are none)")


async def test_many_slow_servers_do_not_delay_the_others():
    """200 tries that hang, and 50 that are answered at once: those all end long before the others do."""
    loop = asyncio.get_running_loop()
    good = b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"
    async with (
        serving("127.0.0.1", dribbling(b"HTTP/1.0 200 OK\r\nX: ", b"y")) as slow,
        serving("127.0.0.1", dribbling(good)) as quick,
    ):

        def get(port: int, time: float):
            urls = (HttpUrl(),)
            check = HttpGet(connect_ip="127.0.0.1", connect_port=port, connect_timeout=time, urls=urls)
            return asyncio.ensure_future(probe_for(Try(check)).run())

        began = loop.time()
        hanging = [get(slow, 3.0) for _ in range(200)]
        answered = await asyncio.gather(*(get(quick, 3.0) for _ in range(50)))
        assert loop.time() - began < 2.5
        assert all(outcome.ok for outcome in answered)
        assert not any(task.done() for task in hanging)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
