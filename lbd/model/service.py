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
    SCTP = "SCTP"
    ICMP = "ICMP"
    ICMPV6 = "ICMPV6"


class ForwardingMethod(enum.Enum):
    """``lb_kind``."""

    NAT = "NAT"
    DR = "DR"
    FNAT = "FNAT"
    TUN = "TUN"
    SNAT = "SNAT"


class ServiceAddress(msgspec.Struct, frozen=True, order=True):
    """Where clients come to: one address and port of a virtual server (a group has several)."""

    address: Address
    port: int
    protocol: Protocol

    def __str__(self) -> str:
        return f"{self.protocol.value} {endpoint(self.address, self.port)}"


class FirewallMark(msgspec.Struct, frozen=True, order=True):
    """``virtual_server fwmark N``, or a line of a group: packets with this mark."""

    mark: int
    family: str
    """``inet`` or ``inet6``."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """``src-range`` and ``dst-range``: ``ADDRESS[-END][:PORT[-END]]``, all inclusive."""

    first: Address | None = None
    last: Address | None = None
    first_port: int = 0
    last_port: int = 65535


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """``virtual_server match NAME``: which packets an SNAT service takes. What is None is not looked at."""

    source: Span | None = None
    destination: Span | None = None
    iif: str | None = None
    oif: str | None = None


class Tunnel(msgspec.Struct, frozen=True, kw_only=True):
    """``TUN [type ipip|gue port PORT|gre] [csum|nocsum|remcsum]``."""

    kind: str = "ipip"
    port: int = 0
    checksum: str = "nocsum"


class RealServer(msgspec.Struct, frozen=True, kw_only=True):
    address: Address
    port: int
    weight: int = 1
    method: ForwardingMethod = ForwardingMethod.NAT
    tunnel: Tunnel | None = None
    """Of TUN."""
    inhibit_on_failure: bool = False
    checks: tuple[Check, ...] = ()
    uthreshold: int = 0
    lthreshold: int = 0
    notify_up: Script | None = None
    notify_down: Script | None = None
    smtp_alert: bool = False
    """Its own word, else smtp_alert_checker, else smtp_alert of global_defs; else on where mail is configured."""
    snmp_name: str | None = None

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


class VirtualServer(msgspec.Struct, frozen=True, kw_only=True):
    """``virtual_server``: scheduler and servers shared by one or (``group``) several addresses.

    Key over reloads: ``name``, which is keepalived's own: ``[10.0.0.1]:tcp:80`` or the group's name.
    """

    name: str
    addresses: tuple[ServiceAddress, ...]
    fwmarks: tuple[FirewallMark, ...] = ()
    match: Match | None = None
    protocol: Protocol = Protocol.TCP
    lb_algo: str = "wlc"
    flags: tuple[str, ...] = ()
    """Of the scheduler, by their names here: ``sh-port``, ``mh-fallback``, ``flag-1``."""
    table_size: int = 0
    """Entries of the table of sh, dh or mh; 0: the dataplane's own."""
    ops: bool = False
    persistence_timeout: int = 0
    """Seconds that a client stays with its server; 0: it does not."""
    persistence_granularity: bytes = b""
    """Mask over the address of a client, 4 or 16 bytes; empty: the whole address."""
    persistence_engine: str | None = None
    """``sip``."""
    snmp_name: str | None = None
    syn_proxy: bool = False
    expire_quiescent_conn: bool = False
    """End connections of servers that left or have weight 0."""
    quic: bool = False
    """Schedule by QUIC's connection ID."""
    vip_bind_dev: str | None = None
    proxy_protocol: str | None = None
    """``v1`` or ``v2``."""
    proxy_protocol_insecure: bool = False
    """A header that the client sends is taken over."""
    bps: int = 0
    """Octets a second; 0: no limit."""
    limit_proportion: int = 100
    """Percent of packets that are let through."""
    hash_target: str = "sip"
    """Of conhash: ``sip`` or ``qid``."""
    daddr_group_name: str | None = None
    """deny_address_group."""
    waddr_group_name: str | None = None
    """allow_address_group."""
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


class AddressRange(msgspec.Struct, frozen=True):
    first: Address
    last: Address


class AddressGroup(msgspec.Struct, frozen=True):
    """``deny_address_group`` or ``allow_address_group``: clients by address or by ipset."""

    name: str
    ranges: tuple[AddressRange, ...] = ()
    ipsets: tuple[str, ...] = ()


class TunnelInterface(msgspec.Struct, frozen=True, kw_only=True):
    """``tunnel_entry`` of a tunnel_group."""

    name: str
    kind: str
    remote: Address | None = None
    local: Address | None = None
    interface: str | None = None


class LocalAddressGroup(msgspec.Struct, frozen=True):
    name: str
    ranges: tuple[LocalAddressRange, ...]
