# SPDX-License-Identifier: Apache-2.0
"""10,000 TCP and 10,000 HTTP checks at 3 s on loopback: processor time a check, beside a bare epoll loop's.

The loop makes the same connects at the same rate, in turns with the schedule; a process of its own answers. Lateness is
of starts, by the beat; memory is what the process has grown by.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import multiprocessing
import resource
import select
import socket
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from lbd.healthcheck.kinds import probe_for
from lbd.healthcheck.policy import Checker, Try
from lbd.healthcheck.probe import Probe
from lbd.healthcheck.schedule import Schedule
from lbd.model import HttpGet, HttpUrl, TcpCheck
from lbd.model.check import ConnectedCheck

CHECKS = 10_000
LOOP = 3.0
ROUNDS = 3
PORTS = 4
ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUEST = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"


def answer(ready: Connection) -> None:
    """Accepts, and answers whoever asks; until it is killed."""
    poll, listening = select.epoll(), {}
    for _ in range(PORTS):
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen(4096)
        sock.setblocking(False)
        poll.register(sock, select.EPOLLIN)
        listening[sock.fileno()] = sock
    ready.send([sock.getsockname()[1] for sock in listening.values()])
    open_: dict[int, socket.socket] = {}
    while True:
        for fd, _ in poll.poll():
            if fd in listening:
                with contextlib.suppress(BlockingIOError, OSError):
                    while True:
                        new, _ = listening[fd].accept()
                        new.setblocking(False)
                        poll.register(new, select.EPOLLIN)
                        open_[new.fileno()] = new
                continue
            sock = open_[fd]
            try:
                if sock.recv(4096):
                    sock.send(ANSWER)
                    continue
            except OSError:
                pass
            del open_[fd]
            poll.unregister(fd)
            sock.close()


@contextlib.contextmanager
def server() -> Iterator[list[int]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=answer, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


class Late:
    """Notes how late each try begins, by the due time that the checker had."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def probe_for(self, attempt: Try) -> Probe:
        return probe_for(attempt)

    def noting(self, schedule: Schedule) -> None:
        start = schedule._start  # noqa: SLF001

        def noted(checker: Checker, now: float) -> None:
            due = checker.next_deadline()
            if due is not None:
                self.seconds.append(time.monotonic() - due)
            start(checker, now)

        schedule._start = noted  # type: ignore[method-assign]  # noqa: SLF001


def checks(kind: str, ports: list[int]) -> list[ConnectedCheck]:
    """No two are equal, or they would be carried out once."""
    made: list[ConnectedCheck] = []
    for number in range(CHECKS):
        where = {
            "connect_ip": "127.0.0.1",
            "connect_port": ports[number % len(ports)],
            "delay_loop": LOOP,
            "warmup": LOOP,
            "connect_timeout": 2.0 + number / 1e6,
        }
        made.append(TcpCheck(**where) if kind == "tcp" else HttpGet(urls=(HttpUrl(),), **where))  # type: ignore[arg-type]
    return made


async def scheduled(wanted: list[ConnectedCheck]) -> tuple[float, list[float], int, int]:
    """Processor seconds in ROUNDS rounds after the first, lateness of their starts, tries, failures."""
    late, failed = Late(), 0

    def events(said: tuple[object, ...]) -> None:
        nonlocal failed
        failed += sum(type(event).__name__ == "Down" for event in said)

    schedule = Schedule(late.probe_for, events, limit=8192, phase=0.0)
    late.noting(schedule)
    schedule.replace(wanted)
    await asyncio.sleep(LOOP)
    late.seconds.clear()
    began = time.process_time()
    await asyncio.sleep(LOOP * ROUNDS)
    spent, lateness = time.process_time() - began, late.seconds
    await schedule.stop()
    return spent, lateness, len(lateness), failed


def bare(wanted: list[ConnectedCheck]) -> tuple[float, int]:
    """The same connects (and requests) at the same times by a loop that does nothing else: processor seconds, tries."""
    poll = select.epoll()
    now = time.monotonic()
    due = [(now + LOOP * number / len(wanted), number) for number in range(len(wanted))]
    heapq.heapify(due)
    live: dict[int, socket.socket] = {}
    asks = isinstance(wanted[0], HttpGet)
    until, tries, began = now + LOOP * ROUNDS, 0, time.process_time()
    while (now := time.monotonic()) < until:
        while due[0][0] <= now:
            at, number = due[0]
            heapq.heapreplace(due, (at + LOOP, number))
            sock = socket.socket()
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.connect_ex((wanted[number].connect_ip, wanted[number].connect_port))
            poll.register(sock, select.EPOLLOUT)
            live[sock.fileno()] = sock
            tries += 1
        for fd, event in poll.poll(max(0.0, due[0][0] - now)):
            if asks and event & select.EPOLLOUT:
                live[fd].send(REQUEST)
                poll.modify(fd, select.EPOLLIN)
            elif asks and live[fd].recv(4096) == b"":
                continue
            else:
                poll.unregister(fd)
                live.pop(fd).close()
    return time.process_time() - began, tries


def row(name: str, value: float, unit: str, baseline: float | None = None) -> None:
    found = {"name": f"checks/{name}", "value": round(value, 3), "unit": unit, "rounds": ROUNDS}
    if baseline:
        found |= {"baseline": round(baseline, 3), "ratio": round(value / baseline, 2)}
    print(json.dumps(found), flush=True)


def resident() -> float:
    """MiB of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def measure(kind: str, ports: list[int]) -> None:
    wanted = checks(kind, ports)
    before = resident()
    spent, lateness, tries, failed = asyncio.run(scheduled(wanted))
    grown = resident() - before
    bare_spent, bare_tries = bare(wanted)
    if tries < CHECKS * ROUNDS * 0.9:
        print(f"{kind}: {tries} tries of {CHECKS * ROUNDS}: the beat was not kept", file=sys.stderr)
    row(f"{kind}/cpu", spent / tries * 1e6, "us/check", bare_spent / bare_tries * 1e6)
    row(f"{kind}/core", spent / (LOOP * ROUNDS) * 100, "% of a core", bare_spent / (LOOP * ROUNDS) * 100)
    lateness.sort()
    row(f"{kind}/late-p99", lateness[len(lateness) * 99 // 100] * 1000, "ms")
    row(f"{kind}/memory", grown, "MiB")
    row(f"{kind}/failed", failed, "checks")


def main() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 20_000)), hard))
    with server() as ports:
        for kind in ("tcp", "http"):
            measure(kind, ports)


if __name__ == "__main__":
    main()
