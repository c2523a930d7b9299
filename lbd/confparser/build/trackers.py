# SPDX-License-Identifier: Apache-2.0
"""What can be tracked (vrrp_script, track_file, vrrp_track_process, bfd_instance), and who tracks it.

A definition has to stand before it is tracked. A script that is not there is not tracked, so that a spelling mistake
in its path makes no fault; one that nobody tracks is not run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lbd.confparser.build.checks import TrackedFile
from lbd.confparser.build.commands import Commands
from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.confparser.tracked import Tracked as Line
from lbd.confparser.tracked import Weight
from lbd.model import BfdInstance, Tracked, TrackFile, Tracking, TrackProcess, VrrpScript
from lbd.model.net import is_ipv6

_LISTS = {
    "scripts": ("track_script", "vrrp_script"),
    "files": ("track_file", "track_file", "vrrp_track_file"),
    "processes": ("track_process", "vrrp_track_process"),
    "bfds": ("track_bfd", "bfd_instance"),
}
_KINDS = {kind: name for name, (_, *kinds) in _LISTS.items() for kind in kinds}
_LONGEST_BFD_NAME = 31


@dataclass(frozen=True, slots=True)
class _Defined:
    item: Item
    weight: Weight
    value: Any


class Trackers:
    """All definitions, in the order of the file, and what each instance and group tracks of them."""

    def __init__(self, items: Sequence[Item], commands: Commands, context: Context) -> None:
        self._commands, self._context, self._report = commands, context, context.report
        self._defined: dict[str, dict[str, _Defined]] = {name: {} for name in _LISTS}
        self._used: set[tuple[str, str]] = set()
        self._tracking: dict[int, Tracking] = {}
        self.commands: list[Item] = []
        """The ``script`` lines of scripts that are tracked."""
        for item in items:
            if item.name in ("vrrp_instance", "vrrp_sync_group"):
                self._tracking[id(item)] = Tracking(
                    **{name: self._references(item, name) for name in _LISTS}
                )
            elif item.name in _KINDS and isinstance(item.value, str):
                self._define(item, _KINDS[item.name])

    def of(self, item: Item) -> Tracking:
        return self._tracking[id(item)]

    def scripts(self) -> tuple[VrrpScript, ...]:
        return tuple(found.value for name, found in self._defined["scripts"].items() if ("scripts", name) in self._used)

    def files(self) -> tuple[TrackFile, ...]:
        return tuple(found.value for found in self._defined["files"].values())

    def processes(self) -> tuple[TrackProcess, ...]:
        return tuple(found.value for found in self._defined["processes"].values())

    def bfds(self) -> tuple[BfdInstance, ...]:
        return tuple(found.value for found in self._defined["bfds"].values())

    def checkable_files(self) -> dict[str, TrackedFile]:
        """For FILE_CHECK."""
        return {
            name: TrackedFile(found.value.file, found.weight.weight, found.weight.reverse)
            for name, found in self._defined["files"].items()
        }

    def _define(self, item: Item, name: str) -> None:
        makers: dict[str, Callable[[Item], Any]] = {
            "scripts": self._script, "files": self._file, "processes": self._process, "bfds": self._bfd,
        }  # fmt: skip
        if item.value in self._defined[name]:
            message = f"the {item.name} '{item.value}' is given twice: ignored"
            self._report.add("LB0301", message, item.node.place(1))
            return
        value = makers[name](item)
        if value is not None:
            weight = item.get("weight", Weight(1 if name == "files" else 0))
            self._defined[name][item.value] = _Defined(item, weight, value)

    # references

    def _references(self, block: Item, name: str) -> tuple[Tracked, ...]:
        keyword = _LISTS[name][0]
        found: dict[str, Tracked] = {}
        for line in block.entries(keyword):
            tracked: Line = line.value
            defined = self._defined[name].get(tracked.name)
            if defined is None:
                message = f"{keyword}: '{tracked.name}' is not defined before this: ignored"
                self._report.add("LB0315", message, line.node.place())
            elif tracked.name in found:
                message = f"({block.value}) {keyword} {tracked.name} is given twice: the first counts"
                self._report.add("LB0317", message, line.node.place())
            elif name != "scripts" or self._runnable(defined.item):
                weight = defined.weight if tracked.weight is None else Weight(tracked.weight, tracked.reverse)
                found[tracked.name] = Tracked(name=tracked.name, weight=weight.weight, reverse=weight.reverse)
                self._used.add((name, tracked.name))
        return tuple(found.values())

    def _runnable(self, definition: Item) -> bool:
        script = definition.last("script")
        if script is None:
            return False
        self.commands.append(script)
        if exists(script):
            return True
        message = f"the script '{script.value[0]}' does not exist or cannot be run: not tracked"
        self._report.add("LB0316", message, script.node.place(1))
        return False

    # definitions

    def _script(self, item: Item) -> VrrpScript | None:
        owner = None
        if (user := item.last("user")) is not None:
            owner = self._commands.owner_of(user.value, user.node.place(1))
            if owner is None:
                return None
        script = self._commands.script(item.last("script"), owner)
        if script is None:
            return None
        interval = self._positive(item, "interval", 1.0)
        return VrrpScript(
            name=item.value,
            script=script,
            interval=interval,
            timeout=self._positive(item, "timeout", interval),
            rise=item.get("rise", 1),
            fall=item.get("fall", 1),
            init_fail=item.last("init_fail") is not None,
        )

    def _positive(self, item: Item, name: str, default: float) -> float:
        said = item.last(name)
        if said is None:
            return default
        if said.value == 0:
            self._report.add("LB0202", f"({item.value}) {name} cannot be 0: 1 is used", said.node.place(1))
        return float(said.value or 1)

    @staticmethod
    def _file(item: Item) -> TrackFile | None:
        file = item.get("file")
        if file is None:
            return None
        init = item.last("init_file")
        words: tuple[str, ...] = init.value if init is not None else ()
        numbers = [word for word in words if word != "overwrite"]
        return TrackFile(
            name=item.value,
            file=file,
            init_value=None if init is None else int(numbers[0]) if numbers else 0,
            overwrite="overwrite" in words,
        )

    def _process(self, item: Item) -> TrackProcess | None:
        words: tuple[str, ...] | None = item.get("process")
        if not words:
            return None
        match = item.last("param_match")
        how = None if match is None else match.value or "exact"
        quorum, most = item.get("quorum", 1), item.get("quorum_max", 65535)
        if most < quorum:
            message = f"({item.value}) quorum_max {most} is below quorum {quorum}: it is never up"
            self._report.add("LB0324", message, (item.last("quorum_max") or item).node.place())
        delays = {"fork_delay": 0.0, "terminate_delay": 0.0}
        for inner in item.items or ():
            if inner.name == "delay":
                delays = dict.fromkeys(delays, inner.value)
            elif inner.name in delays:
                delays[inner.name] = inner.value
        return TrackProcess(
            name=item.value,
            process=words[0],
            parameters=words[1:],
            param_match=how or ("exact" if len(words) > 1 else None),
            full_command=item.last("full_command") is not None or len(words) > 1 or how is not None,
            quorum=quorum,
            quorum_max=most,
            **delays,
        )

    def _bfd(self, item: Item) -> BfdInstance | None:
        peer = item.last("neighbor_ip", "neighbour_ip")
        if peer is None:
            return None
        if len(item.value) > _LONGEST_BFD_NAME:
            message = f"bfd_instance '{item.value}': the name has more than {_LONGEST_BFD_NAME} characters: left out"
            self._report.add("LB0201", message, item.node.place(1))
            return None
        source = item.get("source_ip")
        if source is not None and is_ipv6(source) != is_ipv6(peer.value):
            message = f"({item.value}) source_ip {source} is not of the family of {peer.value}: left out"
            self._report.add("LB0306", message, (item.last("source_ip") or item).node.place(1))
            return None
        only = {inner.name for inner in item.all("vrrp", "checker")}
        ttl = item.last("ttl", "hoplimit")
        milliseconds = {name: item.get(name) / 1000 for name in ("min_rx", "min_tx", "idle_tx") if item.last(name)}
        said = {name: item.get(name) for name in ("multiplier", "max_hops", "multihop") if item.last(name)}
        return BfdInstance(
            name=item.value,
            neighbor_ip=peer.value,
            source_ip=source,
            passive=item.last("passive") is not None,
            ttl=ttl.value if ttl is not None else None,
            vrrp=not only or "vrrp" in only,
            checker=not only or "checker" in only,
            **milliseconds,
            **said,
        )


def exists(script: Item) -> bool:
    """The program of a command is there and may be run."""
    return bool(script.value) and bool(script.value[0]) and shutil.which(script.value[0]) is not None
