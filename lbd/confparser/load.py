# SPDX-License-Identifier: Apache-2.0
"""The way of a configuration: file → lines → tree → items → model, and the verdict."""

from __future__ import annotations

import contextlib
import gc
import glob
import os
import socket
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from lbd.confparser.build import Context, build
from lbd.confparser.check import Checker, Item
from lbd.confparser.codes import CODES
from lbd.confparser.consequences import settle
from lbd.confparser.diagnostics import Diagnostic, Report
from lbd.confparser.lint import remark
from lbd.confparser.lint.scope import Networks
from lbd.confparser.reader import Reader
from lbd.confparser.schema import ROOT
from lbd.confparser.source import LogicalLine, UnreadableError
from lbd.confparser.tree import build as build_tree
from lbd.model import Config

MAX_LINES = 1_000_000
"""Logical lines, each brace being one: 100,000 real servers with a check."""


@dataclass(frozen=True, slots=True)
class Loaded:
    config: Config | None
    """None where a start is refused."""
    diagnostics: tuple[Diagnostic, ...]
    exit_code: int
    """What ``-t`` returns: keepalived 2.2.7's classes."""
    items: tuple[Item, ...] = ()
    """What was understood, line by line."""

    @property
    def faults(self) -> tuple[str, ...]:
        """What keepalived minds, too, one text a fault, wherever in the file it stands."""
        return tuple(
            f"{found.message} [{found.code}]" for found in self.diagnostics if CODES[found.code].exit_code
        )


def default_config_id() -> str:
    """keepalived's ``-i``: the host name up to the first dot."""
    return socket.gethostname().partition(".")[0]


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Lines, nodes and values all live until the end: looking for garbage among them is a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_without_collector()
def load(
    path: str,
    *,
    config_id: str | None = None,
    interfaces: Collection[str] | None = None,
    resolve: Callable[[str], str | None] | None = None,
    strict_includes: bool = False,
    lint: bool = False,
    networks: Networks | None = None,
) -> Loaded:
    """Never raises for what is in the file, or for its absence.

    ``interfaces`` names those that exist; without it, nothing is said about missing ones. ``resolve`` gives the
    address of a host name, or None. ``strict_includes`` is keepalived's ``-e``: every include is an includea. ``lint``
    adds remarks about what is legal and likely wrong, about the subnets of interfaces where ``networks`` names them.
    """
    report = Report(path)
    reader = Reader(report, config_id or default_config_id(), strict=strict_includes)
    lines = _lines(path, reader, report)
    config, items = None, list[Item]()
    if not report.fatal:
        tree = build_tree(lines, report)
        checker = Checker(report)
        items = checker.check(tree, ROOT)
        config = build(items, checker.scripts, Context(report, interfaces, resolve=resolve))
        if lint:
            remark(items, report, networks)
        report.settle(lambda found: settle(found, checker.stand_ins, tree))
    return Loaded(None if report.fatal else config, report.diagnostics, report.exit_code, tuple(items))


def _lines(path: str, reader: Reader, report: Report) -> list[LogicalLine]:
    """All lines of the file, or of the files if the name is a pattern, as in keepalived."""
    paths = [path]
    if not os.path.lexists(path) and glob.has_magic(path):
        paths = sorted(glob.glob(path)) or [path]
    lines: list[LogicalLine] = []
    for name in paths:
        try:
            for line in reader.lines(name):
                lines.append(line)
                if len(lines) > MAX_LINES:
                    report.add("LB0007", f"more than {MAX_LINES} lines: the rest is not read", line.place())
                    return lines
        except UnreadableError as error:
            report.add("LB0001", f"{name}: {error}")
    return lines
