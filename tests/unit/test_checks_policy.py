# SPDX-License-Identifier: Apache-2.0
"""keepalived's rules for one check, as tables of results and what follows."""

from __future__ import annotations

import pytest

from lbd.healthcheck.policy import Checker, Down, Log, StillDown, Up, Weighed
from lbd.healthcheck.probe import OK, Failure, Outcome
from lbd.model import DnsCheck, HttpGet, HttpUrl, MiscCheck, PingCheck, Script, SmtpCheck, TcpCheck, UdpCheck

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


WHERE = {"connect_ip": "10.0.0.2", "connect_port": 80, "delay_loop": 10.0, "delay_before_retry": 2.0}
SCRIPT = Script(argv=("/bin/check",))
DOWN_AT_FIRST = [
    # (kind, results, what is said, times)
    (TcpCheck(retry=2, **WHERE), "xxxxx", "d----", [0, 10, 12, 14, 20]),  # retries while down, too
    (SmtpCheck(retry=2, **WHERE), "xxxxxo", "--d--u", [0, 2, 4, 10, 12, 14]),  # and from the first turn on
    (UdpCheck(retry=2, **WHERE), "xxxo", "d--u", [0, 10, 20, 30]),
    (PingCheck(retry=2, **WHERE), "xxxo", "d--u", [0, 10, 20, 30]),
    (DnsCheck(retry=2, **WHERE), "xxxo", "d--u", [0, 10, 20, 30]),
    (HttpGet(retry=2, urls=(HttpUrl(),), **WHERE), "xxxo", "d--u", [0, 10, 20, 30]),
    (MiscCheck(retry=2, script=SCRIPT, delay_loop=10.0), "xxxo", "d--u", [0, 10, 20, 30]),
]


@pytest.mark.parametrize(("check", "results", "said", "times"), DOWN_AT_FIRST, ids=lambda v: type(v).__name__)
def test_a_server_that_is_down_from_the_start(check, results, said, times):
    assert play(Checker(check, 0.0), results) == (said, times)


@pytest.mark.parametrize("kind", [TcpCheck, SmtpCheck, UdpCheck, PingCheck, DnsCheck])
def test_a_server_that_goes_down(kind):
    """All the same: retries, delay_before_retry apart, and then it is down."""
    assert play(Checker(kind(retry=2, **WHERE), 0.0), "oxxxo") == ("u--du", [0, 10, 12, 14, 20])


def test_retries_of_a_script_count_from_its_start():
    checker = Checker(MiscCheck(retry=1, script=SCRIPT, delay_loop=10.0, delay_before_retry=2.0), 0.0)
    play(checker, "o")
    checker.tick(10.0)
    checker.result(BAD, 11.5)
    assert checker.next_deadline() == 12.0
    checker.tick(12.0)
    assert any(isinstance(event, Down) for event in checker.result(BAD, 19.0))
    assert checker.next_deadline() == 20.0


def test_fast_recovery():
    """While it is down, one url follows the other at once."""
    urls = (HttpUrl(path="/a"), HttpUrl(path="/b"), HttpUrl(path="/c"))
    slow, quick = (HttpGet(urls=urls, fast_recovery=fast, **WHERE) for fast in (False, True))
    assert play(Checker(slow, 0.0), "ooo") == ("--u", [0, 10, 20])
    assert play(Checker(quick, 0.0), "oooo") == ("--u-", [0, 0, 0, 10])
    assert play(Checker(quick, 0.0), "oxoooo") == ("-d---u", [0, 0, 10, 10, 10, 10])


def weights(checker: Checker, outcomes: list[Outcome]) -> list[int | None]:
    found = []
    for outcome in outcomes:
        now = checker.next_deadline()
        checker.tick(now)
        found += [event.weight for event in checker.result(outcome, now) if isinstance(event, Weighed)]
    return found


def test_weights_of_a_script():
    """Told when they change; a failure takes the weight away, and its return is told again."""
    check = MiscCheck(retry=1, script=SCRIPT, misc_dynamic=True, delay_loop=10.0)
    five, nine = Outcome(weight=5), Outcome(weight=9)
    assert weights(Checker(check, 0.0), [OK, five, five, nine, BAD, nine, OK]) == [5, 9, None]
    assert weights(Checker(check, 0.0), [five, BAD, BAD, five]) == [5, 5]


@pytest.mark.parametrize(
    ("rise", "fall", "results", "said"),
    [
        (3, 1, "oxxooo", "u-d--u"),
        (3, 1, "oxxooxxooo", "u-d------u"),  # a turn that fails begins anew
        (1, 2, "oxxxxo", "u---du"),  # two turns, each with its retry
        (1, 2, "oxxoxx", "u-----"),
        (2, 2, "x", "d"),  # the first result decides alone
    ],
)
def test_rise_and_fall(rise, fall, results, said):
    assert play(Checker(tcp(rise=rise, fall=fall), 0.0), results)[0] == said


def test_a_server_that_fails_in_another_way_is_told_of():
    """Else its status would go on to give the reason that it went down with."""
    checker = Checker(tcp(retry=0), 0.0)
    other = Outcome(Failure.TIMED_OUT, "TCP_CHECK 10.0.0.2:80: connect timed out after 5.0 s")
    said = []
    for outcome in (BAD, BAD, other, other, BAD):
        checker.tick(checker.next_deadline())
        events = checker.result(outcome, 0.0)
        said.append([event.reason for event in events if isinstance(event, StillDown)])
    assert said == [[], [], [other.reason], [], [BAD.reason]]


def test_a_suspended_turn_keeps_the_beat():
    checker = Checker(tcp(), 5.0)
    checker.put_off(5.0)
    assert checker.next_deadline() == 15.0


@pytest.mark.parametrize(
    ("check", "outcome", "sentence"),
    [
        (TcpCheck(**WHERE), BAD, "TCP_CHECK on service [10.0.0.2]:tcp:80 failed."),
        (UdpCheck(**WHERE), BAD, "UDP_CHECK on service [10.0.0.2]:udp:80 failed."),
        (PingCheck(**WHERE), BAD, "ICMP CHECK on service [10.0.0.2]:tcp:80 failed."),
        (HttpGet(urls=(HttpUrl(),), **WHERE), BAD, "HTTP_CHECK on service [10.0.0.2]:tcp:80 failed."),
        (
            DnsCheck(**WHERE),
            Outcome(Failure.STATUS, "DNS_CHECK 10.0.0.2:80: rcode 3 (NXDOMAIN)"),
            "DNS_CHECK ([10.0.0.2]:udp:80) read error occurred. (rcode = 3)",
        ),
        (
            SmtpCheck(retry=0, **WHERE),
            Outcome(Failure.STATUS, "SMTP_CHECK 10.0.0.2:80: greeting, not 220: '554'"),
            "SMTP_CHECK Bad greeting banner from server [10.0.0.2]:80",
        ),
        (
            MiscCheck(retry=0, script=SCRIPT, connect_ip="10.0.0.2", connect_port=80),
            Outcome(Failure.STATUS, "MISC_CHECK /bin/check: exited with status 7"),
            "Misc check for [[10.0.0.2]:tcp:80] by [/bin/check] failed with retry disabled (exited with status 7).",
        ),
    ],
    ids=lambda v: type(v).__name__,
)
def test_keepaliveds_sentences(check, outcome, sentence):
    checker = Checker(check, 0.0)
    checker.tick(0.0)
    assert checker.result(outcome, 0.0)[:2] == (Log(sentence), Log(outcome.reason))
