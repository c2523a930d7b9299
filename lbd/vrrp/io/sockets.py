# SPDX-License-Identifier: Apache-2.0
"""Raw sockets for adverts: one an interface and family to receive, one an instance to send."""

from __future__ import annotations

import contextlib
import socket
import struct

from lbd.model.net import Address
from lbd.vrrp.advert import GROUP6, PROTOCOL, TTL, Datagram

SO_RCVBUFFORCE = 33
IP_MULTICAST_ALL = 49
IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 51, 52
TOS_INTERNETWORK_CONTROL = 0xC0
MAX_PDU = 8 + 255 * 16 + 8


class SocketError(Exception):
    """The text says which socket and why not."""


def _raw(family: int, interface: str, protocol: int) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    except PermissionError:
        raise SocketError("VRRP needs root (CAP_NET_RAW)") from None
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    return sock


def receiver(
    family: int, interface: str, ifindex: int, *, protocol: int, group: Address, buffer: int = 0
) -> socket.socket:
    """Hears adverts to the group and to our own addresses on this interface. Raises SocketError, OSError.

    buffer: bytes of the receive buffer; 0 is the kernel's choice.
    """
    sock = _raw(family, interface, protocol)
    try:
        set_buffer(sock, buffer)
        if family == socket.AF_INET:
            member = socket.inet_aton(group) + struct.pack("=Ii", socket.INADDR_ANY, ifindex)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            # else adverts to groups that others on this machine joined came in, too
            sock.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
        else:
            member6 = socket.inet_pton(socket.AF_INET6, group) + struct.pack("=i", ifindex)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member6)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    except OSError:
        sock.close()
        raise
    return sock


def set_buffer(sock: socket.socket, octets: int) -> None:
    """Beyond the kernel's limit it takes CAP_NET_ADMIN; without it the limit has to do. 0: as it is."""
    if octets and octets != sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, octets)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)


def sender(
    family: int, interface: str, ifindex: int, source: Address, *, ttl: int = TTL, whole: bool = False
) -> socket.socket:
    """Sends from this address. whole: what is sent has its IP header already. Raises SocketError, OSError."""
    sock = _raw(family, interface, socket.IPPROTO_RAW if whole else PROTOCOL)
    try:
        # nothing is read here, so nothing need queue
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 6)
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, TOS_INTERNETWORK_CONTROL)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            sock.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", ifindex)
            )
            sock.bind((source, 0))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, TOS_INTERNETWORK_CONTROL)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, ttl)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, ifindex)
            sock.bind((source, 0, 0, ifindex if source.startswith("fe80:") else 0))
    except OSError:
        sock.close()
        raise
    return sock


def receive(sock: socket.socket) -> Datagram | None:
    """One datagram, or None where there is none (any more)."""
    try:
        data, ancillary, _, address = sock.recvmsg(MAX_PDU + 128, 256)
    except (BlockingIOError, InterruptedError):
        return None
    source = address[0].partition("%")[0]
    if sock.family == socket.AF_INET:
        return Datagram(data=data, source=source, destination=socket.inet_ntoa(data[16:20]), ttl=data[8])
    destination, ttl = GROUP6, 0
    for level, kind, value in ancillary:
        if level == socket.IPPROTO_IPV6 and kind == IPV6_HOPLIMIT:
            (ttl,) = struct.unpack_from("=i", value)
        elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            destination = socket.inet_ntop(socket.AF_INET6, value[:16])
    return Datagram(data=data, source=source, destination=destination, ttl=ttl)


def send(sock: socket.socket, pdu: bytes, destination: Address) -> bool:
    """False where it did not leave: the next advert says the same."""
    with contextlib.suppress(OSError):
        sock.sendto(pdu, (destination, 0))
        return True
    return False
