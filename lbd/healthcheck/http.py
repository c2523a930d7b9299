# SPDX-License-Identifier: Apache-2.0
"""HTTP_GET: one url, one connection. Status code and digest must be right (keepalived.conf(5)).

aiohttp's client decodes chunked bodies before anyone sees them, and keepalived's digest is of the bytes as sent; so
this reads the answer itself, in a stream (docs/decisions/0301).
"""

from __future__ import annotations

import asyncio
import socket

from lbd.healthcheck.connect import LocalError, broken, connected, local
from lbd.healthcheck.probe import OK, Failure, Outcome, failed
from lbd.healthcheck.response import Response, ResponseError
from lbd.model.check import HttpGet, HttpUrl
from lbd.model.net import endpoint

_CHUNK = 16 * 1024
_BREATH = 16
"""Chunks after which others get their turn: data that is already there is received without a turn of the loop."""
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


class HttpProbe:
    def __init__(self, check: HttpGet, url: HttpUrl) -> None:
        self._check, self._url = check, url

    async def run(self) -> Outcome:
        check = self._check
        response = Response(digest=self._url.digest is not None)
        sock: socket.socket | None = None
        try:
            async with asyncio.timeout(check.connect_timeout):
                sock = await connected(check)
                await asyncio.get_running_loop().sock_sendall(sock, request(check, self._url))
                await _receive(sock, response)
        except TimeoutError as error:
            return broken(check, error) if error.errno else self._late(sock is not None, response)
        except LocalError as error:
            return local(check, error)
        except OSError as error:
            return broken(check, error)
        except ResponseError as error:
            return failed(check, error.failure, f"{self._url.path}: {error}")
        finally:
            if sock is not None:
                sock.close()
        return self._judge(response)

    def _late(self, connection_stood: bool, response: Response) -> Outcome:
        check = self._check
        after = f"after {check.connect_timeout} s"
        if not connection_stood:
            return failed(check, Failure.TIMED_OUT, f"connect timed out {after}")
        what = f"{response.received} bytes of its body" if response.status else "no whole answer"
        return failed(check, Failure.SILENT, f"{self._url.path}: timed out {after} with {what}")

    def _judge(self, response: Response) -> Outcome:
        """All conditions that are given; 200-299 where no status code is, also beside a digest."""
        url = self._url
        if not any(low <= response.status <= high for low, high in url.status_codes or _ANY_SUCCESS):
            return failed(self._check, Failure.STATUS, f"{url.path}: status code {response.status}")
        if url.digest is not None and response.digest != url.digest.lower():
            return failed(
                self._check, Failure.DIGEST, f"{url.path}: digest {response.digest}, not {url.digest}"
            )
        return OK


async def _receive(sock: socket.socket, response: Response) -> None:
    loop = asyncio.get_running_loop()
    count = 0
    while data := await loop.sock_recv(sock, _CHUNK):
        if response.feed(data):
            return
        count += 1
        if count % _BREATH == 0:
            await asyncio.sleep(0)
    response.end()
