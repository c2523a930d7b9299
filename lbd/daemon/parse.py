# SPDX-License-Identifier: Apache-2.0
"""Reading the configuration in a process of its own, so that 35,000 lines delay nobody's timers.

Run as ``python -m lbd.daemon.parse FILE``, it writes one framed ``Parsed`` to its standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import signal
import socket
import subprocess
import sys
import threading
import traceback

import msgspec

from lbd import wire
from lbd.daemon import codes
from lbd.daemon.process import spawn
from lbd.model import Config

TIMEOUT = 120.0
"""Seconds; 100,000 real servers take about 10."""


RESOLVING = 2.0


class Parsed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    config: Config | None
    """None where the file is refused: keepalived would not start either."""
    exit_code: int
    """What a configuration test ends with."""
    lines: tuple[str, ...] = ()
    """Each message as one line, with its position: for the log."""
    faults: tuple[str, ...] = ()
    """What a configuration test minds, without places: a reload must not bring new ones."""


_decode = wire.decoder(Parsed)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How to read: ``lbd``'s options that matter to a parser."""

    config_id: str | None = None
    strict: bool = False
    """Refuse a file with any fault."""
    strict_includes: bool = False

    def words(self) -> list[str]:
        """As options of this program."""
        chosen = ["--config-id", self.config_id] if self.config_id is not None else []
        chosen += ["--strict"] * self.strict
        return chosen + ["--all-config"] * self.strict_includes


def interfaces() -> set[str]:
    """The names of those that exist."""
    return {name for _, name in socket.if_nameindex()}


def networks() -> dict[str, list[ipaddress.IPv4Network | ipaddress.IPv6Network]]:
    """The subnets of each interface; none where the kernel cannot be asked."""
    from pyroute2 import IPRoute, NetlinkError

    found: dict[str, list[ipaddress.IPv4Network | ipaddress.IPv6Network]] = {}
    names = dict(socket.if_nameindex())
    try:
        with IPRoute() as kernel:
            for one in kernel.get_addr():
                network = ipaddress.ip_network(
                    f"{one.get_attr('IFA_ADDRESS')}/{one['prefixlen']}", strict=False
                )
                found.setdefault(names.get(one["index"], ""), []).append(network)
    except (NetlinkError, OSError):
        return {}
    return found


def read(file: str, asked: Asked) -> Parsed:
    """Parse here and now. Never raises for what stands in the file."""
    from lbd import confparser

    loaded = confparser.load(
        file,
        config_id=asked.config_id,
        interfaces=interfaces(),
        resolve=resolve,
        strict_includes=asked.strict_includes,
    )
    lines = tuple(message.short() for message in loaded.diagnostics)
    config = loaded.config
    if config is not None and asked.strict and loaded.exit_code:
        config = None
        lines = (
            *lines,
            f"{file}: refused because of --strict: a configuration test ends with {loaded.exit_code}",
        )
    return Parsed(
        config=config,
        exit_code=loaded.exit_code,
        lines=lines,
        faults=loaded.faults,
    )


def resolve(name: str) -> str | None:
    """The first address of a host, within RESOLVING seconds: a name server that is silent must not hold up a start."""
    found: list[str] = []

    def ask() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found.extend(str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(RESOLVING)
    return found[0] if found else None


async def in_child(command: list[str], file: str, asked: Asked) -> Parsed:
    """Parse in a child process. A parser that fails is told as a refused file; what runs is not touched."""
    process = spawn([*command, file, *asked.words()], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
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
    return Parsed(config=None, exit_code=codes.SOFTWARE, lines=(what,))


def _message(frame: bytes) -> Parsed | None:
    return _decode(frame[4:]) if len(frame) > 4 else None


def _last_line(errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"no result within {TIMEOUT:.0f} s"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lbd.daemon.parse")
    parser.add_argument("file")
    parser.add_argument("--config-id")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--all-config", action="store_true")
    chosen = parser.parse_args(argv)
    asked = Asked(config_id=chosen.config_id, strict=chosen.strict, strict_includes=chosen.all_config)
    try:
        parsed = read(chosen.file, asked)
    except Exception:
        traceback.print_exc()  # our bug; the supervisor logs the last line and keeps what it has
        return codes.SOFTWARE
    sys.stdout.buffer.write(wire.pack(parsed))
    sys.stdout.buffer.flush()
    return codes.OK


if __name__ == "__main__":
    sys.exit(main())
