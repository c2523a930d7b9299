# SPDX-License-Identifier: Apache-2.0
"""Runs the programs ``bench_*.py`` (or, with --soak, those in ``soak/``), gathers their rows, prints a table.

A program is run as itself, one after another, and prints JSON: a list of rows, or a row a line. A row has the fields
of ``Row``; what a program says on stderr is shown as it comes. Soak programs are given ``--scale X``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
WIDTH = 120
"""Of the table; a terminal's own would cut names."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement. The baseline is measured in the same run, in turns; ratio is value / baseline,
    the median of the rounds' where there are several.

    What else a program tells in a row is for its reader on the terminal and is left out here.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    rounds: int = 1
    spread: tuple[float, float] | msgspec.UnsetType = msgspec.UNSET
    """Least and greatest of the rounds."""


class RefusedError(Exception):
    """A program failed, or printed what is no row; the text says which and why."""


def rows(output: str) -> list[Row]:
    """Raises RefusedError with the place of what is no row."""
    try:
        if output.lstrip().startswith("["):
            return msgspec.json.decode(output, type=list[Row])
        return [msgspec.json.decode(line, type=Row) for line in output.splitlines() if line.strip()]
    except msgspec.DecodeError as error:
        raise RefusedError(f"it printed what is no row: {error}") from error


def measure(program: Path, *arguments: str) -> list[Row]:
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=HERE.parent,
    )
    if done.returncode:
        raise RefusedError(f"it ended with {done.returncode}")
    return rows(done.stdout)


def chosen(soak: bool, only: str) -> list[Path]:
    """The programs, all or those whose name contains one of the comma-separated words."""
    words = [word.strip() for word in only.split(",") if word.strip()]
    found = sorted((HERE / "soak").glob("*.py")) if soak else sorted(HERE.glob("bench_*.py"))
    return [path for path in found if not words or any(word in path.stem for word in words)]


def table(measured: list[Row]) -> Table:
    shown = Table(box=None)
    for name in ("name", "value", "unit", "baseline", "ratio", "rounds"):
        shown.add_column(name, justify="left" if name in {"name", "unit"} else "right", no_wrap=True)
    for row in measured:
        numbers = ["" if number is None else f"{number:,.4g}" for number in (row.baseline, row.ratio)]
        shown.add_row(row.name, f"{row.value:,.4g}", row.unit, *numbers, str(row.rounds))
    return shown


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measurements, as JSON and as a table.")
    parser.add_argument(
        "--only", default="", metavar="NAME,…", help="programs whose name contains one of these"
    )
    parser.add_argument("--soak", action="store_true", help="the long runs")
    parser.add_argument("--scale", default="0.01", help="how long a long run is, 0.01 to 1")
    options = parser.parse_args(argv)
    measured, failed = [], []
    for program in chosen(options.soak, options.only):
        print(f"{program.stem} …", file=sys.stderr)
        try:
            measured += measure(program, *(["--scale", options.scale] if options.soak else []))
        except RefusedError as error:
            failed.append(f"{program.stem}: {error}")
    RESULTS.mkdir(exist_ok=True)
    result = RESULTS / ("soak.json" if options.soak else "latest.json")
    result.write_bytes(msgspec.json.format(msgspec.json.encode(measured)) + b"\n")
    if measured:
        Console(width=WIDTH).print(table(measured))
    for line in failed:
        print(line, file=sys.stderr)
    if not measured and not failed:
        print(f"no {'long run' if options.soak else 'benchmark'} has such a name", file=sys.stderr)
    return 1 if failed or not measured else 0


if __name__ == "__main__":
    sys.exit(main())
