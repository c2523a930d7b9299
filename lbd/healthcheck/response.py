# SPDX-License-Identifier: Apache-2.0
"""An HTTP answer, read from bytes as they come: status code, length and MD5 of the body, a pattern in it. No I/O.

As keepalived reads it: nothing is decoded, so the digest is of the bytes as they were sent (also chunks, also gzip);
the body ends after Content-Length bytes or with the connection. What is kept at any time is the head, at most
HEAD_LIMIT; of the body its digest, and what a regex may still need of it.
"""

from __future__ import annotations

import hashlib
import re

from lbd.healthcheck.probe import AnswerError, Failure
from lbd.healthcheck.regex import Search
from lbd.model.check import Regex

HEAD_LIMIT = 16 * 1024
BODY_LIMIT = 16 * 1024 * 1024

_BEGIN = b"HTTP/"
_STATUS = re.compile(rb"HTTP/\d+(?:\.\d+)?[ \t]+(\d{3})(?!\d)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
"""A bare LF may be taken for a line's end (RFC 9112 section 2.2)."""
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r?\n", re.IGNORECASE)


class Response:
    """``feed`` until it says True, ``end`` when the connection ends before."""

    def __init__(self, *, digest: bool = False, regex: Regex | None = None) -> None:
        self.status = 0
        self.received = 0
        """Bytes of the body."""
        self.length: int | None = None
        self._head = bytearray()
        self._in_body = False
        self._md5 = hashlib.md5(usedforsecurity=False) if digest else None
        self.search = Search(regex) if regex is not None else None

    def feed(self, data: bytes) -> bool:
        """True when it is complete. Raises AnswerError."""
        if self._in_body:
            return self._body(data)
        head = self._head
        head += data
        if head[: len(_BEGIN)] != _BEGIN[: len(head)]:
            raise AnswerError(Failure.GARBAGE, f"no HTTP answer: {bytes(head[:32])!r}")
        end = _HEAD_END.search(head, max(0, len(head) - len(data) - 3))
        if end is None:
            if len(head) > HEAD_LIMIT:
                raise AnswerError(Failure.GARBAGE, f"headers of more than {HEAD_LIMIT} bytes")
            return False
        self._parse(bytes(head[: end.end()]))
        rest = bytes(head[end.end() :])
        self._in_body, self._head = True, bytearray()
        return self._body(rest)

    def end(self) -> None:
        """The connection is at its end. keepalived takes a body that was cut short for what it is."""
        if self._in_body:
            self._whole()
        else:
            if not self._head:
                raise AnswerError(Failure.NO_DATA, "closed without an answer")
            raise AnswerError(Failure.GARBAGE, f"closed inside the headers: {bytes(self._head[:32])!r}")

    @property
    def digest(self) -> str:
        return self._md5.hexdigest() if self._md5 else ""

    def _parse(self, head: bytes) -> None:
        if len(head) > HEAD_LIMIT:
            raise AnswerError(Failure.GARBAGE, f"headers of more than {HEAD_LIMIT} bytes")
        status = _STATUS.match(head)
        if status is None:
            raise AnswerError(Failure.GARBAGE, f"no status code: {head[:32]!r}")
        self.status = int(status[1])
        length = _LENGTH.search(head)
        self.length = int(length[1]) if length else None
        if self.length is not None and self.length > BODY_LIMIT:
            raise _too_long()

    def _body(self, data: bytes) -> bool:
        if self.length is not None:
            data = data[: self.length - self.received]
        self.received += len(data)
        if self.received > BODY_LIMIT:
            raise _too_long()
        if self._md5:
            self._md5.update(data)
        if self.search:
            self.search.feed(data)
        if self.received != self.length:
            return False
        self._whole()
        return True

    def _whole(self) -> None:
        if self.search:
            self.search.end()


def _too_long() -> AnswerError:
    return AnswerError(Failure.GARBAGE, f"a body of more than {BODY_LIMIT >> 20} MiB")
