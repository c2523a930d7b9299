# SPDX-License-Identifier: Apache-2.0
"""Changing links: the little of it that lbd does, on interfaces of its own making."""

from __future__ import annotations

import os
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

SCOPE_LINK = 253
IN6_ADDR_GEN_MODE_NONE = 1
NO_GENERATED_ADDRESS = {
    "attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", IN6_ADDR_GEN_MODE_NONE)]})]
}


class LinkError(Exception):
    """The kernel refused; the text says what."""


async def bring_up(
    name: str, address: str, prefix: int, *, mac: str | None = None, link_local: bool = True
) -> None:
    """An interface of ours up, with an address: one without any takes part in no IPv4. Raises LinkError.

    mac: to have from now on, as ``02:00:00:00:00:01``. link_local: whether the kernel gives it an address of IPv6
    (addr_gen_mode, ip-link(8)); without one it sends no router solicitations and no multicast reports.
    """
    ask: Any = AsyncIPRoute()
    try:
        await ask.setup_endpoint()
        (index,) = await ask.link_lookup(ifname=name)
        if mac:
            await ask.link("set", index=index, address=mac)
        if not link_local:
            await ask.link("set", index=index, IFLA_AF_SPEC=NO_GENERATED_ADDRESS)
        await ask.addr("replace", index=index, address=address, prefixlen=prefix, scope=SCOPE_LINK)
        await ask.link("set", index=index, state="up")
    except (NetlinkError, ValueError) as error:
        why = os.strerror(error.code) if isinstance(error, NetlinkError) else "it is not there"
        raise LinkError(f"{name} cannot be brought up: {why}") from None
    finally:
        ask.close()
