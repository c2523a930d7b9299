# SPDX-License-Identifier: Apache-2.0
"""Reading the configuration in a process of its own, so that 35,000 lines delay nobody's timers.

Run as ``python -m lbd.daemon.parse FILE``, it writes one framed ``Parsed`` to its standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import subprocess
import sys
import traceback

import msgspec

from lbd import wire
from lbd.daemon import codes
from lbd.daemon.process import spawn
from lbd.model import Config

TIMEOUT = 120.0
"""Seconds; 100,000 real servers take about 10."""


class Parsed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    config: Config | None
    """None where the file is refused: keepalived would not start either."""
    exit_code: int
    """What a configuration test ends with."""
    lines: tuple[str, ...] = ()
    """Each message as one line, with its position: for the log."""
    human: str = ""
    """The messages with source lines and carets: for a terminal."""


_decode = wire.decoder(Parsed)


def read(file: str, config_id: str | None, colour: bool = False) -> Parsed:
    """Parse here and now. Never raises for what stands in the file."""
    from lbd import confparser
    from lbd.confparser.diagnostics import render

    names = {name for _, name in socket.if_nameindex()}
    loaded = confparser.load(file, config_id=config_id, interfaces=names)
    return Parsed(
        config=loaded.config,
        exit_code=loaded.exit_code,
        lines=tuple(message.short() for message in loaded.diagnostics),
        human=render(loaded.diagnostics, colour=colour),
    )


async def in_child(command: list[str], file: str, config_id: str | None) -> Parsed:
    """Parse in a child process. A parser that fails is told as a refused file; what runs is not touched."""
    chosen = ["--config-id", config_id] if config_id is not None else []
    process = spawn([*command, file, *chosen], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, errors = await asyncio.wait_for(process.communicate(), TIMEOUT)
        message = _message(output)
    except (TimeoutError, wire.WireError):
        message, errors = None, b""
    finally:
        process.send(signal.SIGKILL)  # where we do not wait for its end
    if message is not None:
        return message
    what = f"{file}: the parser failed: {_last_line(errors)}"
    return Parsed(config=None, exit_code=codes.SOFTWARE, lines=(what,), human=what)


def _message(frame: bytes) -> Parsed | None:
    return _decode(frame[4:]) if len(frame) > 4 else None


def _last_line(errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"no result within {TIMEOUT:.0f} s"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lbd.daemon.parse")
    parser.add_argument("file")
    parser.add_argument("--config-id")
    chosen = parser.parse_args(argv)
    try:
        parsed = read(chosen.file, chosen.config_id)
    except Exception:
        traceback.print_exc()  # our bug; the supervisor logs the last line and keeps what it has
        return codes.SOFTWARE
    sys.stdout.buffer.write(wire.pack(parsed))
    sys.stdout.buffer.flush()
    return codes.OK


if __name__ == "__main__":
    sys.exit(main())
