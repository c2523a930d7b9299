# SPDX-License-Identifier: Apache-2.0
"""The slowloris zoo: 1,000 checks (times --scale) of servers that do to last, and as many that are answered at once.

The slow servers are played by a process, the good ones by another, so that what is measured is ours. The good ones
are checked alone, then beside the slow ones, each for half a minute (times --scale). Ends with 1 where a try of a slow
server was not over within 100 ms of its deadline, or the slow ones moved the 99th hundredth of what a good one's try
takes by more than 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import resource
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lbd.healthcheck.kinds import probe_for
from lbd.healthcheck.policy import Try
from lbd.healthcheck.probe import Outcome, Probe
from lbd.healthcheck.schedule import Schedule
from lbd.model import DnsCheck, HttpGet, HttpUrl, SmtpCheck, SslGet
from lbd.model.check import ConnectedCheck

CHECKS, LEAST = 1000, 24
HALF_MINUTE, SHORTEST = 30.0, 3.0
TIME, BEAT = 1.5, 1.0
"""connect_timeout of the slow, which have a new try as often as that; delay_loop of the good."""
LIMIT = 0.100
EVERY = 0.5
"""Seconds from one byte to the next."""
HERE = "127.0.0.1"
HEAD = b"HTTP/1.1 200 OK\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\nok"

ZOO: dict[str, tuple[type[ConnectedCheck], bytes, bytes]] = {
    # how it is asked, what it says at once, and what again and again
    "silent": (HttpGet, b"", b""),
    "status line": (HttpGet, b"HTTP/1.1 2", b"0"),
    "header": (HttpGet, HEAD + b"X: ", b"y"),
    "headers": (HttpGet, HEAD, b"X: y\r\n"),
    "body": (HttpGet, HEAD + b"Content-Length: 9999\r\n\r\n", b"y"),
    "chunks": (HttpGet, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n"),
    "tls silent": (SslGet, b"", b""),
    "tls record": (SslGet, b"\x16\x03\x03\x40\x00", b"\x02"),
    "smtp silent": (SmtpCheck, b"", b""),
    "smtp continued": (SmtpCheck, b"", b"220-y\r\n"),
}
GOOD, NAMES = "good", "dns"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def dribbles(head: bytes, tail: bytes) -> Talk:
    """Until the other side has had enough."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.ensure_future(reader.read(-1))
        writer.write(head)
        while not (await asyncio.wait([gone], timeout=EVERY))[0]:
            writer.write(tail)
        with contextlib.suppress(ConnectionError):
            await gone
        writer.close()

    return talk


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(WHOLE)
        await reader.read(-1)
    writer.close()


async def play(ready: Connection, talks: dict[str, Talk]) -> None:
    """These servers and a silent one of names, until it is ended; tells their ports by name."""
    ports = {}
    for name, talk in talks.items():
        server = await asyncio.start_server(talk, HERE, 0, backlog=4096)
        ports[name] = server.sockets[0].getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HERE, 0))
        ready.send({NAMES: silent.getsockname()[1]} | ports)
        await asyncio.Event().wait()


def played(ready: Connection, good: bool) -> None:
    slow = {name: dribbles(head, tail) for name, (_, head, tail) in ZOO.items()}
    asyncio.run(play(ready, {GOOD: answers} if good else slow))


@contextlib.contextmanager
def servers() -> Iterator[dict[str, int]]:
    ports: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        for which in (True, False):
            ours, theirs = multiprocessing.Pipe()
            context = multiprocessing.get_context("fork")
            process = context.Process(target=played, args=(theirs, which), daemon=True)
            process.start()
            stack.callback(process.join)
            stack.callback(process.terminate)
            ports |= ours.recv()
        yield ports


def good(number: int, port: int) -> HttpGet:
    """No two are equal, or they would be carried out once."""
    return HttpGet(
        connect_ip=HERE,
        connect_port=port,
        connect_timeout=5.0 + number / 1e6,
        delay_loop=BEAT,
        warmup=BEAT,
        urls=(HttpUrl(),),
    )


def slow(number: int, ports: dict[str, int]) -> ConnectedCheck:
    names = [*ZOO, NAMES]
    name = names[number % len(names)]
    kind: type[ConnectedCheck] = DnsCheck if name == NAMES else ZOO[name][0]
    more: dict[str, Any] = {"urls": (HttpUrl(digest="0" * 32),)} if issubclass(kind, HttpGet) else {}
    return kind(
        connect_ip=HERE,
        connect_port=ports[name],
        connect_timeout=TIME + number / 1e6,
        delay_loop=TIME,
        delay_before_retry=0.1,
        retry=0,
        warmup=TIME,
        **more,
    )


class Timed:
    """Probes, and the seconds that each try took: of the good, and over its deadline of the slow."""

    def __init__(self, port_of_good: int) -> None:
        self._good = port_of_good
        self.took: list[float] = []
        self.over: list[float] = []
        self.wrong: list[str] = []
        """What should have ended otherwise."""

    def probe_for(self, attempt: Try) -> Probe:
        return _Timed(self, attempt)

    def note(self, check: Any, seconds: float, outcome: Outcome) -> None:
        well = check.connect_port == self._good
        if well:
            self.took.append(seconds)
        else:
            self.over.append(seconds - check.connect_timeout)
        if outcome.ok is not well:
            self.wrong.append(outcome.reason or f"{check} passed")


class _Timed:
    def __init__(self, timed: Timed, attempt: Try) -> None:
        self._timed, self._check, self._probe = timed, attempt.check, probe_for(attempt)

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome = await self._probe.run()
        self._timed.note(self._check, loop.time() - began, outcome)
        return outcome


async def checked(ports: dict[str, int], checks: list[ConnectedCheck], seconds: float) -> Timed:
    timed = Timed(ports[GOOD])
    schedule = Schedule(timed.probe_for, lambda events: None, limit=8192)
    schedule.replace(checks)
    await asyncio.sleep(seconds)
    await schedule.stop()
    return timed


def hundredth(values: list[float], which: int) -> float:
    return sorted(values)[len(values) * which // 100]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args().scale
    number, seconds = max(LEAST, int(CHECKS * scale)), max(SHORTEST, HALF_MINUTE * scale)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 10_000)), hard))
    with servers() as ports:
        quick: list[ConnectedCheck] = [good(n, ports[GOOD]) for n in range(number)]
        alone = asyncio.run(checked(ports, quick, seconds))
        beside = asyncio.run(checked(ports, quick + [slow(n, ports) for n in range(number)], seconds))
    before, after = hundredth(alone.took, 99), hundredth(beside.took, 99)
    row("slow checks", number, "checks")
    row("good try p99", after * 1e3, "ms", before * 1e3)
    row("past the deadline, median", hundredth(beside.over, 50) * 1e3, "ms")
    row("past the deadline, most", max(beside.over) * 1e3, "ms")
    row("before the deadline, most", -min(beside.over) * 1e3, "ms")
    row("tries of the slow", len(beside.over), "tries")
    wrong = alone.wrong + beside.wrong
    row("wrong outcomes", len(wrong), "tries")
    for reason in wrong[:3]:
        print(reason, file=sys.stderr)
    late = max(map(abs, beside.over)) > LIMIT
    return 1 if wrong or late or after - before > LIMIT else 0


def row(name: str, value: float, unit: str, baseline: float | None = None) -> None:
    shown: dict[str, Any] = {"name": f"soak/slow_servers/{name}", "value": round(value, 2), "unit": unit}
    if baseline is not None:
        shown |= {"baseline": round(baseline, 2), "ratio": round(value / baseline, 2)}
    print(json.dumps(shown), flush=True)


if __name__ == "__main__":
    sys.exit(main())
