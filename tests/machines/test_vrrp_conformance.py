# SPDX-License-Identifier: Apache-2.0
"""The conformance table against the machine, on a clock that is turned by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbd.confparser import load
from lbd.model import VrrpInstance
from tests.machines import conformance_cases, conformance_refusals
from tests.machines.conformance import (
    ROUTER,
    Beat,
    Case,
    Hear,
    Is,
    Mark,
    Refused,
    Say,
    Sent,
    Silence,
    Speaker,
    Step,
    Told,
    Wait,
    configuration,
)
from tests.machines.wire import Node, Wire

CASES = [*conformance_cases.CASES, *conformance_refusals.CASES]


class Trial:
    """One case under way."""

    def __init__(self, case: Case, conf: VrrpInstance) -> None:
        self.case = case
        self.wire = Wire()
        self.node = Node(self.wire, 1, None)
        self.node.v4, self.node.v6 = ROUTER[4], ROUTER[6]
        self.speaker = Speaker(conf, case.family, lambda: self.wire.now)
        self.beat: Beat | None = None
        self.next_beat = 0.0
        self.mark = (0, 0)
        self.node.configure(conf)

    def run(self) -> None:
        for step in self.case.steps:
            self._do(step)

    def _do(self, step: Step) -> None:
        match step:
            case Hear(what):
                self._hear(what)
            case Beat():
                self.beat, self.next_beat = step, self.wire.now
                self._pass(0)
            case Silence():
                self.beat = None
            case Wait(intervals):
                self._pass(intervals * self.case.interval)
            case Mark():
                self.mark = (len(self.node.adverts), self.node.garps)
            case _:
                self._look(step)

    def _look(self, step: Step) -> None:
        adverts = self.node.adverts[self.mark[0] :]
        match step:
            case Is(state):
                assert self.node.state(self.node.conf().name).value == state, self.node.log
                assert bool(self.node.held) == (state == "MASTER")
            case Sent(least, most, priority):
                assert least <= len(adverts) <= most, adverts
                assert priority is None or set(adverts) == {priority}
            case Told(least, most):
                told = self.node.garps - self.mark[1]
                assert least <= told <= most
            case Refused(reason):
                assert self.node.routers.refusals[self.node.conf().name][reason] > 0, self.node.log

    def _hear(self, what: Say) -> None:
        """As the socket of the interface hands it on: by VRID."""
        made, conf = self.speaker.says(what), self.node.conf()
        if made.virtual_router_id == conf.virtual_router_id:
            self.node.hear(conf, made)

    def _pass(self, seconds: float) -> None:
        end = self.wire.now + seconds
        while self.beat is not None and self.next_beat <= end:
            self.wire.run(self.next_beat - self.wire.now)
            self._hear(self.beat.what)
            self.next_beat += self.beat.every * self.case.interval
        self.wire.run(max(0.0, end - self.wire.now))


@pytest.fixture(scope="module")
def instances(tmp_path_factory) -> dict[str, VrrpInstance]:
    """All cases of the table, read as the one keepalived.conf that the running routers are given."""
    path: Path = tmp_path_factory.mktemp("conformance") / "keepalived.conf"
    path.write_text(configuration(CASES))
    loaded = load(str(path), config_id="host")
    assert loaded.config is not None, loaded
    return {i.name: i for i in loaded.config.vrrp_instances}


@pytest.mark.parametrize(("number", "case"), [*enumerate(CASES, 1)], ids=[c.name for c in CASES])
def test_case(instances, number, case):
    Trial(case, instances[f"C{number}"]).run()


def test_the_table_is_large_enough():
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)
    assert len(CASES) < 250, "more VRIDs than one link has"


def test_every_difference_from_keepalived_is_in_the_documentation():
    text = (Path(__file__).resolve().parents[2] / "docs/vrrp.md").read_text()
    table = text[text.index("\n| case |") :].split("\n\n", 1)[0]
    rows = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")}
    assert rows - {"case"} == {case.name for case in CASES if case.differs}
