# SPDX-License-Identifier: Apache-2.0
"""``vrrp_track_process``: how many processes of a name there are, and for how long that has been enough.

Processes are told by ``Processes`` (``io/processes.py``): who is there, who came, who went. A count that crosses the
quorum takes effect ``fork_delay`` after one forked, ``terminate_delay`` after one went, if it has not crossed back by
then.
"""

from __future__ import annotations

from collections.abc import Sequence

from lbd.model.track import TrackProcess
from lbd.track.event import Changed, Event, Said

COMM = 15
"""Characters that the kernel keeps of a name (proc(5), /proc/pid/comm)."""


def needs_command_line(conf: TrackProcess) -> bool:
    """A path alone is compared with the kernel's name all the same, and never equal (measured with 2.2.7)."""
    return conf.full_command or conf.param_match is not None or bool(conf.parameters)


def matches(conf: TrackProcess, comm: str, argv: Sequence[str]) -> bool:
    """``argv`` matters only where ``needs_command_line``."""
    if not needs_command_line(conf):
        return comm == conf.process[:COMM]
    if not argv or argv[0] != conf.process:
        return False
    given, wanted = tuple(argv[1:]), conf.parameters
    match conf.param_match:
        case "initial":
            return given[: len(wanted)] == wanted
        case "partial":
            return _begin_alike(given, wanted)
        case None if not wanted:
            return True
        case _:
            return given == wanted


def _begin_alike(given: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """All but the last are equal, and the last of those wanted is how the given one begins."""
    if not wanted:
        return True
    last = len(wanted) - 1
    return len(given) > last and given[:last] == wanted[:last] and given[last].startswith(wanted[last])


class ProcessTracker:
    def __init__(self, conf: TrackProcess) -> None:
        self.conf = conf
        self.pids: set[int] = set()
        self.up = self._enough()
        self._due: float | None = None

    def next_deadline(self) -> float | None:
        return self._due

    def begin(self, pids: set[int]) -> list[Event]:
        """All that there are: at the start, or after something was missed. Delays do not apply."""
        self.pids = set(pids)
        self._due = None
        return self._become(self._enough())

    def came(self, pid: int, now: float, *, forked: bool) -> list[Event]:
        """Another one: a fork of one that is there already, or by taking the name (at once, as in keepalived)."""
        self.pids.add(pid)
        return self._look(now, self.conf.fork_delay if forked else 0.0)

    def went(self, pid: int, now: float) -> list[Event]:
        """It ended, or goes by another name now."""
        if pid not in self.pids:
            return []
        self.pids.discard(pid)
        return self._look(now, self.conf.terminate_delay)

    def tick(self, now: float) -> list[Event]:
        if self._due is None or now < self._due:
            return []
        self._due = None
        return self._become(self._enough())

    def _enough(self) -> bool:
        return self.conf.quorum <= len(self.pids) <= self.conf.quorum_max

    def _look(self, now: float, delay: float) -> list[Event]:
        if self._enough() == self.up:
            self._due = None
        elif not delay:
            self._due = None
            return self._become(not self.up)
        elif self._due is None:
            self._due = now + delay
        return []

    def _become(self, up: bool) -> list[Event]:
        if up == self.up:
            return []
        self.up = up
        said = "Quorum gained" if up else "Quorum lost"
        return [Said(f"{said} for tracked process {self.conf.name}"), Changed(up)]
