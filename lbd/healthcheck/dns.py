# SPDX-License-Identifier: Apache-2.0
"""DNS_CHECK: a query over UDP; an answer with its id and rcode NOERROR is a success, whatever it holds.

dnspython makes the query; of the answer keepalived looks at the header alone (RFC 1035 section 4.1.1), and so does
this, so that nothing a server may write behind it has to be understood.
"""

from __future__ import annotations

import asyncio
import socket
import struct

import dns.exception
import dns.message
import dns.rcode

from lbd.healthcheck.connect import LocalError, Reader, Stage, attempt, prepared
from lbd.healthcheck.probe import OK, AnswerError, Failure, Outcome
from lbd.model.check import DnsCheck

_HEADER = struct.Struct("!HHHHHH")
_QR = 0x8000


def query(check: DnsCheck) -> bytes:
    """The question, recursion desired, with a random id. Raises LocalError for a name or type that cannot be asked."""
    try:
        return dns.message.make_query(check.name, check.type).to_wire()
    except (dns.exception.DNSException, ValueError) as error:
        raise LocalError(f"cannot ask for {check.type} {check.name}: {error}") from error


def judge(question: bytes, answer: bytes) -> bool:
    """False where it is no answer to this question. Raises AnswerError where the server refuses."""
    if len(answer) < _HEADER.size or answer[:2] != question[:2]:
        return False
    flags = _HEADER.unpack_from(answer)[1]
    if not flags & _QR:
        return False
    if rcode := flags & 0xF:
        raise AnswerError(Failure.STATUS, f"rcode {rcode} ({dns.rcode.to_text(dns.rcode.Rcode(rcode))})")
    return True


class DnsProbe:
    def __init__(self, check: DnsCheck) -> None:
        self._check = check

    async def run(self) -> Outcome:
        return await attempt(self._check, self._talk)

    async def _talk(self, stage: Stage) -> Outcome:
        check, loop = self._check, asyncio.get_running_loop()
        question = query(check)
        with prepared(check, socket.SOCK_DGRAM) as sock:
            sock.connect((check.connect_ip, check.connect_port))
            await loop.sock_sendall(sock, question)
            stage.goes_on(f"answer to {check.type} {check.name}")
            reader = Reader(sock)
            while not judge(question, answer := await reader.chunk()):
                stage.doing = f"answer to {check.type} {check.name} ({len(answer)} bytes came that are none)"
        return OK
