# SPDX-License-Identifier: Apache-2.0
"""HTTP_GET: one url, one connection. Status code, digest and regex must be right (keepalived.conf(5)).

aiohttp's client decodes chunked bodies before anyone sees them, and keepalived's digest is of the bytes as sent; so
this reads the answer itself, in a stream (docs/decisions/0301).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from lbd.healthcheck.connect import LocalError, Reader, Stage, attempt, connected
from lbd.healthcheck.pcre import PatternError
from lbd.healthcheck.probe import OK, AnswerError, Failure, Outcome
from lbd.healthcheck.response import Response
from lbd.model.check import HttpGet, HttpUrl
from lbd.model.net import endpoint

_ANY_SUCCESS = ((200, 299),)
_PROTOCOLS = {
    "1.0": ("1.0", ""),
    "1.0C": ("1.0", "Connection: close\r\n"),
    "1.1": ("1.1", "Connection: close\r\n"),
}


def request(check: HttpGet, url: HttpUrl) -> bytes:
    """keepalived's words in keepalived's order. A virtualhost stands as it is, an address always with its port."""
    version, connection = _PROTOCOLS[check.http_protocol]
    host = url.virtualhost or check.virtualhost or endpoint(check.connect_ip, check.connect_port)
    text = f"GET {url.path} HTTP/{version}\r\nUser-Agent: KeepAliveClient\r\n{connection}Host: {host}\r\n\r\n"
    return text.encode("utf-8", "surrogateescape")


class Stream(Protocol):
    async def send(self, data: bytes) -> None: ...
    async def chunk(self) -> bytes:
        """Empty at the end."""


class PlainStream:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.chunk = Reader(sock).chunk

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._sock, data)


class HttpProbe:
    def __init__(self, check: HttpGet, url: HttpUrl) -> None:
        self._check, self._url = check, url

    async def run(self) -> Outcome:
        return await attempt(self._check, self._talk)

    async def _talk(self, stage: Stage) -> Outcome:
        response = expected(self._url)
        with await connected(self._check) as sock:
            await ask(PlainStream(sock), self._check, self._url, response, stage)
        judge(self._url, response)
        return OK


def expected(url: HttpUrl) -> Response:
    """Raises LocalError for a regex that is none."""
    try:
        return Response(digest=url.digest is not None, regex=url.regex)
    except (PatternError, OSError) as error:
        raise LocalError(f"{url.path}: {error}") from error


async def ask(
    stream: Stream,
    check: HttpGet,
    url: HttpUrl,
    response: Response,
    stage: Stage,
    heard: Callable[[bytes], None] = lambda data: None,
) -> None:
    """Send the request and feed the response until it is whole. Raises AnswerError."""
    try:
        stage.goes_on(f"{url.path}: request")
        await stream.send(request(check, url))
        stage.goes_on(f"{url.path}: answer")
        while data := await stream.chunk():
            heard(data)
            if response.feed(data):
                return
            what = (
                f"with {response.received} bytes of its body" if response.status else "its headers not whole"
            )
            stage.doing = f"{url.path}: answer ({what})"
        response.end()
    except AnswerError as error:
        raise AnswerError(error.failure, f"{url.path}: {error}") from error


def judge(url: HttpUrl, response: Response) -> None:
    """All conditions that are given; 200-299 where no status code is, also beside others. Raises AnswerError."""
    if not any(low <= response.status <= high for low, high in url.status_codes or _ANY_SUCCESS):
        raise AnswerError(Failure.STATUS, f"{url.path}: status code {response.status}")
    if url.digest is not None and response.digest != url.digest.lower():
        raise AnswerError(Failure.DIGEST, f"{url.path}: digest {response.digest}, not {url.digest}")
    if response.search is not None and not response.search.good:
        what = "matches, and is not to" if response.search.found else "does not match"
        raise AnswerError(Failure.MISMATCH, f"{url.path}: the regex {what}")
