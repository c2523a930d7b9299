# SPDX-License-Identifier: Apache-2.0
"""The sockets of all instances: to send, one an instance; to receive, one an interface, family and protocol."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Container, Iterable

from lbd.model import Authentication, VrrpInstance
from lbd.model.net import Address
from lbd.vrrp.advert import GROUP4, GROUP6, PROTOCOL, PROTOCOL_AH, TTL, Datagram
from lbd.vrrp.io import sockets
from lbd.vrrp.packet import Security, encode, seal

BURST = 64
"""Datagrams that are read in one go: a flood of them must not starve the timers, nor they it."""

HEADERS = 60
"""Of IP and of authentication, at most."""

Receiver = tuple[int, str, int]
"""Family, interface, protocol."""


def family(conf: VrrpInstance) -> int:
    return socket.AF_INET6 if conf.is_ipv6 else socket.AF_INET


def protocol(conf: VrrpInstance) -> int:
    return PROTOCOL_AH if conf.auth_type is Authentication.AH else PROTOCOL


def group(conf: VrrpInstance) -> Address:
    return conf.mcast_dst_ip or (GROUP6 if conf.is_ipv6 else GROUP4)


def _ttl(conf: VrrpInstance) -> int:
    return conf.unicast_ttl if conf.is_unicast else TTL


def buffer_size(conf: VrrpInstance, policy: str, multiplier: int, mtu: int) -> int:
    """What an instance adds to the receive buffer of its socket; 0: it says nothing (vrrp_rx_bufs_policy)."""
    if conf.kernel_rx_buf_size:
        return conf.kernel_rx_buf_size
    if policy == "MTU":
        return mtu * multiplier
    if policy == "ADVERT":
        address = "::1" if conf.is_ipv6 else "127.0.0.1"
        return (len(encode(conf, 0, address, address)) + HEADERS) * multiplier
    return int(policy or 0)


class Wires:
    def __init__(
        self, heard: Callable[[str, Datagram], None], unknown: Callable[[str, Datagram], None]
    ) -> None:
        """heard: called with the name of the instance whose advert it seems to be; unknown: with the interface."""
        self._heard, self._unknown = heard, unknown
        self._receivers: dict[Receiver, tuple[int, Address, socket.socket]] = {}
        self._senders: dict[str, tuple[int, Address, int, socket.socket]] = {}
        self._routers: dict[tuple[int, str, int, int], tuple[str, Address]] = {}
        """(family, interface, protocol, VRID) → the instance, and its own address, which is not listened to."""
        self._made: dict[str, tuple[VrrpInstance, dict[tuple[int, Address], bytes]]] = {}
        """Adverts of an instance, by priority and destination: they are the same again and again."""

    # --- sending

    def open(self, conf: VrrpInstance, interface: str, ifindex: int, source: Address) -> bool:
        """True if there is another socket than before."""
        known = self._senders.get(conf.name)
        if known is not None and known[:3] == (ifindex, source, _ttl(conf)):
            return False
        self.close(conf.name)
        with contextlib.suppress(OSError):  # down or gone again: the next change of the network tries anew
            made = sockets.sender(
                family(conf), interface, ifindex, source, ttl=_ttl(conf), whole=protocol(conf) == PROTOCOL_AH
            )
            self._senders[conf.name] = (ifindex, source, _ttl(conf), made)
        return True

    def close(self, name: str) -> None:
        self._made.pop(name, None)
        if name in self._senders:
            self._senders.pop(name)[-1].close()

    def keep(self, names: Container[str]) -> None:
        """Of these instances only."""
        for name in [n for n in self._senders if n not in names]:
            self.close(name)

    def send(self, conf: VrrpInstance, priority: int, security: Security) -> int:
        """To the group or to every peer; how many left. What does not leave now is said again in an interval."""
        if conf.name not in self._senders:
            return 0
        _, source, _, sock = self._senders[conf.name]
        sent = 0
        for destination in [p.address for p in conf.unicast_peer] if conf.is_unicast else [group(conf)]:
            pdu = self._pdu(conf, priority, source, destination)
            sent += sockets.send(
                sock, seal(conf, pdu, source, destination, _ttl(conf), security), destination
            )
        return sent

    def _pdu(self, conf: VrrpInstance, priority: int, source: Address, destination: Address) -> bytes:
        of, made = self._made.get(conf.name, (None, {}))
        if of is not conf:
            made = {}
            self._made[conf.name] = (conf, made)
        if (priority, destination) not in made:
            made[priority, destination] = encode(conf, priority, source, destination)
        return made[priority, destination]

    # --- receiving

    def listen(self, wanted: Iterable[tuple[VrrpInstance, str, int, Address, int]]) -> None:
        """For these instances, each with interface, ifindex, own address and octets of buffer; others are closed."""
        loop = asyncio.get_running_loop()
        needed: dict[Receiver, tuple[int, Address, int]] = {}
        self._routers = {}
        for conf, interface, ifindex, source, buffer in wanted:
            key = (family(conf), interface, protocol(conf))
            before = needed[key][2] if key in needed else 0
            needed[key] = (ifindex, group(conf), before + buffer)
            self._routers[*key, conf.virtual_router_id] = (conf.name, source)
        for key, (ifindex, address, sock) in list(self._receivers.items()):
            if needed.get(key, ())[:2] != (ifindex, address):
                loop.remove_reader(sock)
                sock.close()
                del self._receivers[key]
        for key, (ifindex, address, size) in needed.items():
            if key in self._receivers:
                sockets.set_buffer(self._receivers[key][2], size)
                continue
            with contextlib.suppress(OSError):
                sock = sockets.receiver(*key[:2], ifindex, protocol=key[2], group=address, buffer=size)
                self._receivers[key] = (ifindex, address, sock)
                loop.add_reader(sock, self._readable, sock, key)

    def _readable(self, sock: socket.socket, key: Receiver) -> None:
        for _ in range(BURST):
            try:
                got = sockets.receive(sock)
            except OSError:
                return
            if got is None:
                return
            name, own = self._routers.get((*key, got.virtual_router_id or 0), ("", ""))
            if not name:
                self._unknown(key[1], got)
            elif got.source != own:
                self._heard(name, got)

    def close_all(self) -> None:
        self.listen(())
        self.keep(())
