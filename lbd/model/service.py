# SPDX-License-Identifier: Apache-2.0
"""Virtual servers and what stands behind them."""

from __future__ import annotations

import enum

import msgspec

from lbd.model.check import Check
from lbd.model.net import Address, endpoint
from lbd.model.script import Script


class Protocol(enum.Enum):
    TCP = "TCP"
    UDP = "UDP"


class ForwardingMethod(enum.Enum):
    """``lb_kind``."""

    NAT = "NAT"
    DR = "DR"
    FNAT = "FNAT"


class ServiceAddress(msgspec.Struct, frozen=True, order=True):
    """Where clients come to: one address and port of a virtual server (a group has several)."""

    address: Address
    port: int
    protocol: Protocol

    def __str__(self) -> str:
        return f"{self.protocol.value} {endpoint(self.address, self.port)}"


class RealServer(msgspec.Struct, frozen=True, kw_only=True):
    address: Address
    port: int
    weight: int = 1
    method: ForwardingMethod = ForwardingMethod.NAT
    inhibit_on_failure: bool = False
    checks: tuple[Check, ...] = ()
    uthreshold: int = 0
    lthreshold: int = 0
    notify_up: Script | None = None
    notify_down: Script | None = None
    smtp_alert: bool = False
    """Its own word, else smtp_alert_checker, else smtp_alert of global_defs; else on where mail is configured."""

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


class VirtualServer(msgspec.Struct, frozen=True, kw_only=True):
    """``virtual_server``: scheduler and servers shared by one or (``group``) several addresses.

    Key over reloads: ``name``, which is keepalived's own: ``[10.0.0.1]:tcp:80`` or the group's name.
    """

    name: str
    addresses: tuple[ServiceAddress, ...]
    protocol: Protocol = Protocol.TCP
    lb_algo: str = "wlc"
    real_servers: tuple[RealServer, ...] = ()
    laddr_group_name: str | None = None
    sorry_server: RealServer | None = None
    sorry_server_inhibit: bool = False
    quorum: int = 1
    hysteresis: int = 0
    alpha: bool = False
    omega: bool = False
    delay_loop: float = 60.0
    establish_timeout: int = 0
    """Seconds; 0 means the dataplane's own."""
    quorum_up: Script | None = None
    quorum_down: Script | None = None
    smtp_alert: bool = False
    """Its own word, else smtp_alert_checker, else smtp_alert of global_defs; else off."""
    ha_suspend: bool = False
    """Checks run only while the address of the service is one of this machine's; never for a group."""


class LocalAddressRange(msgspec.Struct, frozen=True):
    """``10.0.0.5-9 eth0`` in a local_address_group: first and last address and the interface."""

    first: Address
    last: Address
    interface: str


class LocalAddressGroup(msgspec.Struct, frozen=True):
    name: str
    ranges: tuple[LocalAddressRange, ...]
