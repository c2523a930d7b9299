# SPDX-License-Identifier: Apache-2.0
"""Servers and quorums as keepalived has them: scenarios of results, and what stands in the table after each.

A scenario is a configuration and steps. A step is the result of a check (``a+``: the check of server a passed, ``b-``:
failed, ``a=5``: a script says that a weighs 5, ``f=-2``: a file adds that), and what then serves, ``a1 b2``: names
with their weights, the sorry server as ``s``; behind a bar who is told.
"""

from __future__ import annotations

import re

import pytest

from lbd.control import notices
from lbd.control.desired import reals_of
from lbd.control.health import Health
from lbd.control.quorum import Quorums, sentences
from lbd.healthcheck import file
from lbd.healthcheck.servers import Change, ServerKey, Servers
from lbd.model import (
    FileCheck,
    MiscCheck,
    RealServer,
    Script,
    TcpCheck,
    VirtualServer,
)

ADDRESS = {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3", "s": "10.0.0.9"}
NAMES = {address: name for name, address in ADDRESS.items()}


def script(*words: str) -> Script:
    return Script(argv=words)


def tcp(name: str, port: int = 80, **more: object) -> TcpCheck:
    return TcpCheck(connect_ip=ADDRESS[name], connect_port=port, **more)


def real(name: str, weight: int = 1, checks: tuple = (), **more: object) -> RealServer:
    return RealServer(
        address=ADDRESS[name],
        port=80,
        weight=weight,
        checks=checks or (tcp(name),),
        notify_up=script("up", name),
        notify_down=script("down", name),
        **more,
    )


def service(*reals: RealServer, sorry: bool = False, **more: object) -> VirtualServer:
    return VirtualServer(
        name="vs",
        addresses=(),
        real_servers=reals,
        sorry_server=RealServer(address=ADDRESS["s"], port=80) if sorry else None,
        quorum_up=script("up", "vs"),
        quorum_down=script("down", "vs"),
        **more,
    )


class Play:
    """What daemon/check.py does with results, without daemon and dataplane."""

    def __init__(self, virtual: VirtualServer) -> None:
        self.servers, self.quorums = Servers(), Quorums()
        self.told: list[str] = []
        self.said: list[str] = []
        self.configure(virtual)

    def configure(self, virtual: VirtualServer) -> None:
        self._changes(self.servers.configure([virtual]))
        self.virtual = virtual
        self._judge()

    def step(self, word: str) -> None:
        name, sign, number = re.fullmatch(r"(\w)([-+=])(-?\d*)", word).groups()  # type: ignore[union-attr]
        check = self._check(name)
        if sign == "+":
            changes = self.servers.passed(check)
        elif sign == "-":
            changes = self.servers.failed(check, f"{name} is down")
        elif isinstance(check, FileCheck):
            changes = self.servers.added(check, int(number))
        else:
            changes = self.servers.weighed(check, int(number) if number else None)
        self._changes(changes)
        if any(change.moved or change.weighed for change in changes):
            self._judge()

    def _check(self, name: str):
        """``m`` the script, ``f`` the file, ``x`` the one on another port; else the one of that server."""
        for check in (check for server in self.virtual.real_servers for check in server.checks):
            match check:
                case MiscCheck() if name == "m":
                    return check
                case FileCheck() if name == "f":
                    return check
                case TcpCheck() if name == (NAMES[check.connect_ip] if check.connect_port == 80 else "x"):
                    return check
        raise KeyError(name)

    def _changes(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            self.said += [change.text] if change.text else []
            server = next(one for one in self.virtual.real_servers if one.address == change.key.address)
            self._tell(notices.of_server(self.virtual, server, change, "lb"))

    def _judge(self) -> None:
        for change in self.quorums.judge([self.virtual], self.health()):
            self.said += sentences(change)
            self._tell(notices.of_quorum(change, "lb"))

    def _tell(self, notice: notices.Notice) -> None:
        if notice.script is not None:
            self.told.append(
                "".join(notice.script.argv[1:]) + ("+" if notice.script.argv[0] == "up" else "-")
            )

    def health(self) -> Health:
        return Health(set(self.servers.down), self.quorums.lost, dict(self.servers.weights))

    def serving(self) -> str:
        return " ".join(f"{NAMES[one.address]}{one.weight}" for one in reals_of(self.virtual, self.health()))

    def play(self, steps: str) -> list[str]:
        """For each step what serves, and who was told since the last."""
        found = [self._look()]
        for word in steps.split():
            self.step(word)
            found.append(self._look())
        return found

    def _look(self) -> str:
        told, self.told = self.told, []
        return f"{self.serving()} | {' '.join(told)}".strip()


A, B = real("a"), real("b")
ALPHA_A, ALPHA_B = (real(name, checks=(tcp(name, alpha=True),)) for name in "ab")
KEEP_A, KEEP_B = real("a", inhibit_on_failure=True), real("b", inhibit_on_failure=True)
TWO = real("a", checks=(tcp("a"), tcp("a", 81)))
SCRIPTED = real("a", 10, checks=(tcp("a"), MiscCheck(script=script("m"), misc_dynamic=True)))
FILED = real("a", 10, checks=(tcp("a"), FileCheck(track_file="f", path="/f", weight=1)))
BOTH = real("a", 10, checks=(*SCRIPTED.checks, FILED.checks[1]))

SCENARIOS: list[tuple[str, VirtualServer, str, list[str]]] = [
    ("plain", service(A, B), "a- b- a+ b+",
     ["a1 b1 | vs+", "b1 | a-", "| b- vs-", "a1 | a+ vs+", "a1 b1 | b+"]),
    ("a first success is no news", service(A), "a+", ["a1 | vs+", "a1 |"]),
    ("alpha", service(ALPHA_A, ALPHA_B), "a+ b- b+",
     ["|", "a1 | a+ vs+", "a1 | b-", "a1 b1 | b+"]),
    ("alpha of the service", service(A, B, alpha=True), "b+ a-", ["|", "b1 | b+ vs+", "b1 | a-"]),
    ("one of two checks is enough to fail", service(TWO), "a- x- a+ x+",
     ["a1 | vs+", "| a- vs-", "|", "|", "a1 | a+ vs+"]),
    ("inhibit", service(KEEP_A, KEEP_B), "a- b- b+",
     ["a1 b1 | vs+", "a0 b1 | a-", "a0 b0 | b- vs-", "a0 b1 | b+ vs+"]),
    ("alpha and inhibit", service(real("a", inhibit_on_failure=True, checks=ALPHA_A.checks)), "a+",
     ["a0 |", "a1 | a+ vs+"]),
    ("sorry", service(A, B, sorry=True), "a- b- a+",
     ["a1 b1 | vs+", "b1 | a-", "s1 | b- vs-", "a1 | a+ vs+"]),
    ("sorry and alpha", service(ALPHA_A, sorry=True), "a- a+", ["s1 | vs-", "s1 | a-", "a1 | a+ vs+"]),
    ("sorry server with inhibit", service(A, sorry=True, sorry_server_inhibit=True), "a- a+",
     ["a1 s0 | vs+", "s1 | a- vs-", "a1 s0 | a+ vs+"]),
    ("sorry and inhibit", service(KEEP_A, KEEP_B, sorry=True), "a- b- a+",
     ["a1 b1 | vs+", "a0 b1 | a-", "a0 b0 s1 | b- vs-", "a1 b0 | a+ vs+"]),
    ("quorum", service(A, B, quorum=2), "a- b- b+ a+",
     ["a1 b1 | vs+", "b1 | a- vs-", "| b-", "b1 | b+", "a1 b1 | a+ vs+"]),
    ("quorum and sorry: who is alive is put away, and comes back", service(A, B, quorum=2, sorry=True), "a- b- b+ a+",
     ["a1 b1 | vs+", "s1 | a- vs-", "s1 | b-", "s1 | b+", "a1 b1 | a+ vs+"]),
    ("quorum is a sum of weights", service(real("a", 5), B, quorum=5), "b- a-",
     ["a5 b1 | vs+", "a5 | b-", "| a- vs-"]),
    ("weight 0 counts for nothing", service(real("a", 0), quorum=0), "a-", ["a0 | vs-", "| a- vs+"]),
    ("hysteresis", service(real("a", 2), real("b", 2), real("c", 2), quorum=4, hysteresis=1), "a- b- b+ a+",
     ["a2 b2 c2 | vs+", "b2 c2 | a-", "c2 | b- vs-", "b2 c2 | b+", "a2 b2 c2 | a+ vs+"]),
    ("hysteresis at the start", service(A, B, quorum=2, hysteresis=1), "a- a+", ["a1 b1 |", "b1 | a-", "a1 b1 | a+"]),
    ("hysteresis as large as the quorum: the last one still counts",
     service(A, B, quorum=1, hysteresis=1), "a- b-", ["a1 b1 | vs+", "b1 | a-", "| b- vs-"]),
    ("a script's weight", service(SCRIPTED, B), "m=3 m=0 m= a- m=7 a+",
     ["a10 b1 | vs+", "a3 b1 |", "a0 b1 |", "a10 b1 |", "b1 | a-", "b1 |", "a7 b1 | a+"]),
    ("a script that fails takes its weight along", service(SCRIPTED, B), "m=3 m- m+ m=4",
     ["a10 b1 | vs+", "a3 b1 |", "b1 | a-", "a10 b1 | a+", "a4 b1 |"]),
    ("a weight of 0 loses the quorum", service(SCRIPTED, sorry=True), "m=0 m=2",
     ["a10 | vs+", "s1 | vs-", "a2 | vs+"]),
    ("a file adds", service(FILED, B), "f=5 f=-3 f=-99 f=0",
     ["a10 b1 | vs+", "a15 b1 |", "a7 b1 |", "a0 b1 |", "a10 b1 |"]),
    ("a file that fails", service(FILED, B), "f- f+ f=2", ["a10 b1 | vs+", "b1 | a-", "a10 b1 | a+", "a12 b1 |"]),
    ("script and file are added up", service(BOTH), "m=4 f=5 m=1 f=-3",
     ["a10 | vs+", "a4 |", "a9 |", "a6 |", "a0 | vs-"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("virtual", "steps", "expected"), [s[1:] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS]
)
def test_scenarios(virtual, steps, expected):
    assert Play(virtual).play(steps) == expected


@pytest.mark.parametrize(
    ("weight", "reverse", "value", "adds"),
    [
        (0, False, 0, 0),
        (0, False, 1, None),
        (0, True, 0, None),
        (0, True, -5, 0),
        (2, False, 3, 6),
        (2, True, 3, -6),
        (-1, False, 3, -3),
        (2, False, -(2**31), None),
        (2, False, 2**31 - 1, 2**31 - 1),
    ],
)
def test_what_a_number_in_a_file_means(weight, reverse, value, adds):
    check = FileCheck(track_file="load", path="/f", weight=weight, reverse=reverse)
    assert file.added(check, value) == adds
    servers = Servers()
    servers.configure([service(real("a", 10, checks=(check,)))])
    file.tell(servers, check, value)
    key = ServerKey("vs", ADDRESS["a"], 80)
    if adds is None:
        assert servers.reason(key) == f"FILE_CHECK load: it holds {value}"
    else:
        assert servers.reason(key) == ""
        assert servers.weights.get(key, 10) == min(max(10 + adds, 0), 2**31 - 1)


def test_what_is_said_of_a_quorum():
    play = Play(service(A, B, quorum=2, sorry=True))
    play.play("a- a+")
    assert play.said == [
        "Gained quorum 2+0=2 <= 2 for VS vs",
        "Removing service [10.0.0.1]:tcp:80 from VS vs",
        "Lost quorum 2-0=2 > 1 for VS vs",
        "Adding sorry server [10.0.0.9]:tcp:80 to VS vs",
        "Removing alive servers from the pool for VS vs",
        "Adding service [10.0.0.1]:tcp:80 to VS vs",
        "Gained quorum 2+0=2 <= 2 for VS vs",
        "Removing sorry server [10.0.0.9]:tcp:80 from VS vs",
        "Adding alive servers to the pool for VS vs",
    ]
    play = Play(service(SCRIPTED, sorry=True, alpha=True))
    assert play.said[0] == "Starting with quorum down 1-0=1 > 0 for VS vs"
    play.play("a+ m+ m=4")
    assert play.said[-1] == "Changing weight from 10 to 4 for active service [10.0.0.1]:tcp:80 of VS vs"


def test_a_reload_keeps_what_is_equal():
    play = Play(service(A, B))
    play.play("a- b+")
    play.configure(service(A, B, real("c", 3), quorum=3))
    assert play.play("") == ["b1 c3 | "[:-1]]
    play.configure(service(real("a", 7), B))  # c is gone, the weight of a is another
    assert play.play("a+") == ["b1 | c-", "a7 b1 | a+"]


def test_a_reload_with_another_check_keeps_a_failed_server_out():
    play = Play(service(A, B))
    play.play("a-")
    play.configure(service(real("a", checks=(tcp("a", connect_timeout=1.0),)), B))
    assert play.play("a+") == ["b1 |", "a1 b1 | a+"]


@pytest.mark.parametrize(
    ("alert", "steps", "subjects"),
    [
        (False, "a- a+", []),
        (True, "a- a+", ["DOWN", "UP"]),
        (True, "a- x- a+ x+", ["DOWN", "DOWN", "DOWN", "UP"]),  # each check of a server tells of itself
    ],
)
def test_mail(alert, steps, subjects):
    play = Play(service(real("a", checks=TWO.checks, smtp_alert=alert)))
    mails: list[notices.Notice] = []
    play._tell = lambda notice: mails.append(notice) if notice.subject else None  # type: ignore[method-assign]
    play.play(steps)
    prefix = "[lb] Realserver [10.0.0.1]:tcp:80 of virtual server vs - "
    assert [mail.subject for mail in mails] == [prefix + state for state in subjects]
    if mails:
        assert mails[0].body == "=> TCP CHECK failed on service <="
        assert mails[-1].body == "=> TCP CHECK succeed on service <="
