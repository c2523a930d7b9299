# SPDX-License-Identifier: Apache-2.0
"""keepalived's rules for one check, as tables of results and what follows; quorum with its hysteresis."""

from __future__ import annotations

import pytest

from lbd.control.quorum import has_quorum, live_weight
from lbd.healthcheck.policy import Checker, Down, Up
from lbd.healthcheck.probe import OK, Failure, Outcome
from lbd.healthcheck.servers import ServerKey
from lbd.model import HttpGet, HttpUrl, RealServer, TcpCheck, VirtualServer

BAD = Outcome(Failure.REFUSED, "TCP_CHECK 10.0.0.2:80: connection refused")
LOCAL = Outcome(Failure.LOCAL, "no socket")


def tcp(**more: object) -> TcpCheck:
    settings = {"connect_ip": "10.0.0.2", "connect_port": 80, "delay_loop": 10.0, "retry": 1} | more
    return TcpCheck(**settings)


def play(checker: Checker, results: str) -> tuple[str, list[float]]:
    """One letter a result (o well, x failed, l our own fault) -> u, d or - for each, and when each try was."""
    said, times = "", []
    for letter in results:
        now = checker.next_deadline()
        assert now is not None
        times.append(now)
        assert checker.tick(now) is not None
        events = checker.result({"o": OK, "x": BAD, "l": LOCAL}[letter], now)
        said += (
            "u"
            if any(isinstance(e, Up) for e in events)
            else "d"
            if any(isinstance(e, Down) for e in events)
            else "-"
        )
    return said, times


@pytest.mark.parametrize(
    ("retry", "results", "said"),
    [
        (1, "ooo", "u--"),
        (1, "x", "d"),  # never checked: one failure is enough
        (3, "x", "d"),
        (1, "oxx", "u-d"),  # one retry
        (1, "oxo", "u--"),  # the retry helped
        (1, "oxoxx", "u---d"),  # and the next failure has its retry again
        (3, "oxxxx", "u---d"),
        (0, "ox", "ud"),
        (1, "xo", "du"),  # one success brings it back
        (1, "xxxo", "d--u"),
        (1, "oxxo", "u-du"),
        (1, "olox", "u---"),  # a fault of this machine is no result
    ],
)
def test_tcp_check(retry, results, said):
    assert play(Checker(tcp(retry=retry), 0.0), results)[0] == said


def test_times():
    """The beat is kept; a retry comes after delay_before_retry."""
    _, times = play(Checker(tcp(retry=1, delay_before_retry=2.0), 5.0), "ooxxo")
    assert times == [5.0, 15.0, 25.0, 27.0, 35.0]


def test_urls_are_asked_one_after_another():
    """All must pass, the failing one is tried again."""
    check = HttpGet(
        connect_ip="10.0.0.2",
        connect_port=80,
        delay_loop=10.0,
        retry=1,
        urls=(HttpUrl(path="/a"), HttpUrl(path="/b")),
    )
    checker = Checker(check, 0.0)
    assert play(checker, "oo")[0] == "-u"
    assert play(checker, "oxx")[0] == "--d"


def server(**more: object) -> VirtualServer:
    reals = (
        RealServer(address="10.0.0.2", port=80, weight=2),
        RealServer(address="10.0.0.3", port=80, weight=3),
    )
    return VirtualServer(name="vs", addresses=(), real_servers=reals, **more)


@pytest.mark.parametrize(
    ("quorum", "hysteresis", "weight", "before", "has"),
    [
        (1, 0, 5, None, True),
        (1, 0, 0, None, False),
        (1, 0, 0, True, False),
        (5, 0, 4, True, False),
        (5, 0, 5, False, True),
        (3, 1, 3, False, False),  # gained at 4
        (3, 1, 4, False, True),
        (3, 1, 2, True, True),  # lost below 2
        (3, 1, 1, True, False),
        (3, 1, 3, None, False),
    ],
)
def test_quorum(quorum, hysteresis, weight, before, has):
    assert has_quorum(server(quorum=quorum, hysteresis=hysteresis), weight, before) is has


def test_live_weight_is_a_sum_of_weights():
    assert live_weight(server(), frozenset()) == 5
    assert live_weight(server(), {ServerKey("vs", "10.0.0.3", 80)}) == 2
