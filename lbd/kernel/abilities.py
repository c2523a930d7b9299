# SPDX-License-Identifier: Apache-2.0
"""What this machine can and this process may: facts, gathered without changing anything. No opinions.

Everything here is asked of the kernel at the moment of the call.
"""

from __future__ import annotations

import os
import socket
import subprocess

import msgspec
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from lbd.kernel.holder import complaints
from lbd.kernel.values import Link, addr_of, link_of, neighbour_of

NFT_TIMEOUT = 30.0
LOOPBACK = 1
"""The ifindex of lo, in every network namespace."""


class Memory(msgspec.Struct, frozen=True):
    """In MiB."""

    huge_free: int
    available: int


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """What rtnetlink told."""

    links: tuple[Link, ...] = ()
    on_loopback: frozenset[str] = frozenset()
    """Addresses on lo."""
    neighbours4: int = 0
    neighbours6: int = 0


def nft_refuses(ruleset: str) -> str:
    """Why nft or the kernel would not take this ruleset, in their words; empty if they would. Nothing is changed.

    ``nft --check`` has the kernel judge the whole transaction and then drops it.
    """
    try:
        done = subprocess.run(
            ["nft", "--check", "-f", "-"],
            input=ruleset,
            capture_output=True,
            text=True,
            timeout=NFT_TIMEOUT,
            check=False,
            env={**os.environ, "LANG": "C"},
        )
    except FileNotFoundError:
        return "there is no nft"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"nft cannot be run: {error}"
    if done.returncode == 0:
        return ""
    return complaints(done.stderr) or done.stderr.strip().partition("\n")[0]


def memory() -> Memory:
    """proc(5), /proc/meminfo: HugePages_Free counts pages of Hugepagesize, everything else is kB."""
    with open("/proc/meminfo", encoding="ascii") as file:
        said = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in file)}
    huge = said.get("HugePages_Free", 0) * said.get("Hugepagesize", 0)
    return Memory(huge_free=huge // 1024, available=said["MemAvailable"] // 1024)


def tables() -> Tables:
    """Raises OSError where rtnetlink cannot be asked."""
    try:
        with IPRoute() as kernel:
            links = tuple(link_of(message) for message in kernel.get_links())
            addresses = [addr_of(message) for message in kernel.get_addr()]
            known = [found[0][1] for m in kernel.get_neighbours() if (found := neighbour_of(m)) is not None]
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from None
    six = sum(":" in address for address in known)
    return Tables(
        links=links,
        on_loopback=frozenset(a.address for a in addresses if a.ifindex == LOOPBACK),
        neighbours4=len(known) - six,
        neighbours6=six,
    )


def packet_socket_refused() -> str:
    """Why there can be no packet socket (packet(7)); empty if there can."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return os.strerror(error.errno or 0)
    return ""
