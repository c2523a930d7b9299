# SPDX-License-Identifier: Apache-2.0
"""However much a server says, a try keeps at most 256 KiB: floods, counted by what Python allocates meanwhile."""

from __future__ import annotations

import asyncio
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from lbd.healthcheck.kinds import probe_for
from lbd.healthcheck.policy import Try
from lbd.healthcheck.probe import Failure
from lbd.healthcheck.response import BODY_LIMIT
from lbd.model import HttpGet, HttpUrl, Regex, SmtpCheck
from lbd.model.check import ConnectedCheck

MOST = 256 * 1024
FLOOD = 1 << 30
"""Bytes that a server says, unless it is cut off."""
HEAD = b"HTTP/1.1 200 OK\r\n"
GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xec\xc1\x01\x01\0\0\0\x80\x90\xfe\xaf\xee\x08" + b"\0" * 8192
URL = HttpUrl(digest="0" * 32)

FLOODS: dict[str, tuple[type[ConnectedCheck], HttpUrl, bytes, bytes, str]] = {
    # asked how, said at once, said for ever, and the words for it
    "a status line": (HttpGet, URL, b"HTTP/1.1 ", b"2" * 4096, "headers of more than"),
    "a header": (HttpGet, URL, HEAD + b"X: ", b"y" * 4096, "headers of more than"),
    "headers": (HttpGet, URL, HEAD, b"X: y\r\n" * 700, "headers of more than"),
    "NULs": (HttpGet, URL, b"", b"\0" * 4096, "no HTTP answer"),
    "a body that says so": (
        HttpGet,
        URL,
        HEAD + b"Content-Length: %d\r\n\r\n" % FLOOD,
        b"y" * 4096,
        "a body of more than 16 MiB",
    ),
    "a body": (HttpGet, URL, HEAD + b"\r\n", b"y" * 4096, "a body of more than 16 MiB"),
    "chunks": (
        HttpGet,
        URL,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1000\r\n" + b"y" * 4096 + b"\r\n",
        "a body of more than 16 MiB",
    ),
    "a chunk of a length that is none": (
        HttpGet,
        URL,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"f" * 4096,
        "a body of more than 16 MiB",
    ),
    "a bomb of gzip": (
        HttpGet,
        URL,
        HEAD + b"Content-Encoding: gzip\r\n\r\n",
        GZIP,
        "a body of more than 16 MiB",
    ),
    "a body for a regex that keeps all": (
        HttpGet,
        HttpUrl(regex=Regex(pattern=rb"(?s)y.*never")),
        HEAD + b"\r\n",
        b"y" * 4096,
        "",  # the regex, or the body, whichever is over first
    ),
    "a greeting": (SmtpCheck, URL, b"220-", b"y" * 4096, "a line of more than"),
    "a greeting of many lines": (SmtpCheck, URL, b"", b"220-y\r\n" * 600, "a reply of more than"),
}


@contextmanager
def flooding(head: bytes, tail: bytes) -> Iterator[int]:
    """A thread, which allocates nothing while it talks."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            try:
                sock, _ = server.accept()
                with sock:
                    sock.sendall(head)
                    for _ in range(FLOOD // len(tail)):
                        sock.sendall(tail)
            except OSError:
                pass  # cut off

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join(10)
            assert not thread.is_alive()


async def peak(check: ConnectedCheck) -> tuple[int, object]:
    """Bytes that a try had at most, and its outcome."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        outcome = await probe_for(Try(check)).run()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return most - before, outcome


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood(name):
    kind, url, head, tail, words = FLOODS[name]
    more = {"urls": (url,)} if kind is HttpGet else {}
    with flooding(head, tail) as port:
        check = kind(connect_ip="127.0.0.1", connect_port=port, connect_timeout=10.0, **more)
        most, outcome = await peak(check)
    assert outcome.failure in {Failure.GARBAGE, Failure.MISMATCH}, outcome
    assert words in outcome.reason
    assert len(outcome.reason) < 200
    assert most < MOST


async def test_many_floods_take_many_times_as_much_and_no_more():
    """Bodies at the bound, read in turns."""
    good = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY_LIMIT
    tries = 8
    with ExitStack() as floods:
        ports = [floods.enter_context(flooding(good, b"y" * 4096)) for _ in range(tries)]
        checks = [
            HttpGet(connect_ip="127.0.0.1", connect_port=port, connect_timeout=20.0, urls=(URL,))
            for port in ports
        ]
        tracemalloc.start()
        try:
            outcomes = await asyncio.gather(*(probe_for(Try(check)).run() for check in checks))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert {outcome.failure for outcome in outcomes} == {Failure.DIGEST}
    assert most < tries * MOST
