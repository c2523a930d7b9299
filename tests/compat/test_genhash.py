# SPDX-License-Identifier: Apache-2.0
"""``genhash`` beside Debian keepalived's: digests, output and exit codes are the same."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lbd.cli.genhash import UsageError, parse
from tests.unit.checks_stage import HOSTS, server_tls, serving

OURS = [sys.executable, "-m", "lbd.cli.genhash"]
THEIRS = shutil.which("genhash", path="/usr/bin")
needs_theirs = pytest.mark.skipif(THEIRS is None, reason="needs Debian's package keepalived")

BODY = b"hello, checker\n"
ANSWERS = {
    "/ok": b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + BODY,
    "/to-the-end": b"HTTP/1.1 200 OK\r\n\r\n" + BODY * 1000,
    "/404": b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno",
    "/empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "/more-than-said": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + BODY,
    "/less-than-said": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + BODY,
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "/nothing": b"",
    "/half": b"HTTP/1.1 200 OK\r\nX: ",
}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWERS[head.split()[1].decode()])
    await writer.drain()


async def run(command: Sequence[str], *words: str) -> tuple[int | None, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, *words, stdout=pipe, stderr=pipe)
    out, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode(), errors.decode()


async def both(*words: str) -> None:
    assert THEIRS is not None
    ours, theirs = await asyncio.gather(run(OURS, *words), run([THEIRS], *words))
    assert [re.sub(r"= \d+ usecs", "", text) for text in ours[1:]] == [
        re.sub(r"= \d+ usecs", "", text) for text in theirs[1:]
    ]
    assert ours[0] == theirs[0]


@needs_theirs
@pytest.mark.parametrize("host", HOSTS)
async def test_digests(host):
    async with serving(host, answer) as port:
        for url in ANSWERS:
            await both("-s", host, "-p", str(port), "-u", url)


@needs_theirs
async def test_options():
    async with serving("127.0.0.1", answer) as port:
        where = ["-s", "127.0.0.1", "-p", str(port), "-u", "/ok"]
        for more in (["-v"], ["-P", "1.1", "-V", "www.example.org"], ["--timeout", "5"], ["--protocol=1.0c"]):
            await both(*where, *more)
    await both(*where)  # refused


@needs_theirs
async def test_tls(tmp_path: Path):
    async with serving("127.0.0.1", answer, server_tls(tmp_path)) as port:
        for url in ("/ok", "/404", "/to-the-end"):
            await both("-S", "-I", "-V", "www.example.org", "-s", "127.0.0.1", "-p", str(port), "-u", url)


WRONG = [
    ["-s", "nohost", "-p", "1", "-u", "/"],
    ["-s", "::1", "-p", "0", "-u", "/"],
    ["-s", "::1", "-p", "80x", "-u", "/"],
    ["-s", "::1", "-p", "80"],
    ["-x", "-s", "::1", "-p", "80", "-u", "/"],
    ["--foo", "-s", "::1", "-p", "80", "-u", "/"],
    ["-s", "::1", "-p", "80", "-u"],
    ["-s", "::1", "-p", "80", "-u", "/", "more", "words"],
    ["-s", "::1", "-p", "80", "-u", "/", "-P", "2"],
    ["-s", "::1", "-p", "80", "-u", "/", "-t", "x"],
    ["-s", "::1", "-p", "80", "-u", "/", "-m", "-1"],
    ["-h"],
    [],
]


@needs_theirs
async def test_wrong_command_lines():
    """The same sentence first, and the same exit code; the list of options is ours."""
    assert THEIRS is not None
    for words in WRONG:
        ours, theirs = await asyncio.gather(run(OURS, *words), run([THEIRS], *words))
        assert ours[0] == theirs[0] == 1
        first, other = (
            re.sub(r"Usage: \S+", "Usage:", text.splitlines()[0]) for text in (ours[2], theirs[2])
        )
        assert first == other


@pytest.mark.parametrize(
    "words", [["-s", "127.0.0.1", "-p", "80", "--url"], ["-s", "1.1.1.1", "-p", "٣", "-u", "/"]]
)
def test_what_is_refused(words):
    with pytest.raises(UsageError):
        parse(words)
