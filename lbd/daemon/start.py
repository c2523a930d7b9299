# SPDX-License-Identifier: Apache-2.0
"""From the command's options to a running supervisor: the checks before the start, the locks, the fork."""

from __future__ import annotations

import asyncio
import glob
import logging
import os
import sys
from collections.abc import Callable

from lbd.daemon import codes, logs
from lbd.daemon.background import Background
from lbd.daemon.keep_dp import Holder
from lbd.daemon.options import Options
from lbd.daemon.pidfile import PidFile, lock, refuse_keepalived
from lbd.daemon.supervisor import COMMANDS, Commands, Supervisor
from lbd.kernel import capabilities

log = logging.getLogger("lbd.supervisor")


def spawn_guard() -> Holder:
    """The guard's holder, where there is a dataplane."""
    from lbd.kernel.guard import GuardError, spawn_holder  # VRRP alone needs none of it

    try:
        return spawn_holder()
    except GuardError as error:
        raise codes.StartError(str(error)) from error


def start(
    options: Options,
    *,
    fork: bool,
    title: str,
    commands: Commands = COMMANDS,
    make_guard: Callable[[], Holder] = spawn_guard,
) -> int:
    """Run lbd until it is stopped; the exit code. With fork, the command returns as soon as all runs."""
    try:
        _require_capabilities()
        _require_file(options.file)
        refuse_keepalived(options.paths.pid_files)
        _make_run_dir(options.paths.run_dir)
    except codes.StartError as error:
        return _refuse(error)
    background = Background()
    if fork and (code := background.start()) is not None:
        return code
    code = _run(options, background, title, commands, make_guard)
    background.failed(code)
    return code


def _run(
    options: Options, background: Background, title: str, commands: Commands, make_guard: Callable[[], Holder]
) -> int:
    try:
        directory = _lock_run_dir(options.paths.run_dir)
        pid_file = PidFile(options.paths.main_pid)
    except codes.StartError as error:
        return _refuse(error)
    logs.set_up(options.log, "Keepalived")
    silence = logs.echo_warnings()
    log.info("Starting %s", title)
    log.info("Configuration file %s", options.file)

    def up() -> None:
        silence()
        background.ready(options.log.console)

    async def life() -> int:
        return await Supervisor(options, make_guard=make_guard, commands=commands, on_ready=up).run()

    try:
        code = asyncio.run(life())
    except Exception:
        log.exception("a fault of our own")
        code = codes.SOFTWARE
    log.info("Stopped %s", title)
    pid_file.remove()
    os.close(directory)
    return code


def _refuse(error: codes.StartError) -> int:
    print(f"lbd: {error}", file=sys.stderr)
    return error.code


def _require_capabilities() -> None:
    missing = capabilities.missing()
    if missing:
        who = "as root" if os.geteuid() else "with these capabilities"
        raise codes.StartError(f"lacking {' and '.join(missing)}: start lbd {who}", codes.PERMISSION)


def _require_file(pattern: str) -> None:
    """``-f`` is a glob, as in keepalived; exit code 6 is its "no configuration"."""
    found = glob.glob(pattern)
    if not found:
        raise codes.StartError(f"Config files missing '{pattern}': name one with -f FILE", codes.NO_CONFIG)
    for path in found:
        if not os.access(path, os.R_OK):
            raise codes.StartError(f"the configuration file {path} cannot be read", codes.NO_CONFIG)


def _make_run_dir(path: str) -> None:
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise codes.StartError(f"the run directory {path} cannot be made: {error.strerror}") from error
    stat = os.stat(path)
    if stat.st_uid != os.geteuid() or stat.st_mode & 0o022:
        raise codes.StartError(
            f"the run directory {path} can be written by others: chown it to this user and chmod it to 700"
        )


def _lock_run_dir(path: str) -> int:
    """A lock file in the directory is held while this supervisor lives."""
    fd = os.open(os.path.join(path, "lbd.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        lock(fd)
    except BlockingIOError:
        os.close(fd)
        raise codes.StartError(
            f"the run directory {path} is in use by another lbd: stop it, or give this one a --run-dir of its own"
        ) from None
    return fd
