# SPDX-License-Identifier: Apache-2.0
"""What the command line asks of the supervisor; made by ``lbd.cli.lbd``."""

from __future__ import annotations

import msgspec

from lbd.daemon.logs import LogOptions
from lbd.daemon.paths import Paths

DEFAULT_FILE = "/etc/keepalived/keepalived.conf"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    paths: Paths
    file: str = DEFAULT_FILE
    config_id: str | None = None
    strict: bool = False
    """Refuse a configuration with any fault."""
    strict_includes: bool = False
    """``-e``: every include insists on its files."""
    vrrp: bool = True
    """False with ``-C`` alone: only checkers."""
    check: bool = True
    """False with ``-P`` alone: only VRRP."""
    bfd: bool = True
    """False with ``-B``: no BFD session."""
    all_children: bool = False
    respawn: bool = True
    release_vrrp: bool = True
    """False with ``-V``: addresses stay on stop."""
    release_ipvs: bool = True
    """False with ``-I``: the dataplane, its guard and its connections stay on stop."""
    interfaces: tuple[str, ...] = ()
    exclude_interfaces: tuple[str, ...] = ()
    workers: int = 1
    spin: int = 100
    """Microseconds that a worker spins without a packet before it sleeps."""
    dump: bool = False
    ignore_sigint: bool = False
    log: LogOptions = LogOptions()
