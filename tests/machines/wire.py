# SPDX-License-Identifier: Apache-2.0
"""Machines on a wire that can be cut, and a clock that is turned by hand. No socket, no time passes."""

from __future__ import annotations

import heapq
import itertools
import math
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

    def __init__(self, wire: Wire, number: int, config: Config | None) -> None:
        """config: None for one that is given its instance later, by ``configure``."""
        self.wire, self.config = wire, Config()
        self.v4, self.v6 = f"10.0.0.{number}", f"fe80::{number}"
        self.routers = Routers()
        self.held: set[str] = set()
        """Instances whose addresses the kernel has."""
        self.garps = 0
        self.adverts: list[int] = []
        """Priorities of the adverts that it sent."""
        self.log: list[str] = []
        self.told: list[Notify] = []
        self.alive = True
        self.deaf = False
        wire.nodes.append(self)
        if config is not None:
            self.configure(*config.vrrp_instances, groups=config.vrrp_sync_groups)

    def configure(self, *instances: VrrpInstance, groups: Iterable[VrrpSyncGroup] = ()) -> None:
        """As the start and every reload does."""
        self.config = Config(vrrp_instances=instances, vrrp_sync_groups=tuple(groups))
        actions, new = self.routers.configure(self.config, self.wire.now)
        self.apply(actions)
        for name in new:
            member = self.routers.instances[name]
            member.source = self.v6 if member.conf.is_ipv6 else self.v4
            member.security.wall = lambda: self.wire.now
        for name in new:
            self.apply(self.routers.start(name, self.wire.now))

    @property
    def sent(self) -> int:
        return len(self.adverts)

    def conf(self, name: str | None = None) -> VrrpInstance:
        """Of that instance, or of the only one."""
        return self.routers.instances[name or next(iter(self.routers.instances))].conf

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
                    self.adverts.append(priority)
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

    def boot(self) -> None:
        """The machine is on again, with the same configuration."""
        self.alive, self.routers = True, Routers()
        self.configure(*self.config.vrrp_instances, groups=self.config.vrrp_sync_groups)


Copy = tuple[Node, VrrpInstance, Datagram]
"""Whom it goes to, on behalf of which virtual router, and what it is."""


class Wire:
    def __init__(self) -> None:
        self.now = 100.0
        self.nodes: list[Node] = []
        self.cut = False
        self.cut_links: set[str] = set()
        """Names of interfaces: what is sent on these does not arrive."""
        self.carries: Callable[[], int] = lambda: 1
        """How many times the next copy arrives: 0 loses it, 2 doubles it."""
        self.takes: Callable[[], float] = lambda: 0.0
        """Seconds that the next copy is under way: unequal ones overtake each other."""
        self.under_way: deque[Copy] = deque()
        self.late: list[tuple[float, int, Copy]] = []
        self._numbers = itertools.count()
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
                    self._send((node, conf, made))

    def _send(self, copy: Copy) -> None:
        if self.cut or copy[1].interface in self.cut_links:
            return
        for _ in range(self.carries()):
            seconds = self.takes()
            if seconds:
                heapq.heappush(self.late, (self.now + seconds, next(self._numbers), copy))
            else:
                self.under_way.append(copy)

    def deliver(self) -> None:
        if self._delivering:
            return
        self._delivering = True
        while self.under_way:
            node, conf, made = self.under_way.popleft()
            if node.alive and not node.deaf:
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
            arrives = self.late[0][0] if self.late else math.inf
            at = min(first[0] if first else math.inf, arrives)
            if at > end:
                self.now = end
                return
            self.now = max(self.now, at)
            if arrives <= at:
                self.under_way.append(heapq.heappop(self.late)[2])
                self.deliver()
            elif first:
                node = self.nodes[first[1]]
                node.apply(node.routers.tick(self.now))

    def masters(self, name: str = "VI_1") -> list[Node]:
        return [n for n in self.nodes if n.alive and n.state(name) is VrrpState.MASTER]
