# SPDX-License-Identifier: Apache-2.0
"""How the story is shown: a line for each event, and on a terminal a picture below them that moves."""

from __future__ import annotations

import re
import time
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tests.smoke.director import Director
from tests.smoke.topology import REAL_SERVERS, Topology
from tests.smoke.traffic import Load

RECENT = 100
"""Requests that the bars show the spread of."""


class Told(Protocol):
    """What a view looks at while the story goes on."""

    net: Topology
    lb1: Director
    lb2: Director
    load: Load
    out: set[str]


class View:
    """Plain lines, each with its second."""

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps
        self.began = time.monotonic()
        self.console = Console(highlight=False, soft_wrap=True)

    def watch(self, story: Told) -> None:
        """Called once, before anything happens."""

    def say(self, text: str) -> None:
        self.console.print(Text(f"{time.monotonic() - self.began:6.1f} s  {text}"))

    def fail(self, text: str) -> None:
        self.console.print(Text(f"{time.monotonic() - self.began:6.1f} s  FAILED: {text}", "bold red"))

    def end(self) -> None:
        """Nothing moves any more; lines may follow."""


class LiveView(View):
    _live: Live | None = None

    def watch(self, story: Told) -> None:
        self._live = Live(console=self.console, get_renderable=lambda: picture(story), refresh_per_second=5)
        self._live.start()

    def end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def make_view(keeps: bool) -> View:
    return LiveView(keeps) if Console().is_terminal else View(keeps)


def picture(story: Told) -> Group:
    recent = story.load.done[-RECENT:]
    now = time.monotonic()
    failed = sum(1 for request in recent if request.error)
    rate = sum(1 for request in story.load.done[-1000:] if request.ended > now - 1)
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_row(
        "client",
        f"{rate} requests/s",
        Text(f"{failed} of the last {len(recent)} failed" if failed else "none failed"),
    )
    for director in (story.lb1, story.lb2):
        table.add_row(director.host, _state(director), "")
    for name in REAL_SERVERS:
        share = sum(1 for request in recent if request.server == name)
        state = Text("out", "red") if name in story.out else Text("in", "green")
        table.add_row(name, state, Text("█" * (share // 3), "cyan"))
    return Group(Text(), table, Text())


def _state(director: Director) -> Text:
    program = director.net.programs.get(f"lbd-{director.host}")
    if program is None:
        return Text("-", "dim")
    if program.process.poll() is not None:
        return Text("dead", "bold red")
    states = re.findall(r"Entering (\w+) STATE", program.text())
    return Text(states[-1] if states else "starts", "bold green" if states[-1:] == ["MASTER"] else "yellow")
