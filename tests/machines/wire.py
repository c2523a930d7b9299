# SPDX-License-Identifier: Apache-2.0
"""Machines on a wire that can be cut, and a clock that is turned by hand. No socket, no time passes."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable

from lbd.model import Authentication, Config, VirtualAddress, VrrpInstance, VrrpState, VrrpSyncGroup
from lbd.model.net import packed
from lbd.vrrp.action import Log, Notify, SendAdvert, SendGarp, Settle
from lbd.vrrp.advert import GROUP4, GROUP6, Datagram, RefusedError
from lbd.vrrp.instance import Instance
from lbd.vrrp.packet import Security, encode, seal
from lbd.vrrp.routers import Actions, Routers

VIP = VirtualAddress(address="10.0.0.100", prefix=24, dev="eth0")
VIP6 = VirtualAddress(address="fe80::100", prefix=64, dev="eth0")


def instance(name: str = "VI_1", **more: object) -> VrrpInstance:
    settings = {"interface": "eth0", "virtual_router_id": 51, "virtual_ipaddress": (VIP,)} | more
    return VrrpInstance(name=name, **settings)


def datagram(
    conf: VrrpInstance,
    priority: int,
    source: str,
    destination: str | None = None,
    *,
    ttl: int = 255,
    security: Security | None = None,
    change: Callable[[bytes], bytes] = bytes,
) -> Datagram:
    """An advert as a socket delivers it. change: what becomes of the PDU on the way."""
    destination = destination or (GROUP6 if ":" in source else GROUP4)
    pdu = encode(conf, priority, source, destination)
    data = change(seal(conf, pdu, source, destination, ttl, security or Security()))
    if ":" not in source and conf.auth_type is not Authentication.AH:
        data = ip_header(len(data), ttl, source, destination) + data
    return Datagram(data=data, source=source, destination=destination, ttl=ttl)


def ip_header(length: int, ttl: int, source: str, destination: str) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + length, 1, 0, ttl, 112, 0)
    return head + packed(source) + packed(destination)


class Node:
    """One machine, its address, and what it has done to its kernel."""

    def __init__(self, wire: Wire, number: int, config: Config) -> None:
        self.wire, self.config = wire, config
        self.v4, self.v6 = f"10.0.0.{number}", f"fe80::{number}"
        self.routers = Routers()
        self.held: set[str] = set()
        """Instances whose addresses the kernel has."""
        self.garps = 0
        self.sent = 0
        self.log: list[str] = []
        self.told: list[Notify] = []
        self.alive = True
        self.deaf = False
        wire.nodes.append(self)
        _, new = self.routers.configure(config, wire.now)
        for name in new:
            member = self.routers.instances[name]
            member.source = self.v6 if member.conf.is_ipv6 else self.v4
            self.apply(self.routers.start(name, wire.now))

    def state(self, name: str = "VI_1") -> VrrpState:
        return self.routers.instances[name].state

    def apply(self, actions: Actions) -> None:
        """All of them, then what they put on the wire: nobody answers in the midst of what one does."""
        self._do(actions)
        self.wire.deliver()

    def _do(self, actions: Actions) -> None:
        for one, action in actions:
            match action:
                case SendAdvert(priority):
                    self.sent += 1
                    self.wire.carry(self, one, priority)
                case Settle(hold):
                    (self.held.add if hold else self.held.discard)(one.conf.name)
                case Notify():
                    self.told.append(action)
                case SendGarp(repeat):
                    self.garps += repeat
                case Log(text):
                    self.log.append(text)

    def hear(self, conf: VrrpInstance, datagram: Datagram) -> None:
        """By all its instances of that VRID and family, as a socket would hand it to them."""
        for name, own in list(self.routers.instances.items()):
            if own.conf.virtual_router_id == conf.virtual_router_id and own.conf.is_ipv6 == conf.is_ipv6:
                try:
                    self.apply(self.routers.receive(name, datagram, self.wire.now))
                except RefusedError as refused:
                    self.log.append(str(refused))

    def crash(self) -> None:
        self.alive = False
        self.held.clear()


class Wire:
    def __init__(self) -> None:
        self.now = 100.0
        self.nodes: list[Node] = []
        self.cut = False
        self.carries: Callable[[Node, Node], bool] = lambda sender, receiver: not self.cut
        """Asked for every copy of a datagram: a wire that loses some of them answers so."""
        self.under_way: deque[tuple[Node, Node, VrrpInstance, Datagram]] = deque()
        self._delivering = False

    def node(self, *instances: VrrpInstance, groups: Iterable[VrrpSyncGroup] = ()) -> Node:
        config = Config(vrrp_instances=instances, vrrp_sync_groups=tuple(groups))
        return Node(self, len(self.nodes) + 1, config)

    def carry(self, sender: Node, instance: Instance, priority: int) -> None:
        """To the group, or a copy to every peer."""
        conf, source = instance.conf, sender.v6 if instance.conf.is_ipv6 else sender.v4
        group = GROUP6 if conf.is_ipv6 else GROUP4
        for destination in [p.address for p in conf.unicast_peer] or [group]:
            made = datagram(conf, priority, source, destination, security=instance.security)
            for node in self.nodes:
                own = node.v6 if conf.is_ipv6 else node.v4
                if node is not sender and destination in (group, own):
                    self.under_way.append((sender, node, conf, made))

    def deliver(self) -> None:
        if self._delivering:
            return
        self._delivering = True
        while self.under_way:
            sender, node, conf, made = self.under_way.popleft()
            if node.alive and not node.deaf and self.carries(sender, node):
                node.hear(conf, made)
        self._delivering = False

    def run(self, seconds: float) -> None:
        """Every timer in its turn, until then."""
        end = self.now + seconds
        while True:
            due = [
                (d, i)
                for i, n in enumerate(self.nodes)
                if n.alive and (d := n.routers.next_deadline()) is not None
            ]
            first = min(due, default=None)
            if first is None or first[0] > end:
                self.now = end
                return
            self.now = max(self.now, first[0])
            node = self.nodes[first[1]]
            node.apply(node.routers.tick(self.now))

    def masters(self, name: str = "VI_1") -> list[Node]:
        return [n for n in self.nodes if n.alive and n.state(name) is VrrpState.MASTER]
