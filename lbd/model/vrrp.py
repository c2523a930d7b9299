# SPDX-License-Identifier: Apache-2.0
"""VRRP instances, as keepalived.conf(5) describes them (RFC 3768 v2, RFC 5798 and 9568 v3)."""

from __future__ import annotations

import enum

import msgspec

from lbd.model.net import Address


class VrrpState(enum.Enum):
    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"
    STOP = "STOP"


class Authentication(enum.Enum):
    NONE = "NONE"
    PASS = "PASS"


class VirtualAddress(msgspec.Struct, frozen=True, kw_only=True):
    """One line of virtual_ipaddress: ``10.0.0.1/24 dev eth0 label eth0:1 scope global``."""

    address: Address
    prefix: int
    dev: str
    label: str | None = None
    scope: str | None = None
    brd: str | None = None


class TrackedInterface(msgspec.Struct, frozen=True, kw_only=True):
    """A line of track_interface. Weight 0: FAULT while the interface is down."""

    interface: str
    weight: int = 0
    reverse: bool = False


class VrrpInstance(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    interface: str
    virtual_router_id: int
    priority: int = 100
    state: VrrpState = VrrpState.BACKUP
    version: int = 2
    advert_int: float = 1.0
    """Seconds; v2 whole seconds, v3 in steps of 0.01."""
    auth_type: Authentication = Authentication.NONE
    auth_pass: bytes = b""
    """At most 8 bytes; never logged or shown."""
    virtual_ipaddress: tuple[VirtualAddress, ...] = ()
    virtual_ipaddress_excluded: tuple[VirtualAddress, ...] = ()
    mcast_src_ip: Address | None = None
    unicast_src_ip: Address | None = None
    unicast_peer: tuple[Address, ...] = ()
    nopreempt: bool = False
    preempt_delay: float = 0.0
    down_timer_adverts: int = 3
    garp_master_delay: float = 5.0
    garp_master_repeat: int = 5
    garp_master_refresh: float = 0.0
    garp_master_refresh_repeat: int = 1
    garp_lower_prio_delay: float = 5.0
    garp_lower_prio_repeat: int = 5
    lower_prio_no_advert: bool = False
    higher_prio_send_advert: bool = False
    v3_checksum_as_v2: bool = False
    dont_track_primary: bool = False
    track_interface: tuple[TrackedInterface, ...] = ()

    @property
    def is_ipv6(self) -> bool:
        first = next(iter(self.virtual_ipaddress), None)
        return first is not None and ":" in first.address


class VrrpSyncGroup(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    members: tuple[str, ...]
    track_interface: tuple[TrackedInterface, ...] = ()
