# SPDX-License-Identifier: Apache-2.0
"""Opening a shared port: packet sockets with the virtio header, and a filter that admits only what may be claimed.

The filter is classic BPF and coarse: untagged IPv4 or IPv6 whose source or destination (of the packet, or of the one
that an ICMP error quotes) is an address of the claims. The exact question is asked by the worker; what the filter
keeps away is not even copied. With several workers each has a socket, and a fanout program deals the frames out.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence

import msgspec

from lbd.fastpath.claim import Claims
from lbd.fastpath.port.bpf import (
    JA,
    JEQ,
    JGE,
    JGT,
    LD_H,
    LD_W,
    LD_W_X,
    LDX_IHL,
    LONGEST,
    RET,
    Instruction,
    attach,
    words,
)
from lbd.fastpath.port.steering import Steering, fanout_program

Span = tuple[str, str]
"""First and last address."""

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
PACKET_FANOUT = 18
PACKET_FANOUT_DATA = 22
PACKET_FANOUT_CBPF = 6
PACKET_FANOUT_FLAG_UNIQUEID = 0x2000
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
SO_SNDBUFFORCE = 32
RECEIVE_BYTES = 32 * 1024 * 1024
SEND_BYTES = 16 * 1024 * 1024

SKF_AD_VLAN_TAG_PRESENT = 0xFFFFF000 + 48
ADMIT, REFUSE = (RET, 0, 0, 0x40000), (RET, 0, 0, 0)


class PortError(Exception):
    """The interface cannot be a port; the text says why."""


def _any_of(load: list[Instruction], addresses: list[tuple[int, ...]]) -> list[Instruction]:
    """Jumps to an immediately following ``return`` of all where the loaded words are those of an address.

    ``load`` has one instruction per 32-bit word; an address is as many words.
    """
    out: list[Instruction] = []
    for address in addresses:
        n = len(address)
        for i, word in enumerate(address):
            out.append(load[i])
            # past the rest of this address' instructions: two for each word, and the return
            out.append((JEQ, 0, 2 * (n - i - 1) + 1, word))
        out.append(ADMIT)
    return out


def _single(load: list[Instruction], addresses: list[tuple[int, ...]]) -> list[Instruction]:
    """As _any_of for one-word addresses, loaded once."""
    out = list(load)
    for (word,) in addresses:
        out += [(JEQ, 0, 1, word), ADMIT]
    return out


def _between(load: list[Instruction], spans: Iterable[Span]) -> list[Instruction]:
    """Of IPv4: the loaded word is within one of the spans."""
    out = list(load) if spans else []
    for first, last in spans:
        out += [(JGE, 0, 2, words(first)[0]), (JGT, 1, 0, words(last)[0]), ADMIT]
    return out


def _ipv4(addresses: list[str], spans: list[Span]) -> list[Instruction]:
    ours = [words(a) for a in addresses]
    # source, destination, and destination of what an ICMP error quotes (from the end of the header: 8 + 16)
    quoted: list[Instruction] = [(LDX_IHL, 0, 0, 14), (LD_W_X, 0, 0, 14 + 24)]
    return [
        *_single([(LD_W, 0, 0, 30)], ours),
        *_single([(LD_W, 0, 0, 26)], ours),
        *_between([(LD_W, 0, 0, 26)], spans),
        *_single(quoted, ours),
        *_between([], spans),
        REFUSE,
    ]


def _ipv6(addresses: list[str]) -> list[Instruction]:
    ours = [words(a) for a in addresses]
    offsets = (38, 22, 14 + 40 + 8 + 24)  # destination, source, destination quoted
    out: list[Instruction] = []
    for at in offsets:
        out += _any_of([(LD_W, 0, 0, at + 4 * i) for i in range(4)], ours)
    return [*out, REFUSE]


def packet_filter(addresses: Iterable[str], spans: Iterable[Span] = ()) -> list[Instruction]:
    """The program for these addresses (of services, local addresses and NAT real servers), and for what comes from
    these spans of addresses (services by match). Where there are some of IPv6, all of IPv6 is let in."""
    every, spans = sorted(set(addresses)), sorted(set(spans))
    v4 = _ipv4([a for a in every if ":" not in a], [s for s in spans if ":" not in s[0]])
    v6 = [ADMIT] if any(":" in first for first, _ in spans) else _ipv6([a for a in every if ":" in a])
    if len(v4) + len(v6) + 10 > LONGEST:
        v4 = v6 = [ADMIT]
    return [
        (LD_W, 0, 0, SKF_AD_VLAN_TAG_PRESENT),
        (JEQ, 1, 0, 0),
        REFUSE,
        (LD_H, 0, 0, 12),
        (JEQ, 3, 0, 0x0800),
        (JEQ, 1, 0, 0x86DD),
        REFUSE,
        (JA, 0, 0, len(v4)),
        *v4,
        *v6,
    ]


def attach_filter(sock: socket.socket, claims: Claims) -> None:
    """Replaces the filter of the socket at once; no frame passes unfiltered in between."""
    program = packet_filter(claims.addresses() | claims.nat_addresses(), claims.sources())
    attach(sock, socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def admit(sockets: Sequence[socket.socket], claims: Claims, steering: Steering) -> None:
    """What the sockets of a port let through, and which of them gets a frame. Each is replaced at once."""
    if len(sockets) > 1:
        own = {a for a, _, _ in claims.locals}
        of_claims = msgspec.structs.replace(
            steering, locals=frozenset(own), services=claims.addresses() - own
        )
        attach(sockets[0], SOL_PACKET, PACKET_FANOUT_DATA, fanout_program(of_claims))
    for sock in sockets:
        attach_filter(sock, claims)


def open_port(interface: str, claims: Claims, steering: Steering) -> list[socket.socket]:
    """Packet sockets beside the interface, one for each worker. Raises PortError."""
    opened: list[socket.socket] = []
    try:
        group = 0
        for _ in range(steering.workers):
            opened.append(sock := _open(interface))
            if steering.workers > 1:
                group = _join(sock, group)
        admit(opened, claims, steering)
    except OSError as error:
        for sock in opened:
            sock.close()
        if isinstance(error, PermissionError):
            raise PortError("packet sockets need root (CAP_NET_RAW)") from None
        raise PortError(f"interface {interface} cannot be a port: {error.strerror}") from None
    return opened


def _open(interface: str) -> socket.socket:
    """Bound, and refusing every frame."""
    # protocol 0: nothing is received until it is bound, so nothing passes before the filter stands
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
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
        attach(sock, socket.SOL_SOCKET, SO_ATTACH_FILTER, [REFUSE])
        sock.bind((interface, ETH_P_ALL))
    except OSError:
        sock.close()
        raise
    return sock


def _join(sock: socket.socket, group: int) -> int:
    """Into the fanout group, or into a new one whose number nobody else has; returns its number."""
    kind = PACKET_FANOUT_CBPF << 16
    if group == 0:
        sock.setsockopt(SOL_PACKET, PACKET_FANOUT, PACKET_FANOUT_FLAG_UNIQUEID << 16 | kind)
        return sock.getsockopt(SOL_PACKET, PACKET_FANOUT) & 0xFFFF
    sock.setsockopt(SOL_PACKET, PACKET_FANOUT, kind | group)
    return group
