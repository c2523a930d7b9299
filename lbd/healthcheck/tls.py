# SPDX-License-Identifier: Apache-2.0
"""TLS for SSL_GET over a plain non-blocking socket, through ssl's memory BIOs: no transport, no thread, no stall.

Contexts are shared: one for each ``SSL`` block there is. Certificates of servers are not verified, as in keepalived;
OpenSSL itself refuses chains of more than 100 KiB (SSL_CTX_set_max_cert_list(3)).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from functools import lru_cache

from lbd.healthcheck.connect import CHUNK, LocalError, Reader
from lbd.healthcheck.probe import AnswerError, Failure
from lbd.model.check import Ssl

_LINGER = struct.pack("ii", 0, 0)


@lru_cache(maxsize=64)
def context(files: Ssl | None) -> ssl.SSLContext:
    """Raises LocalError for files that cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_ciphers("DEFAULT")  # OpenSSL's, as keepalived; Python's own list is shorter
    if files is None:
        return made
    try:
        if files.certificate:
            made.load_cert_chain(files.certificate, files.key, files.password or "")
        if files.ca:
            made.load_verify_locations(files.ca)
    except (OSError, ValueError) as error:
        raise LocalError(f"cannot use the files of the SSL block: {error.args[-1]}") from error
    return made


class TlsStream:
    """The same as a PlainStream of http.py, after ``handshake``."""

    def __init__(self, sock: socket.socket, files: Ssl | None, name: str | None) -> None:
        """Raises LocalError."""
        self._sock = sock
        self._reader = Reader(sock)
        self._closed = False
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self._tls = context(files).wrap_bio(self._in, self._out, server_hostname=name)
        except ValueError as error:
            raise LocalError(f"cannot ask for the name {name!r} by SNI: {error}") from error

    async def handshake(self) -> None:
        """Raises AnswerError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
            except ssl.SSLError as error:
                raise AnswerError(Failure.TLS, f"TLS handshake failed: {self._words(error)}") from error
            else:
                await self._flush()
                return

    async def send(self, data: bytes) -> None:
        self._tls.write(data)
        await self._flush()

    async def chunk(self) -> bytes:
        """Empty at the end, ended in form or not: keepalived makes no difference. Raises AnswerError."""
        while True:
            try:
                return self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()  # of what the other side may have asked of TLS itself
                await self._receive()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                if self._is_end(error):
                    return b""
                raise AnswerError(Failure.TLS, f"TLS failed: {self._words(error)}") from error

    async def say_goodbye(self) -> None:
        """close_notify, without waiting for the other side's; and the connection is then not reset."""
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        await self._flush()

    async def _receive(self) -> None:
        if data := await self._reader.chunk():
            self._in.write(data)
        else:
            self._closed = True
            self._in.write_eof()

    async def _flush(self) -> None:
        if self._out.pending:
            await asyncio.get_running_loop().sock_sendall(self._sock, self._out.read())

    def _is_end(self, error: ssl.SSLError) -> bool:
        """The connection ended without form. Python 3.11.2 has no name and no reason for that."""
        return isinstance(error, ssl.SSLEOFError) or (self._closed and not error.reason)

    def _words(self, error: ssl.SSLError) -> str:
        if self._is_end(error):
            return "the connection was closed"
        return (error.reason or "of no kind that is known").lower().replace("_", " ")
