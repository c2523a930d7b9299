# SPDX-License-Identifier: Apache-2.0
"""Frozen values: what a keepalived.conf means, without a word of how it is written or carried out.

Every other package may import this one; it imports nothing of ours. Values are msgspec Structs, so they compare by
value, can be sent between processes, and print as JSON. Durations are in seconds, as floats.
"""

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
from lbd.model.service import (
    ForwardingMethod,
    LocalAddressGroup,
    LocalAddressRange,
    Protocol,
    RealServer,
    ServiceAddress,
    VirtualServer,
)
from lbd.model.vrrp import (
    Authentication,
    AuthHmac,
    HmacKey,
    Ipvlan,
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
    "Check",
    "Config",
    "DnsCheck",
    "FileCheck",
    "ForwardingMethod",
    "GlobalDefs",
    "HmacKey",
    "HttpGet",
    "HttpUrl",
    "Ipvlan",
    "LocalAddressGroup",
    "LocalAddressRange",
    "MiscCheck",
    "PingCheck",
    "Protocol",
    "RealServer",
    "Regex",
    "ServiceAddress",
    "SmtpCheck",
    "Ssl",
    "SslGet",
    "TcpCheck",
    "TrackedInterface",
    "UdpCheck",
    "UnicastPeer",
    "VirtualAddress",
    "VirtualServer",
    "Vmac",
    "VrrpInstance",
    "VrrpState",
    "VrrpSyncGroup",
]
