# SPDX-License-Identifier: Apache-2.0
"""Ten million spoilt answers (times --scale) of HTTP, SMTP, DNS and UDP servers: each is good, or refused in words.

An answer is a good one in which bytes were changed, left out, doubled or cut off, and arrives in pieces. Ends with 1
where anything but a refusal came of one; its seed is told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import dns.message

from lbd.healthcheck import dns as dns_check
from lbd.healthcheck import udp
from lbd.healthcheck.probe import AnswerError
from lbd.healthcheck.response import Response
from lbd.healthcheck.smtp import Conversation
from lbd.model import HttpUrl, Regex, UdpCheck

ANSWERS, LEAST = 10_000_000, 2_000
CONVERSATIONS = 20
"""One answer in so many is of SMTP, which wants sockets."""
LONGEST_REASON = 300

HTTP = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nServer: x\r\n\r\nHello world\n",
    b"HTTP/1.0 301 Moved\nLocation: /\n\nbody",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n",
)
SMTP = (b"220 mail ESMTP\r\n", b"250-mail\r\n250-SIZE 1000\r\n250 HELP\r\n", b"421 go away\r\n")
QUESTION = dns.message.make_query("example.org", "A", id=4711).to_wire()
ANSWER = dns.message.make_response(dns.message.from_wire(QUESTION)).to_wire()
UDP = UdpCheck(
    connect_ip="127.0.0.1",
    connect_port=7,
    require_reply=True,
    reply=b"hello",
    reply_mask=b"\0\xff\0\0\0",
    max_reply_length=40,
)
URLS = (HttpUrl(digest="0" * 32), HttpUrl(regex=Regex(pattern=rb"(wor)+ld$", options=("caseless",))))


def spoilt(chance: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randrange(5)):
        at = chance.randrange(len(out) + 1)
        match chance.randrange(5):
            case 0:
                out[at : at + 1] = chance.randbytes(1)
            case 1:
                del out[at : at + chance.randrange(1, 9)]
            case 2:
                out[at:at] = out[: chance.randrange(64)]
            case 3:
                out[at:at] = chance.choice(
                    (b"\0", b"\r", b"\n", b"\r\n\r\n", b"\xff" * 9, b"9" * 30, b"x" * 20_000)
                )
            case _:
                del out[at:]
    return bytes(out)


def pieces(chance: random.Random, data: bytes) -> list[bytes]:
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


async def http(chance: random.Random) -> None:
    url = chance.choice(URLS)
    response = Response(digest=url.digest is not None, regex=url.regex)
    if not any(response.feed(piece) for piece in pieces(chance, spoilt(chance, chance.choice(HTTP)))):
        response.end()


async def names(chance: random.Random) -> None:
    dns_check.judge(QUESTION, spoilt(chance, ANSWER))


async def datagram(chance: random.Random) -> None:
    udp.judge(UDP, spoilt(chance, b"hello"))


async def smtp(chance: random.Random) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(spoilt(chance, chance.choice(SMTP)))
        theirs.shutdown(socket.SHUT_WR)
        await Conversation(ours).hear()


OTHERS: tuple[Callable[[random.Random], Awaitable[None]], ...] = (http, http, http, names, datagram)


async def said(number: int) -> str:
    """The refusal in words; empty for an answer that is good."""
    chance = random.Random(number)
    talk = smtp if number % CONVERSATIONS == 0 else chance.choice(OTHERS)
    try:
        await talk(chance)
    except AnswerError as error:
        return str(error)
    return ""


async def judged(answers: int) -> Counter[str]:
    """How many were refused with what begins so. Raises SystemExit."""
    found: Counter[str] = Counter()
    for number in range(answers):
        try:
            words = await said(number)
        except Exception as error:
            raise SystemExit(f"seed {number}: {error!r}") from error
        if len(words) > LONGEST_REASON or not words.isprintable():
            raise SystemExit(f"seed {number}: no words for a status: {words!r}")
        found[words[:12]] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    answers = max(LEAST, int(ANSWERS * parser.parse_args().scale))
    begun = time.monotonic()
    found = asyncio.run(judged(answers))
    if not 0 < found[""] < answers:
        raise SystemExit(f"{found['']} of {answers} answers are good: that cannot be")
    for name, value, unit in (
        ("answers", answers, "answers"),
        ("refused", answers - found[""], "answers"),
        ("seconds", round(time.monotonic() - begun, 1), "s"),
    ):
        print(json.dumps({"name": f"soak/answers/{name}", "value": value, "unit": unit}))


if __name__ == "__main__":
    main()
