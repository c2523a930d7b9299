# SPDX-License-Identifier: Apache-2.0
"""Making lbd0: the TAP by which claimed and unwanted frames go back to the kernel."""

from __future__ import annotations

import fcntl
import os
import struct

TUNSETIFF = 0x400454CA
TUNSETOFFLOAD = 0x400454D0
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
IFF_VNET_HDR = 0x4000


class TapError(Exception):
    """The TAP cannot be made; the text says why."""


def open_tap(name: str) -> int:
    """A TAP with the virtio header, not blocking. It goes with its descriptor. Raises TapError."""
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise TapError(f"/dev/net/tun cannot be opened ({error.strerror}): load the module tun") from None
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    except OSError as error:
        os.close(fd)
        busy = "another lbd in this network namespace has it" if error.errno == 16 else error.strerror
        raise TapError(f"the interface {name} cannot be made: {busy}") from None
    return fd
