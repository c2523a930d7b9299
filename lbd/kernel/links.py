# SPDX-License-Identifier: Apache-2.0
"""Changing links: the little of it that lbd does, on interfaces of its own making."""

from __future__ import annotations

import os
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError


class LinkError(Exception):
    """The kernel refused; the text says what."""


async def bring_up(name: str, address: str, prefix: int) -> None:
    """An interface of ours up, with an address: one without any takes part in no IPv4. Raises LinkError."""
    ask: Any = AsyncIPRoute()
    try:
        await ask.setup_endpoint()
        (index,) = await ask.link_lookup(ifname=name)
        await ask.addr("replace", index=index, address=address, prefixlen=prefix, scope=253)
        await ask.link("set", index=index, state="up")
    except (NetlinkError, ValueError) as error:
        why = os.strerror(error.code) if isinstance(error, NetlinkError) else "it is not there"
        raise LinkError(f"{name} cannot be brought up: {why}") from None
    finally:
        ask.close()
