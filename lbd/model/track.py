# SPDX-License-Identifier: Apache-2.0
"""What instances can track: scripts, files and processes, by the names under which instances refer to them."""

from __future__ import annotations

import msgspec

from lbd.model.script import Script


class Tracked(msgspec.Struct, frozen=True, kw_only=True):
    """A line of track_script, track_file, track_process or track_bfd; without a weight it has the definition's.

    Weight 0 is FAULT while it is down. A positive weight is added while it is up, a negative one while it is down;
    ``reverse`` takes up for down. (A file: its value times weight is added, and -254 or less is FAULT.)
    """

    name: str
    weight: int = 0
    reverse: bool = False


class Tracking(msgspec.Struct, frozen=True, kw_only=True):
    """All that an instance or sync group tracks, save interfaces."""

    scripts: tuple[Tracked, ...] = ()
    files: tuple[Tracked, ...] = ()
    processes: tuple[Tracked, ...] = ()
    bfds: tuple[Tracked, ...] = ()


class VrrpScript(msgspec.Struct, frozen=True, kw_only=True):
    """``vrrp_script``, if it is tracked and can be run."""

    name: str
    script: Script
    interval: float = 1.0
    """Seconds from one start to the next."""
    timeout: float = 1.0
    """Seconds; keepalived's default is the interval."""
    rise: int = 1
    fall: int = 1
    init_fail: bool = False


class TrackFile(msgspec.Struct, frozen=True, kw_only=True):
    """``track_file``: the first number in it counts; a missing file is 0."""

    name: str
    file: str
    init_value: int | None = None
    """``init_file``: the file is made with this in it, if there is none."""
    overwrite: bool = False
    """Also if there is one."""


class TrackProcess(msgspec.Struct, frozen=True, kw_only=True):
    """``vrrp_track_process``: up while quorum to quorum_max processes of that name run."""

    name: str
    process: str
    """A name is compared with the kernel's (15 characters), a path or ``full_command`` with the command line."""
    parameters: tuple[str, ...] = ()
    param_match: str | None = None
    """``exact``, ``initial``, ``partial``; None: parameters do not matter."""
    full_command: bool = False
    quorum: int = 1
    quorum_max: int = 65535
    fork_delay: float = 0.0
    """Seconds until a process that came counts."""
    terminate_delay: float = 0.0


class TrackGroup(msgspec.Struct, frozen=True, kw_only=True):
    """``track_group``: instances that are in FAULT while the interface of a static item of the group is down."""

    name: str
    members: tuple[str, ...]
