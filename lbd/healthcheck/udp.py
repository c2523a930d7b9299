# SPDX-License-Identifier: Apache-2.0
"""UDP_CHECK: a datagram is sent; an ICMP error in answer is a failure, and so is silence with require_reply.

A socket of our own: asyncio-dgram does not wake a reader when an ICMP error arrives, and cannot be marked.
"""

from __future__ import annotations

import asyncio
import socket

from lbd.healthcheck.connect import Stage, attempt, prepared
from lbd.healthcheck.probe import OK, AnswerError, Failure, Outcome
from lbd.model.check import UdpCheck

_FILLING = (b"keepalived check - " * 2)[:32]
"""What keepalived sends where no payload is given."""
_LONGEST = 65535


class UdpProbe:
    def __init__(self, check: UdpCheck) -> None:
        self._check = check

    async def run(self) -> Outcome:
        return await attempt(self._check, self._talk)

    async def _talk(self, stage: Stage) -> Outcome:
        check = self._check
        with prepared(check, socket.SOCK_DGRAM) as sock:
            sock.connect((check.connect_ip, check.connect_port))
            await asyncio.get_running_loop().sock_sendall(sock, check.payload or _FILLING)
            stage.goes_on("waiting for a reply")
            if check.require_reply:
                reply = await asyncio.get_running_loop().sock_recv(sock, _LONGEST)
                if check.reply:
                    judge(check, reply)
            else:
                await self._no_error(sock)
        return OK

    async def _no_error(self, sock: socket.socket) -> None:
        """Silence is a success: it ends a moment before the deadline would."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._check.connect_timeout * 0.98):
                await loop.sock_recv(sock, 1)
        except TimeoutError as error:
            if error.errno:
                raise


def judge(check: UdpCheck, reply: bytes) -> None:
    """Raises AnswerError. Lengths count only beside a pattern; of that, what is as long as both is compared."""
    low, high = check.min_reply_length, check.max_reply_length
    if not low <= len(reply) <= high:
        raise AnswerError(Failure.MISMATCH, f"a reply of {len(reply)} bytes, not {low} to {high}")
    length = min(len(reply), len(check.reply))
    free = check.reply_mask or bytes(length)
    for at in range(length):
        if (reply[at] ^ check.reply[at]) & ~free[at] & 0xFF:
            raise AnswerError(Failure.MISMATCH, f"the reply differs from require_reply at byte {at}")
