# SPDX-License-Identifier: Apache-2.0
"""SMTP_CHECK: a greeting with 220, HELO and its 250, QUIT and an answer (RFC 5321; keepalived.conf(5)).

Lines are read by ourselves: aiosmtplib gathers a reply's lines without a bound, and a server may go on for ever.
"""

from __future__ import annotations

import asyncio
import re
import socket

from lbd.healthcheck.connect import Reader, Stage, attempt, connected
from lbd.healthcheck.probe import OK, AnswerError, Failure, Outcome
from lbd.model.check import SmtpCheck

LIMIT = 8 * 1024
"""Bytes of one reply with all its lines (RFC 5321 section 4.5.3.1.5 has 512 a line)."""
_REPLY = re.compile(rb"(\d{3})(?:([ -])[^\n]*|\r?)")


class Conversation:
    """Replies, one after another. What is not read yet is kept."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = Reader(sock)
        self._data = b""

    async def say(self, line: str) -> None:
        await asyncio.get_running_loop().sock_sendall(self._sock, f"{line}\r\n".encode())

    async def hear(self) -> tuple[int, str]:
        """Code and text of the last line of the next reply. Raises AnswerError."""
        seen = 0
        while True:
            line = await self._line()
            seen += len(line)
            found = _REPLY.fullmatch(line)
            if found is None:
                raise AnswerError(Failure.GARBAGE, f"no SMTP reply: {line[:40]!r}")
            if found[2] != b"-":
                return int(found[1]), line[:80].decode("ascii", "backslashreplace").rstrip()
            if seen > LIMIT:
                raise AnswerError(Failure.GARBAGE, f"a reply of more than {LIMIT} bytes")

    async def _line(self) -> bytes:
        while b"\n" not in self._data:
            if len(self._data) > LIMIT:
                raise AnswerError(Failure.GARBAGE, f"a line of more than {LIMIT} bytes")
            data = await self._reader.chunk()
            if not data:
                raise AnswerError(Failure.NO_DATA, "connection closed instead of a reply")
            self._data += data
        line, _, self._data = self._data.partition(b"\n")
        return line


class SmtpProbe:
    def __init__(self, check: SmtpCheck) -> None:
        self._check = check

    async def run(self) -> Outcome:
        return await attempt(self._check, self._talk)

    async def _talk(self, stage: Stage) -> Outcome:
        with await connected(self._check) as sock:
            talk = Conversation(sock)
            stage.goes_on("greeting")
            await _expect(talk, 220, "greeting")
            await talk.say(f"HELO {self._check.helo_name}")
            stage.goes_on("reply to HELO")
            await _expect(talk, 250, "reply to HELO")
            await talk.say("QUIT")
            stage.goes_on("reply to QUIT")
            await talk.hear()
        return OK


async def _expect(talk: Conversation, code: int, what: str) -> None:
    got, text = await talk.hear()
    if got != code:
        raise AnswerError(Failure.STATUS, f"{what}, not {code}: {text!r}")
