# SPDX-License-Identifier: Apache-2.0
"""``lbctl doctor``: asks this machine, and an lbd that runs on it, what may be wrong. Changes nothing."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from lbd.daemon.options import DEFAULT_FILE

PROBE = "lbd_doctor"
"""Of a table and a TAP of no consequence."""
STATES = {"fine": "green", "note": "yellow", "fault": "bold red"}


def add(commands: Any) -> None:
    text = "what keeps this machine from balancing, setting by setting, and what to do about it"
    one = commands.add_parser("doctor", help=text, description=f"{text}. Ends with 1 if there is a fault.")
    one.add_argument("-f", "--use-file", default=DEFAULT_FILE, metavar="FILE", help=f"default {DEFAULT_FILE}")
    one.add_argument("-i", "--config-id", metavar="ID", help="lines that begin with @ID are read")
    one.add_argument("-o", "--output", choices=["table", "json"], default="table")
    one.set_defaults(run=doctor)


def doctor(chosen: argparse.Namespace) -> int:
    from lbd.control.doctor import State, examine
    from lbd.daemon.paths import default_run_dir

    if chosen.namespace and not _entered(chosen.namespace):
        return 1
    run_dir = chosen.run_dir or default_run_dir(chosen.namespace)
    findings = examine(_machine(run_dir), _needs(chosen))
    if chosen.output == "json":
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
    else:
        _print(findings)
    return int(any(one.state is State.FAULT for one in findings))


def _entered(namespace: str) -> bool:
    """The machine of ``-s NAME`` is that network namespace: from here on this thread is in it."""
    from pyroute2 import netns

    try:
        netns.setns(namespace, flags=0)
    except OSError as error:
        print(
            f"lbctl: the network namespace {namespace} cannot be entered: {error.strerror}", file=sys.stderr
        )
        return False
    return True


def _needs(chosen: argparse.Namespace) -> Any:
    """Of the configuration; all that lbd can do is asked for where there is none."""
    from lbd.confparser import load
    from lbd.control.doctor import Needs, needs_of

    loaded = load(chosen.use_file, config_id=chosen.config_id)
    if loaded.config is None:
        print(
            f"lbctl: {chosen.use_file} cannot be read: this is what any lbd with virtual servers needs",
            file=sys.stderr,
        )
        return Needs(balances=True)
    return needs_of(loaded.config)


def _machine(run_dir: str) -> Any:
    from lbd.control.doctor import Machine
    from lbd.kernel import abilities, capabilities
    from lbd.kernel.setting_table import TABLE
    from lbd.kernel.settings import changed_by, current

    changed = changed_by(run_dir)
    names = {row.name() for row in TABLE if "*" not in row.pattern} | {one.name for one in changed}
    status = _status(run_dir)
    missing = capabilities.missing()
    guard, owner = ("", "") if missing else _guard()
    return Machine(
        capabilities=missing,
        packets=abilities.packet_socket_refused(),
        guard=guard,
        owner=owner,
        tap="" if missing else _tap(),
        dpdk=_dpdk(),
        memory=abilities.memory(),
        tables=abilities.tables(),
        settings={name: value for name in names if (value := current(name)) is not None},
        changed=changed,
        running=status is not None,
        warnings=()
        if status is None or status.guard in ("standing", "none")
        else (f"guard: {status.guard}",),
    )


def _warnings(status: Any) -> tuple[str, ...]:
    guard = () if status.guard in ("standing", "none") else (f"the guard is {status.guard}",)
    return (*guard, *status.warnings)


def _guard() -> tuple[str, str]:
    """What is said of the guard's table without and with an owner; on lo, with one claim of each kind."""
    from lbd.fastpath.claim import Claims, ruleset
    from lbd.kernel.abilities import nft_refuses
    from lbd.kernel.guard import OWNER

    service = frozenset({("192.0.2.1", 6, 80), ("2001:db8::1", 17, 53)})
    ports = frozenset({("192.0.2.2", 1025, 65535)})
    body = ruleset(
        Claims(services=service, services_here=service, locals=ports, nat=service),
        {"lo": ["00:00:00:00:00:00"]},
    )
    plain = nft_refuses(f"table netdev {PROBE} {{\n{body}\n}}\n")
    return plain, "" if plain else nft_refuses(f"table netdev {PROBE} {{\n{OWNER}\n{body}\n}}\n")


def _tap() -> str:
    from lbd.fastpath.port.tap import TapError, open_tap

    try:
        os.close(open_tap(PROBE))
    except TapError as error:
        return str(error)
    return ""


def _dpdk() -> str:
    try:
        from lbd.fastpath import _dp  # noqa: F401  loads libdpdk
    except ImportError as error:
        return str(error)
    return ""


def _status(run_dir: str) -> Any:
    """Of the dataplane; None where none answers."""
    import asyncio

    from lbd.cli.status import ask_all

    return asyncio.run(ask_all(run_dir)).dataplane


def _print(findings: Any) -> None:
    from rich.text import Text

    from lbd.cli import tables

    shown = tables.console()
    for one in findings:
        line = Text(f"{one.state.value:<6}", STATES[one.state.value])
        line.append(f"{one.subject}: ", "bold")
        line.append(one.text, "")
        shown.print(line, soft_wrap=True)
