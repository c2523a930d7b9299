# SPDX-License-Identifier: Apache-2.0
"""What each process tells of itself: the answers behind ``lbctl status``."""

from __future__ import annotations

import msgspec

from lbd.model.net import Address


class VrrpStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    interface: str
    virtual_router_id: int
    state: str
    priority: int
    effective_priority: int
    virtual_addresses: tuple[Address, ...]
    since: float
    """Seconds since the last transition."""
    adverts_sent: int = 0
    adverts_received: int = 0
    became_master: int = 0
    released_master: int = 0
    zero_received: int = 0
    """Adverts of priority 0."""
    zero_sent: int = 0
    errors: dict[str, int] = {}
    reason: str = ""
    """Why it is in FAULT, in words; else empty."""
    source: Address = ""
    """Where its adverts come from."""
    group: Address = ""
    """The multicast group that they go to."""
    faults: int = 0
    awaited: int = 0
    """Trackers without a first result."""
    timeout: float | None = None
    """Seconds to its next timer."""
    master_down: float = 0.0
    """Seconds; the master-down interval."""
    master_adver_int: float = 0.0
    lease: float = 0.0
    """Seconds from an advert until the kernel shuts its addresses off, if it leads and has a lease; else 0."""


class ScriptStatus(msgspec.Struct, frozen=True, kw_only=True):
    up: bool | None
    """None: no result yet."""
    result: int = 0
    """keepalived's counter, up from ``rise`` on."""
    running: bool = False


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    up: bool
    count: int


class VrrpRoleStatus(msgspec.Struct, frozen=True, kw_only=True, tag="vrrp"):
    pid: int
    instances: tuple[VrrpStatus, ...]
    groups: dict[str, str] = {}
    """The state of each sync group."""
    scripts: dict[str, ScriptStatus] = {}
    files: dict[str, int] = {}
    processes: dict[str, ProcessStatus] = {}
    bfds: dict[str, bool] = {}


class RealStatus(msgspec.Struct, frozen=True, kw_only=True):
    address: Address
    port: int
    weight: int
    """Configured."""
    effective_weight: int
    """0 while inhibited or failed."""
    healthy: bool
    reason: str = ""
    """The last failure in words: ``TCP_CHECK 10.0.0.2:80: connect timed out after 3.0 s``."""


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    addresses: tuple[str, ...]
    """``TCP 10.0.0.1:80`` each."""
    lb_algo: str
    quorum_up: bool
    real_servers: tuple[RealStatus, ...]
    sorry_server: str = ""
    sorry: bool = False
    """True while the sorry server serves."""


class CheckRoleStatus(msgspec.Struct, frozen=True, kw_only=True, tag="check"):
    pid: int
    dp: str
    """``connected``, or what is wrong with the way to the dp process."""
    services: tuple[ServiceStatus, ...]


RoleStatus = VrrpRoleStatus | CheckRoleStatus
