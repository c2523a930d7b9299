# SPDX-License-Identifier: Apache-2.0
"""interface_up_down_delays of keepalived.conf(5): a link counts as it was until it has been otherwise for so long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from lbd.model import LinkDelay


class LinkDelays:
    """An interface that is not there at all counts at once, and so does one that is seen for the first time."""

    def __init__(self, on_settled: Callable[[], None]) -> None:
        """on_settled: called when a link counts otherwise than before, by the time that has passed."""
        self._on_settled = on_settled
        self._delays: dict[str, LinkDelay] = {}
        self._counts: dict[str, bool] = {}
        self._changing: dict[str, asyncio.TimerHandle] = {}

    def configure(self, delays: Iterable[LinkDelay]) -> None:
        self._delays = {one.interface: one for one in delays}
        for name in [n for n in self._counts if n not in self._delays]:
            self._settle(name, None)

    def up(self, name: str, now_up: bool) -> bool:
        """What counts, for a link that is up or down now. Asked after every change of it."""
        delay = self._delays.get(name)
        if delay is None:
            return now_up
        counted = self._counts.setdefault(name, now_up)
        if now_up == counted:
            self._settle(name, counted)  # it came back in time
        elif not (seconds := delay.up if now_up else delay.down):
            self._settle(name, now_up)
        elif name not in self._changing:
            loop = asyncio.get_running_loop()
            self._changing[name] = loop.call_later(seconds, self._passed, name, now_up)
        return self._counts[name]

    def forget(self, name: str) -> None:
        """The interface is gone."""
        self._settle(name, None)

    def close(self) -> None:
        for name in list(self._changing):
            self._settle(name, None)

    def _passed(self, name: str, up: bool) -> None:
        self._settle(name, up)
        self._on_settled()

    def _settle(self, name: str, up: bool | None) -> None:
        if name in self._changing:
            self._changing.pop(name).cancel()
        if up is None:
            self._counts.pop(name, None)
        else:
            self._counts[name] = up
