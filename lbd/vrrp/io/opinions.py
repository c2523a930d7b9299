# SPDX-License-Identifier: Apache-2.0
"""Tells the instances what their trackers say, each thing once: the difference to what was said before."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from lbd.model import Config, VrrpInstance
from lbd.vrrp.io.runner import Runner
from lbd.vrrp.tracking import Opinion, Seen, opinions, tracked_by


class Opinions:
    """``link_up(name)`` says whether an interface is there and up."""

    def __init__(self, runner: Runner, link_up: Callable[[str], bool]) -> None:
        self._runner, self._link_up = runner, link_up
        runner.on_new = self.of_new
        self._tracked: dict[str, VrrpInstance] = {}
        self._said: dict[str, dict[str, Opinion]] = {}
        self._seen = Seen()

    def configure(self, config: Config, seen: Seen) -> None:
        """Before the runner goes over to it; instances that it starts hear all there is to say (``of_new``)."""
        self._tracked = {c.name: tracked_by(c, config) for c in config.vrrp_instances}
        self._said = {name: said for name, said in self._said.items() if name in self._tracked}
        self._seen = seen

    def of_new(self, names: Iterable[str]) -> None:
        for name in names:
            self._said[name] = {}
            self._tell(name)

    def see(self, seen: Seen | None = None) -> None:
        """Something that is tracked has changed; None: an interface."""
        self._seen = seen or self._seen
        for name in self._tracked:
            self._tell(name)

    def _tell(self, name: str) -> None:
        tracked = self._tracked[name]
        interfaces = {one.interface: self._link_up(one.interface) for one in tracked.track_interface}
        said = self._said.setdefault(name, {})
        now = opinions(tracked, msgspec.structs.replace(self._seen, interfaces=interfaces))
        for source in said.keys() - now.keys():
            self._say(name, source, said.pop(source), Opinion())
        # what is waited for first: whoever has heard that all is well begins
        for source, fresh in sorted(now.items(), key=lambda pair: not pair[1].awaited):
            before = said.get(source)
            # in FAULT the priority stays what it was, and is told so (2.2.7)
            weight = before.weight if fresh.fault and before is not None else fresh.weight
            opinion = msgspec.structs.replace(fresh, weight=weight)
            if before != opinion:
                self._say(name, source, before, opinion)
                said[source] = opinion

    def _say(self, name: str, source: str, before: Opinion | None, now: Opinion) -> None:
        if now.awaited:
            self._runner.wait_for([name], source)
            return
        if now.fault:
            self._runner.fault([name], source)
            return
        if now.weight or (before and before.weight):
            self._runner.weigh([name], source, now.weight)
        if before is None or before.fault or before.awaited:
            self._runner.recover([name], source)
