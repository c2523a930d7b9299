# SPDX-License-Identifier: Apache-2.0
"""Weights where none may be: an owner's priority never changes, nor one of a sync group without
sync_group_tracking_weight. A tracker with a weight is let go, an interface or file keeps deciding about faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.model import Tracked, VrrpInstance

_OWNER = 255
_DEFAULT_OF_FILES = 1
_KEYWORDS = {"scripts": "track_script", "files": "track_file", "bfds": "track_bfd"}


def settled(
    instances: Iterable[VrrpInstance], blocks: Sequence[Item], groups: Sequence[Item], context: Context
) -> tuple[VrrpInstance, ...]:
    """``blocks`` of the instances and of the sync groups, for places and members."""
    of = {block.value: block for block in reversed(blocks)}
    return tuple(_Settling(one, of[one.name], _why(one, groups), context).settled() for one in instances)


def _why(instance: VrrpInstance, groups: Sequence[Item]) -> str:
    """Empty where weights are as they should be."""
    for group in groups:
        if any(line.value == instance.name for line in group.entries("group")):
            if group.last("sync_group_tracking_weight", "global_tracking") is None:
                return f"sync group {group.value}"
            break
    return "the owner of the addresses" if instance.priority == _OWNER else ""


class _Settling:
    def __init__(self, instance: VrrpInstance, block: Item, why: str, context: Context) -> None:
        self._instance, self._block, self._why, self._report = instance, block, why, context.report

    def settled(self) -> VrrpInstance:
        if not self._why:
            return self._instance
        tracking = self._instance.tracking
        changes: dict[str, Any] = {name: self._tracked(name, getattr(tracking, name)) for name in _KEYWORDS}
        interfaces = []
        for one in self._instance.track_interface:
            if one.weight:
                self._say("track_interface", one.interface)
                if "sync" not in self._why:
                    continue
            interfaces.append(replace(one, weight=0))
        return replace(
            self._instance, tracking=replace(tracking, **changes), track_interface=tuple(interfaces)
        )

    def _tracked(self, name: str, every: Sequence[Tracked]) -> tuple[Tracked, ...]:
        kept: list[Tracked] = []
        for one in every:
            if not one.weight:
                kept.append(one)
                continue
            self._say(_KEYWORDS[name], one.name)
            if name == "files" and one.weight == _DEFAULT_OF_FILES:
                kept.append(replace(one, weight=0))
        return tuple(kept)

    def _say(self, keyword: str, name: str) -> None:
        lines = [line for line in self._block.entries(keyword) if line.value.name == name]
        place = (lines[0] if lines else self._block).node.place()
        message = f"({self._instance.name}) {keyword} {name}: weights do not go with {self._why}: ignored"
        self._report.add("LB0325", message, place)
