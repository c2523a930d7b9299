# SPDX-License-Identifier: Apache-2.0
"""``bfd_instance``: a session of RFC 5880 in asynchronous mode."""

from __future__ import annotations

import msgspec

from lbd.model.net import Address


class BfdInstance(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    neighbor_ip: Address
    source_ip: Address | None = None
    min_rx: float = 0.01
    """Seconds; in the file they are milliseconds."""
    min_tx: float = 0.01
    idle_tx: float = 1.0
    """The interval while the session is not up, at least a second (RFC 5880 section 6.8.3)."""
    multiplier: int = 5
    passive: bool = False
    """Nothing is sent until the peer was heard."""
    ttl: int | None = None
    """Of what is sent; None: 255, and 64 for IPv6, as in keepalived."""
    max_hops: int = 0
    """How many hops a packet may have taken; -1: any number (RFC 5881 section 5 knows none)."""
    multihop: bool = False
    """RFC 5883: port 4784."""
    vrrp: bool = True
    """The VRRP process is told of it."""
    checker: bool = True
