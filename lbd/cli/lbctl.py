# SPDX-License-Identifier: Apache-2.0
"""``lbctl``: what a running lbd does. It asks each process on its own socket, so one that hangs hides no other."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from lbd.cli import config, doctor

if TYPE_CHECKING:
    from lbd.cli.status import Overview

EPILOG = """\
examples:
  lbctl status                     role, addresses, services, real servers, counters
  lbctl status --watch             the same, again every second
  lbctl status -o json | jq '.vrrp[].state'
  lbctl stats                      services and real servers alone
  lbctl drops                      packets that were dropped, punted or passed on, by reason
  lbctl -s lb1 status              of the lbd that was started with -s lb1
  lbctl doctor                     what of this machine stands in the way, and what to do
  lbctl reload                     read the configuration again, if it has no new faults
  lbctl config show FILE           a configuration as it counts, each value with its line
  lbctl config docs priority       what a keyword is for
  lbctl explain LB0107             the story of a message
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(1, f"lbctl: {message}; lbctl --help teaches by example\n")


def parser() -> argparse.ArgumentParser:
    result = _Parser(
        prog="lbctl",
        description="Look into a running lbd.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    place = result.add_mutually_exclusive_group()
    place.add_argument("--run-dir", metavar="DIR", help="the run directory of lbd (default /run/lbd)")
    place.add_argument("-s", "--namespace", metavar="NAME", help="the lbd that was started with -s NAME")
    commands = result.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in (
        ("status", "role, addresses, services, real servers, health, counters"),
        ("stats", "counters of services and real servers"),
        ("drops", "packets that were dropped, punted or passed on, by reason"),
    ):
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("-o", "--output", choices=["table", "json"], default="table")
        one.add_argument(
            "-w", "--watch", nargs="?", type=float, const=1.0, metavar="SECONDS", help="again and again"
        )
    text = "read the configuration again (SIGHUP)"
    reload = commands.add_parser("reload", help=text, description=text)
    reload.add_argument(
        "--force", action="store_true", help="even if it has faults that the running one has not"
    )
    reload.add_argument("--pid", metavar="FILE", help="PID file of the parent process")
    reload.set_defaults(run=_reload)
    doctor.add(commands)
    config.add(commands)
    return result


def _reload(chosen: argparse.Namespace) -> int:
    import os
    import signal

    from lbd.daemon import paths

    places = paths.standard(namespace=chosen.namespace, run_dir=chosen.run_dir, main_pid=chosen.pid)
    try:
        with open(places.main_pid, encoding="ascii") as file:
            pid = int(file.read())
        if chosen.force:
            paths.ask_for_force(places.run_dir)
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError) as error:
        print(f"lbctl: no lbd can be told by {places.main_pid}: {error}", file=sys.stderr)
        return 1
    return 0


def main(argv: list[str] | None = None) -> int:
    chosen = parser().parse_args(argv)
    if hasattr(chosen, "run"):
        return int(chosen.run(chosen))
    import asyncio

    from lbd.daemon.paths import default_run_dir

    try:
        return asyncio.run(_show(chosen, chosen.run_dir or default_run_dir(chosen.namespace)))
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # | head
        sys.stderr.close()
        return 0


async def _show(chosen: argparse.Namespace, run_dir: str) -> int:
    import asyncio

    from lbd.cli.status import ask_all

    while True:
        value = await ask_all(run_dir)
        if not value.anything:
            print(f"lbctl: {_nobody(value)}", file=sys.stderr)
            return 1
        if chosen.command == "drops" and value.dataplane is None:
            print(f"lbctl: the dataplane is {value.processes['dp']}", file=sys.stderr)
            return 1
        if chosen.output == "json":
            _print_json(chosen.command, value)
        else:
            _print_table(chosen.command, value, clear=chosen.watch is not None)
        if chosen.watch is None:
            return 0
        await asyncio.sleep(chosen.watch)


def _nobody(value: Overview) -> str:
    reasons = set(value.processes.values())
    if reasons == {"not running"}:
        return f"no lbd runs with the run directory {value.run_dir}: start it, or name another with --run-dir"
    return "; ".join(f"{role}: {state}" for role, state in value.processes.items())


def _print_json(command: str, value: Overview) -> None:
    import msgspec

    shown: object = value
    if command == "stats":
        shown = value.services
    elif command == "drops" and value.dataplane is not None:
        shown = {name: getattr(value.dataplane, name) for name in ("drops", "punts", "passes")}
    print(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode(), flush=True)


def _print_table(command: str, value: Overview, clear: bool) -> None:
    from lbd.cli import tables

    console = tables.console()
    if clear and console.is_terminal:
        console.clear()
    if command == "stats":
        console.print(tables.services(value.services))
    elif command == "drops" and value.dataplane is not None:
        console.print(tables.drops(value.dataplane))
    else:
        console.print(tables.overview(value))


if __name__ == "__main__":
    sys.exit(main())
