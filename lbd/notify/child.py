# SPDX-License-Identifier: Apache-2.0
"""Starting one script: checked by descriptor, with its own user and process group, and no shell.

The program is executed through the descriptor of the directory that was checked, so that ``$0`` still has its name
and ``$(dirname $0)`` its directory. It hears and says nothing: all three streams are /dev/null, as under keepalived,
so that a daemon that a script leaves behind never meets a closed pipe.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Mapping, Sequence

from lbd import safe_path
from lbd.model.script import Script

PR_SET_PDEATHSIG = 1
WARNING, NOT_RUN = b"w", b"n"
SAID = 4096
"""Bytes that a child may say before it becomes the script."""

_libc = ctypes.CDLL(None, use_errno=True)


def start(
    script: Script, arguments: Sequence[str], environment: Mapping[str, str], *, dies_with_us: bool
) -> tuple[int, int]:
    """The number of the process, and the descriptor for ``said`` when it has ended. Raises OSError.

    The path is opened and checked in the child: a file system that hangs holds up nobody else.
    """
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if pid == 0:
        try:
            _become(script, [*script.argv, *arguments], environment, writing, dies_with_us)
        finally:
            os._exit(127)
    os.close(writing)
    os.set_blocking(reading, False)
    return pid, reading


def said(descriptor: int) -> tuple[str, str]:
    """What stood against the script: a warning, and why it was not run; each may be empty. Closes the descriptor."""
    try:
        with contextlib.suppress(BlockingIOError):
            lines = os.read(descriptor, SAID).split(b"\0")
            texts = {line[:1]: line[1:].decode(errors="replace") for line in lines}
            return texts.get(WARNING, ""), texts.get(NOT_RUN, "")
        return "", ""
    finally:
        os.close(descriptor)


def _become(
    script: Script, argv: list[str], environment: Mapping[str, str], say: int, dies_with_us: bool
) -> None:
    """Returns only where it is not run."""
    os.setpgid(0, 0)
    try:
        with safe_path.opened(argv[0]) as program:
            # what does not run as root can do no more than its user can anyway
            unsafe = program.unsafe if script.uid == 0 else None
            if unsafe is not None and script.secure:
                _say(say, NOT_RUN, f"refused by script security: {unsafe}")
                return
            if unsafe is not None:
                _say(say, WARNING, str(unsafe))
            _leave_everything(script, dies_with_us)
            # the interpreter of a script opens it by this name when the execution has happened
            os.set_inheritable(program.directory, program.is_script)
            os.execve(f"/proc/self/fd/{program.directory}/{program.name}", argv, dict(environment))
    except OSError as error:
        _say(say, NOT_RUN, f"{argv[0]}: {error.strerror}")


def _say(descriptor: int, kind: bytes, text: str) -> None:
    os.write(descriptor, kind + text.encode(errors="replace")[: SAID // 3] + b"\0")


def _leave_everything(script: Script, dies_with_us: bool) -> None:
    """Streams, signals and rights of the launcher."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)  # what we ignore would be inherited
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if os.geteuid() == 0:
        os.setgroups(script.groups)
        os.setresgid(script.gid, script.gid, script.gid)
        os.setresuid(script.uid, script.uid, script.uid)
    if dies_with_us:  # after the change of user, which would clear it (prctl(2))
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
