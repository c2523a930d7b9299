# SPDX-License-Identifier: Apache-2.0
"""Opening a shared port: a packet socket with the virtio header, and a filter that admits only what may be claimed.

The filter is classic BPF and coarse: untagged IPv4 or IPv6 whose source or destination (of the packet, or of the one
that an ICMP error quotes) is an address of the claims. The exact question is asked by the worker; what the filter
keeps away is not even copied.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterable
from ipaddress import ip_address

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
SO_SNDBUFFORCE = 32
RECEIVE_BYTES = 32 * 1024 * 1024
SEND_BYTES = 16 * 1024 * 1024

LONGEST_FILTER = 4096
"""Instructions that the kernel takes (BPF_MAXINSNS); more addresses than fit are all admitted."""

# classic BPF (linux/filter.h)
LD_W, LD_H, LD_B = 0x20, 0x28, 0x30
LDX_IHL = 0xB1
LD_W_X = 0x40
JEQ, JSET, JA, RET = 0x15, 0x45, 0x05, 0x06
SKF_AD_VLAN_TAG_PRESENT = 0xFFFFF000 + 48

Instruction = tuple[int, int, int, int]


class PortError(Exception):
    """The interface cannot be a port; the text says why."""


def _any_of(load: list[Instruction], words: list[tuple[int, ...]]) -> list[Instruction]:
    """Jumps to an immediately following ``return`` of all where the loaded words are those of an address.

    ``load`` has one instruction per 32-bit word; an address is as many words.
    """
    out: list[Instruction] = []
    for address in words:
        n = len(address)
        for i, word in enumerate(address):
            out.append(load[i])
            # past the rest of this address' instructions: two for each word, and the return
            out.append((JEQ, 0, 2 * (n - i - 1) + 1, word))
        out.append((RET, 0, 0, 0x40000))
    return out


def _words(address: str) -> tuple[int, ...]:
    raw = ip_address(address).packed
    return struct.unpack(f"!{len(raw) // 4}I", raw)


def _single(load: list[Instruction], words: list[tuple[int, ...]]) -> list[Instruction]:
    """As _any_of for one-word addresses, loaded once."""
    out = list(load)
    for (word,) in words:
        out += [(JEQ, 0, 1, word), (RET, 0, 0, 0x40000)]
    return out


def _ipv4(addresses: list[str]) -> list[Instruction]:
    words = [_words(a) for a in addresses]
    # source, destination, and destination of what an ICMP error quotes (from the end of the header: 8 + 16)
    quoted: list[Instruction] = [(LDX_IHL, 0, 0, 14), (LD_W_X, 0, 0, 14 + 24)]
    return [
        *_single([(LD_W, 0, 0, 30)], words),
        *_single([(LD_W, 0, 0, 26)], words),
        *_single(quoted, words),
        (RET, 0, 0, 0),
    ]


def _ipv6(addresses: list[str]) -> list[Instruction]:
    words = [_words(a) for a in addresses]
    offsets = (38, 22, 14 + 40 + 8 + 24)  # destination, source, destination quoted
    out: list[Instruction] = []
    for at in offsets:
        out += _any_of([(LD_W, 0, 0, at + 4 * i) for i in range(4)], words)
    return [*out, (RET, 0, 0, 0)]


def packet_filter(addresses: Iterable[str]) -> list[Instruction]:
    """The program for these addresses (of services, local addresses and NAT real servers)."""
    every = sorted(set(addresses))
    v4, v6 = _ipv4([a for a in every if ":" not in a]), _ipv6([a for a in every if ":" in a])
    if len(v4) + len(v6) + 10 > LONGEST_FILTER:
        v4 = v6 = [(RET, 0, 0, 0x40000)]
    return [
        (LD_W, 0, 0, SKF_AD_VLAN_TAG_PRESENT),
        (JEQ, 1, 0, 0),
        (RET, 0, 0, 0),
        (LD_H, 0, 0, 12),
        (JEQ, 3, 0, 0x0800),
        (JEQ, 1, 0, 0x86DD),
        (RET, 0, 0, 0),
        (JA, 0, 0, len(v4)),
        *v4,
        *v6,
    ]


def attach_filter(sock: socket.socket, addresses: Iterable[str]) -> None:
    """Replaces the filter of the socket at once; no frame passes unfiltered in between."""
    code = b"".join(struct.pack("=HBBI", *i) for i in packet_filter(addresses))
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def open_port(interface: str, addresses: Iterable[str]) -> socket.socket:
    """A packet socket beside the interface. Raises PortError."""
    try:
        # protocol 0: nothing is received until it is bound, so nothing passes before the filter stands
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    except PermissionError:
        raise PortError("packet sockets need root (CAP_NET_RAW)") from None
    try:
        sock.setblocking(False)
        sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        for option, size in ((SO_RCVBUFFORCE, RECEIVE_BYTES), (SO_SNDBUFFORCE, SEND_BYTES)):
            try:
                sock.setsockopt(socket.SOL_SOCKET, option, size)
            except PermissionError:
                plain = socket.SO_RCVBUF if option == SO_RCVBUFFORCE else socket.SO_SNDBUF
                sock.setsockopt(socket.SOL_SOCKET, plain, size)
        attach_filter(sock, addresses)
        sock.bind((interface, ETH_P_ALL))
    except OSError as error:
        sock.close()
        raise PortError(f"interface {interface} cannot be a port: {error.strerror}") from None
    return sock
