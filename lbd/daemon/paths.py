# SPDX-License-Identifier: Apache-2.0
"""Where a running lbd has its files: keepalived's PID files, and one directory for its sockets."""

from __future__ import annotations

import os

import msgspec

PID_DIR = "/run/keepalived"
"""keepalived's directory for the PID files of a network namespace; see NAMESPACES in keepalived(8)."""


_FORCE = "reload.force"


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    run_dir: str
    main_pid: str
    vrrp_pid: str
    checkers_pid: str
    bfd_pid: str

    def socket(self, role: str) -> str:
        """The Unix socket on which ``vrrp``, ``check`` or ``dp`` answers."""
        return os.path.join(self.run_dir, f"{role}.sock")

    @property
    def pid_files(self) -> tuple[str, ...]:
        return (self.main_pid, self.vrrp_pid, self.checkers_pid, self.bfd_pid)


def default_run_dir(namespace: str | None = None) -> str:
    return f"/run/lbd-{namespace}" if namespace else "/run/lbd"


def ask_for_force(run_dir: str) -> None:
    """The next reload takes a configuration with new faults. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(os.path.join(run_dir, _FORCE), flags, 0o600))


def take_force(run_dir: str) -> bool:
    """Whether somebody asked; who asks is allowed to write into our directory, and asks for one reload."""
    try:
        os.unlink(os.path.join(run_dir, _FORCE))
    except OSError:
        return False
    return True


def standard(
    *,
    namespace: str | None = None,
    run_dir: str | None = None,
    main_pid: str | None = None,
    vrrp_pid: str | None = None,
    checkers_pid: str | None = None,
    bfd_pid: str | None = None,
) -> Paths:
    """keepalived 2.2.7's places, each replaceable by an option (the files' names in keepalived(8) are out of date)."""
    pids = os.path.join(PID_DIR, f"keepalived_{namespace}") if namespace else "/run"
    return Paths(
        run_dir=run_dir or default_run_dir(namespace),
        main_pid=main_pid or os.path.join(pids, "keepalived.pid"),
        vrrp_pid=vrrp_pid or os.path.join(pids, "vrrp.pid"),
        checkers_pid=checkers_pid or os.path.join(pids, "checkers.pid"),
        bfd_pid=bfd_pid or os.path.join(pids, "bfd.pid"),
    )
