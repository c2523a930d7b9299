# SPDX-License-Identifier: Apache-2.0
"""Configurations for tests that need other timers or services than the examples: same addresses, text of their own."""

from __future__ import annotations

from pathlib import Path

from tests.smoke.topology import REAL_SERVERS, TRANSFER, VIP, Topology

LOCAL = {
    ("lb1", 4): "10.73.0.21-24",
    ("lb2", 4): "10.73.0.25-28",
    ("lb1", 6): "fd73::21-24",
    ("lb2", 6): "fd73::25-28",
}
PRIORITY = {"lb1": 150, "lb2": 100}
ADVERT_INT = 0.2


def takeover_limit(host: str) -> float:
    """Three adverts, the skew of a VRRPv3 standby (RFC 5798 section 6.1), and half a second."""
    return 3 * ADVERT_INT + (256 - PRIORITY[host]) / 256 * ADVERT_INT + 0.5


def vrrp(host: str, family: int = 4, priority: int | None = None) -> str:
    """One VRRPv3 instance with the VIP of that family; keepalived reads it, too."""
    addresses = f"{VIP[family]}/{24 if family == 4 else 128}"
    first = "" if family == 4 else "fe80::73:1\n        "
    return f"""
vrrp_instance VI_{family} {{
    state BACKUP
    interface eth0
    version 3
    virtual_router_id {50 + family}
    priority {priority or PRIORITY[host]}
    advert_int {ADVERT_INT}
    virtual_ipaddress {{
        {first}{addresses}
    }}
}}
"""


def service(net: Topology, host: str, family: int = 4, port: int = TRANSFER, algo: str = "rr") -> str:
    """One TCP service of the VIP on all real servers, FullNAT, with a check that notices within two seconds."""
    reals = "\n".join(
        f"""    real_server {net.address(name, family)} {port} {{
        weight 1
        TCP_CHECK {{
            connect_timeout 1
            retry 0
        }}
    }}"""
        for name in REAL_SERVERS
    )
    return f"""
virtual_server {VIP[family]} {port} {{
    delay_loop 1
    lb_algo {algo}
    lb_kind FNAT
    protocol TCP
    laddr_group_name local_{family}
{reals}
}}
"""


def pools(host: str) -> str:
    return "".join(
        f"local_address_group local_{family} {{\n    {LOCAL[host, family]} eth0\n}}\n" for family in (4, 6)
    )


def write(net: Topology, host: str, text: str) -> Path:
    path = net.directory / f"{host}.conf"
    path.write_text(f"global_defs {{\n    router_id {host}\n}}\n{text}")
    return path
