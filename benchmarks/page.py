# SPDX-License-Identifier: Apache-2.0
"""docs/performance.md, from a run of ``make bench`` on this machine: ``python -m benchmarks.page``.

The rows stand beside the page in docs/performance.json, and a test holds that the page is what they make.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.run import RESULTS, Row
from lbd.fastpath import _dp

DOCS = Path(__file__).resolve().parents[1] / "docs"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, where and when."""

    date: str
    commit: str
    machine: tuple[str, ...]
    rows: tuple[Row, ...]


Cell = Callable[[Row], str]


def digits(value: float) -> str:
    """Three that count, and thousands set apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def alone(row: Row) -> str:
    return digits(row.value)


def share(row: Row) -> str:
    return f"{digits(row.value)} ({row.ratio or 0:.0%})"


def beside(row: Row) -> str:
    """What the other one has, and how many times that we have."""
    return f"{digits(row.baseline or 0)} ({row.ratio or 0:.2f})"


def ours(row: Row) -> str:
    return f"{digits(row.value)} {row.unit}"


class Table(NamedTuple):
    """Rows whose names match, laid out by the groups ``row`` and ``column``, as one table."""

    pattern: str
    head: str
    cell: Cell
    first: Cell | None = None
    """Makes a first column, under ``lbd``, where all rows of a line have the same to say of it."""

    def drawn(self, rows: tuple[Row, ...]) -> str:
        cells: dict[str, dict[str, str]] = {}
        columns: dict[str, None] = {}
        for row in rows:
            if found := re.fullmatch(self.pattern, row.name):
                if self.first:
                    columns["lbd"] = None
                    cells.setdefault(found["row"], {"lbd": self.first(row)})
                columns[found["column"]] = None
                cells.setdefault(found["row"], {})[found["column"]] = self.cell(row)
        lines = [f"| {self.head} | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
        lines += [
            f"| {name} | {' | '.join(of.get(column, '') for column in columns)} |"
            for name, of in cells.items()
        ]
        return "\n".join(lines) + "\n" if cells else "This run did not measure it.\n"


class Listing(NamedTuple):
    """Rows whose names match, one a line, with baseline and ratio."""

    pattern: str
    baseline: str

    def drawn(self, rows: tuple[Row, ...]) -> str:
        lines = [f"| | | {self.baseline} | ratio | spread |", "|---|---:|---:|---:|---:|"]
        for row in rows:
            if found := re.fullmatch(self.pattern, row.name):
                against = digits(row.baseline) if row.baseline is not None else ""
                ratio = digits(row.ratio) if row.ratio is not None else ""
                spread = (
                    "–".join(map(digits, row.spread))
                    if row.rounds > 1 and isinstance(row.spread, tuple)
                    else ""
                )
                lines.append(
                    f"| {found[1]} | {digits(row.value)} {row.unit} | {against} | {ratio} | {spread} |"
                )
        return "\n".join(lines) + "\n" if len(lines) > 2 else "This run did not measure it.\n"


class Section(NamedTuple):
    title: str
    words: str
    tables: tuple[Table | Listing, ...]


def described() -> tuple[str, ...]:
    """The machine and its programs, in words."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.findall(r"^model name\s*: (.+)$", cpuinfo, re.MULTILINE)
    virtual = ", a virtual machine" if " hypervisor" in cpuinfo else ""
    memory = int(re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[0]) / (1 << 20)
    _, family, number = (re.findall(rf"^{key}\s*: (.+)$", cpuinfo, re.MULTILINE)[0] for key in KEYS)
    return (
        f"{len(model)} × {model[0]} (family {family}, model {number}), {memory:.0f} GiB{virtual}",
        f"cycles are those of the time stamp counter, {_dp.tsc_hertz() / 1e9:.2f} a nanosecond",
        f"Linux {platform.release().split('-')[0]}, {said('sh', '-c', '. /etc/os-release; echo $PRETTY_NAME')}",
        f"DPDK {said('pkg-config', '--modversion', 'libdpdk')}, {said('gcc', '--version')}",
        f"Python {platform.python_version()}",
    )


KEYS = ("vendor_id", "cpu family", "model")


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def page(run: Run) -> str:
    from benchmarks.sections import HEAD, SECTIONS

    machine = "\n".join(f"- {line}" for line in run.machine)
    parts = [HEAD.format(date=run.date, commit=run.commit, machine=machine)]
    for section in SECTIONS:
        tables = "\n".join(table.drawn(run.rows) for table in section.tables)
        words = textwrap.fill(section.words, 120, break_on_hyphens=False)
        parts.append(f"## {section.title}\n\n{words}\n\n{tables}")
    return "\n".join(parts)


def main() -> None:
    latest = RESULTS / "latest.json"
    rows = msgspec.json.decode(latest.read_bytes(), type=tuple[Row, ...])
    date = time.strftime("%Y-%m-%d", time.gmtime(latest.stat().st_mtime))
    _dp.eal_init(["--no-huge", "--no-shconf", "-m", "16", "--no-pci", "--no-telemetry", "--log-level=error"])
    run = Run(date=date, commit=said("git", "rev-parse", "--short", "HEAD"), machine=described(), rows=rows)
    (DOCS / "performance.json").write_bytes(msgspec.json.format(msgspec.json.encode(run)) + b"\n")
    (DOCS / "performance.md").write_text(page(run))
    shutil.copyfile(RESULTS / "worker.svg", DOCS / "performance.svg")


if __name__ == "__main__":
    main()
