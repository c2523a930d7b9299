# SPDX-License-Identifier: Apache-2.0
"""Machines on a wire that can be cut, and a clock that is turned by hand. No socket, no time passes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from lbd.model import Config, VirtualAddress, VrrpInstance, VrrpState, VrrpSyncGroup
from lbd.vrrp.action import AddAddresses, Log, RemoveAddresses, SendAdvert, SendGarp
from lbd.vrrp.packet import GROUP4, GROUP6, RefusedError, encode
from lbd.vrrp.routers import Actions, Routers

VIP = VirtualAddress(address="10.0.0.100", prefix=24, dev="eth0")
VIP6 = VirtualAddress(address="fe80::100", prefix=64, dev="eth0")


def instance(name: str = "VI_1", **more: object) -> VrrpInstance:
    settings = {"interface": "eth0", "virtual_router_id": 51, "virtual_ipaddress": (VIP,)} | more
    return VrrpInstance(name=name, **settings)


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
                    self.wire.carry(self, one.conf, priority)
                case AddAddresses():
                    self.held.add(one.conf.name)
                case RemoveAddresses():
                    self.held.discard(one.conf.name)
                case SendGarp(repeat):
                    self.garps += repeat
                case Log(text):
                    self.log.append(text)

    def hear(self, conf: VrrpInstance, pdu: bytes, source: str, destination: str, ttl: int = 255) -> None:
        for own in list(self.routers.instances.values()):
            if own.conf.virtual_router_id == conf.virtual_router_id and own.conf.is_ipv6 == conf.is_ipv6:
                try:
                    self.apply(self.routers.receive(own.conf, pdu, source, destination, ttl, self.wire.now))
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
        self._under_way: deque[Callable[[], None]] = deque()
        self._delivering = False

    def node(self, *instances: VrrpInstance, groups: Iterable[VrrpSyncGroup] = ()) -> Node:
        config = Config(vrrp_instances=instances, vrrp_sync_groups=tuple(groups))
        return Node(self, len(self.nodes) + 1, config)

    def carry(self, sender: Node, conf: VrrpInstance, priority: int) -> None:
        if self.cut:
            return
        source = sender.v6 if conf.is_ipv6 else sender.v4
        group = GROUP6 if conf.is_ipv6 else GROUP4
        pdu = encode(conf, priority, source, group)
        self._under_way += [
            partial(node.hear, conf, pdu, source, group)
            for node in self.nodes
            if node is not sender and node.alive and not node.deaf
        ]

    def deliver(self) -> None:
        if self._delivering:
            return
        self._delivering = True
        while self._under_way:
            self._under_way.popleft()()
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
