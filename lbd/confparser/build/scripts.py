# SPDX-License-Identifier: Apache-2.0
"""What keepalived says about commands before it runs one: references and script security.

Nothing is run here, and this version runs none later: the verdict of a configuration test is the same all the same.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Sequence

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item

_DEFINED_BY = {
    "track_script": ("vrrp_script",),
    "track_file": ("track_file", "vrrp_track_file"),
    "track_process": ("vrrp_track_process",),
    "track_bfd": ("bfd_instance",),
}


def check(items: Sequence[Item], commands: Sequence[Item], context: Context) -> None:
    """``commands`` are the directives that name a command themselves."""
    tracked = _references(items, context)
    running = [item for item in (*commands, *tracked) if _exists(_command(item))]
    for item in tracked:
        if not _exists(_command(item)):
            message = f"the script '{_command(item)}' does not exist or cannot be run: not tracked"
            context.report.add("LB0316", message, item.node.place(1))
    secure = any(item.last("enable_script_security") for item in items if item.name == "global_defs")
    if running and not secure:
        message = "commands would be run without enable_script_security in global_defs"
        context.report.add("LB0601", message, running[0].node.place(), expected="enable_script_security")


def _references(items: Sequence[Item], context: Context) -> list[Item]:
    """The ``script`` lines of the scripts that are tracked. What is tracked must stand before it is."""
    defined: dict[str, dict[str, Item]] = {}
    found: list[Item] = []
    for item in items:
        if item.name in ("vrrp_instance", "vrrp_sync_group"):
            for block, kinds in _DEFINED_BY.items():
                known = {name: definition for kind in kinds for name, definition in defined.get(kind, {}).items()}
                found += _tracked(item.entries(block), block, known, context)
        elif isinstance(item.value, str):
            defined.setdefault(item.name, {}).setdefault(item.value, item)
    return found


def _tracked(lines: Iterable[Item], block: str, known: dict[str, Item], context: Context) -> list[Item]:
    found: list[Item] = []
    for line in lines:
        definition = known.get(line.value.name)
        if definition is None:
            message = f"{block}: '{line.value.name}' is not defined before this: ignored"
            context.report.add("LB0315", message, line.node.place())
        elif (script := definition.last("script")) is not None:
            found.append(script)
    return found


def _command(item: Item) -> str:
    """The program: the first word, of the first word where the whole command is in quotes."""
    first: str = item.value[0] if item.value else ""
    try:
        return (shlex.split(first) or [""])[0]
    except ValueError:
        return first


def _exists(program: str) -> bool:
    return bool(program) and shutil.which(program) is not None
