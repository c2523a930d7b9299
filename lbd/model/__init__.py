# SPDX-License-Identifier: Apache-2.0
"""Frozen values: what a keepalived.conf means, without a word of how it is written or carried out.

Every other package may import this one; it imports nothing of ours. Values are msgspec Structs, so they compare by
value, can be sent between processes, and print as JSON. Durations are in seconds, as floats.
"""

from lbd.model.bfd import BfdInstance
from lbd.model.check import (
    BfdCheck,
    Check,
    DnsCheck,
    FileCheck,
    HttpGet,
    HttpUrl,
    MiscCheck,
    PingCheck,
    Regex,
    SmtpCheck,
    Ssl,
    SslGet,
    TcpCheck,
    UdpCheck,
)
from lbd.model.config import (
    Config,
    GlobalDefs,
)
from lbd.model.notify import Fifo, Mail, Notify, Telling
from lbd.model.route import Encap, NextHop, Route, Rule
from lbd.model.script import Script
from lbd.model.service import (
    ForwardingMethod,
    LocalAddressGroup,
    LocalAddressRange,
    Protocol,
    RealServer,
    ServiceAddress,
    VirtualServer,
)
from lbd.model.track import Tracked, TrackFile, TrackGroup, Tracking, TrackProcess, VrrpScript
from lbd.model.vrrp import (
    Authentication,
    AuthHmac,
    GarpGroup,
    HmacKey,
    Ipvlan,
    LinkDelay,
    TrackedInterface,
    UnicastPeer,
    VirtualAddress,
    Vmac,
    VrrpInstance,
    VrrpState,
    VrrpSyncGroup,
)

__all__ = [
    "AuthHmac",
    "Authentication",
    "BfdCheck",
    "BfdInstance",
    "Check",
    "Config",
    "DnsCheck",
    "Encap",
    "Fifo",
    "FileCheck",
    "ForwardingMethod",
    "GarpGroup",
    "GlobalDefs",
    "HmacKey",
    "HttpGet",
    "HttpUrl",
    "Ipvlan",
    "LinkDelay",
    "LocalAddressGroup",
    "LocalAddressRange",
    "Mail",
    "MiscCheck",
    "NextHop",
    "Notify",
    "PingCheck",
    "Protocol",
    "RealServer",
    "Regex",
    "Route",
    "Rule",
    "Script",
    "ServiceAddress",
    "SmtpCheck",
    "Ssl",
    "SslGet",
    "TcpCheck",
    "Telling",
    "TrackFile",
    "TrackGroup",
    "TrackProcess",
    "Tracked",
    "TrackedInterface",
    "Tracking",
    "UdpCheck",
    "UnicastPeer",
    "VirtualAddress",
    "VirtualServer",
    "Vmac",
    "VrrpInstance",
    "VrrpScript",
    "VrrpState",
    "VrrpSyncGroup",
]
