# SPDX-License-Identifier: Apache-2.0
"""Addresses as values: canonical text, compared as text.

An address is the canonical form that ``ipaddress`` prints (RFC 5952 for IPv6). Text is hashable, sendable and
printable as it is; the few places that need the bytes ask ``packed``.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = str


@lru_cache(maxsize=65536)
def packed(address: Address) -> bytes:
    """4 or 16 bytes in network order. Raises ValueError if the text is no address."""
    return ip_address(address).packed


@lru_cache(maxsize=65536)
def parsed(text: str) -> IPv4Address | IPv6Address:
    """As a number with arithmetic. Raises ValueError if the text is no address."""
    return ip_address(text)


def is_ipv6(address: Address) -> bool:
    return ":" in address


def family(address: Address) -> int:
    """socket.AF_INET or socket.AF_INET6."""
    return socket.AF_INET6 if is_ipv6(address) else socket.AF_INET


def endpoint(address: Address, port: int) -> str:
    """``10.0.0.1:80`` or ``[2001:db8::1]:80``."""
    return f"[{address}]:{port}" if is_ipv6(address) else f"{address}:{port}"
