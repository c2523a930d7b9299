# SPDX-License-Identifier: Apache-2.0
"""Drives all instances: adverts in, actions out, and exactly one timer.

Adverts leave at once; addresses and announcements follow in the order of the actions, one after another, so that a
slow kernel never holds up an advert.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Iterable

from lbd.model import Config, VirtualAddress, VrrpInstance, VrrpState
from lbd.model.net import Address
from lbd.model.status import VrrpStatus
from lbd.vrrp.action import AddAddresses, Log, RemoveAddresses, SendAdvert, SendGarp
from lbd.vrrp.instance import Instance
from lbd.vrrp.io import sockets
from lbd.vrrp.io.garp import Announcer
from lbd.vrrp.io.ports import Kernel, LinkState
from lbd.vrrp.packet import GROUP4, GROUP6, RefusedError, encode, virtual_router_id
from lbd.vrrp.routers import Actions, Routers

log = logging.getLogger("lbd.vrrp")

QUIET = 1.0
"""Seconds between two lines about refused adverts of one reason."""


class Runner:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._routers = Routers()
        self._announcer = Announcer()
        self._receivers: dict[tuple[int, str], tuple[int, socket.socket]] = {}
        self._senders: dict[str, tuple[LinkState, Address, socket.socket]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._work: asyncio.Queue[tuple[Instance, object]] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._seen: set[tuple[str, Address]] = set()
        self._sent: Counter[str] = Counter()
        self._said: dict[tuple[str, str], float] = {}

    # --- from outside

    def start(self, config: Config, *, adopt: bool = False) -> None:
        """adopt: instances whose addresses are all there still are MASTER at once."""
        self._worker = asyncio.get_running_loop().create_task(self._carry_out())
        self.configure(config, adopt=adopt)

    def configure(self, config: Config, *, adopt: bool = False) -> None:
        now = self._now()
        actions, new = self._routers.configure(config, now)
        self._apply(actions)
        for name in self._senders.keys() - self._routers.instances.keys():
            self._close_sender(name)
        for name in new:
            self._look_at_link(self._routers.instances[name])
        self._receive_for_all()
        for name in new:
            instance = self._routers.instances[name]
            there = all(self._kernel.present(v) for v in _addresses(instance.conf))
            if adopt and there and not instance.faults:
                self._apply(self._routers.resume(name, now))
            else:
                self._apply(self._routers.start(name, now))
        self._arm()

    async def stop(self) -> None:
        """Priority 0 is sent and the addresses are gone when this returns."""
        self._apply(self._routers.stop(self._now()))
        if self._timer is not None:
            self._timer.cancel()
        await self._work.join()
        if self._worker is not None:
            self._worker.cancel()
        loop = asyncio.get_running_loop()
        for _, sock in self._receivers.values():
            loop.remove_reader(sock)
            sock.close()
        for name in list(self._senders):
            self._close_sender(name)
        self._announcer.close()

    def network_changed(self) -> None:
        """Links or addresses of the kernel have changed."""
        now = self._now()
        for instance in list(self._routers.instances.values()):
            self._look_at_link(instance)
        self._receive_for_all()
        for instance in list(self._routers.instances.values()):
            if instance.state is VrrpState.MASTER and self._lost_address(instance):
                self._forget_seen(instance)
                self._apply(self._routers.address_lost(instance.conf.name, now))
        self._arm()

    def fault(self, names: Iterable[str], cause: str) -> None:
        for name in names:
            if name in self._routers.instances:
                self._apply(self._routers.fault(name, cause, self._now()))
        self._arm()

    def recover(self, names: Iterable[str], cause: str) -> None:
        for name in names:
            if name in self._routers.instances:
                self._apply(self._routers.recover(name, cause, self._now()))
        self._arm()

    def status(self) -> tuple[VrrpStatus, ...]:
        return tuple(self._status(i) for i in self._routers.instances.values())

    # --- links

    def _look_at_link(self, instance: Instance) -> None:
        """Source address, socket and faults of an instance, by the state of its interface."""
        conf, now = instance.conf, self._now()
        link = self._kernel.link(conf.interface)
        source = _source(conf, link)
        causes = set()
        if link is None:
            causes.add(f"interface {conf.interface} is not there")
        elif not link.up and not conf.dont_track_primary:
            causes.add(f"interface {conf.interface} is down")
        elif source is None:
            causes.add(f"interface {conf.interface} has no address to send from")
        if link is not None and source is not None:
            instance.source = source
            self._open_sender(conf, link, source)
        about_link = {c for c in instance.faults if c.startswith("interface ")}
        for cause in causes - about_link:
            self._apply(self._routers.fault(conf.name, cause, now))
        for cause in about_link - causes:
            self._apply(self._routers.recover(conf.name, cause, now))

    def _open_sender(self, conf: VrrpInstance, link: LinkState, source: Address) -> None:
        known = self._senders.get(conf.name)
        if known is not None and known[0].ifindex == link.ifindex and known[1] == source:
            return
        self._close_sender(conf.name)
        self._announcer.forget(conf.interface)
        with contextlib.suppress(OSError):
            sock = sockets.sender(_family(conf), conf.interface, link.ifindex, source)
            self._senders[conf.name] = (link, source, sock)

    def _close_sender(self, name: str) -> None:
        if name in self._senders:
            self._senders.pop(name)[2].close()

    def _receive_for_all(self) -> None:
        """One receiving socket for each interface and family that has an instance."""
        loop = asyncio.get_running_loop()
        wanted: dict[tuple[int, str], int] = {}
        for instance in self._routers.instances.values():
            link = self._kernel.link(instance.conf.interface)
            if link is not None:
                wanted[_family(instance.conf), instance.conf.interface] = link.ifindex
        for key, (ifindex, sock) in list(self._receivers.items()):
            if wanted.get(key) != ifindex:
                loop.remove_reader(sock)
                sock.close()
                del self._receivers[key]
        for (family, interface), ifindex in wanted.items():
            if (family, interface) in self._receivers:
                continue
            with contextlib.suppress(
                OSError
            ):  # down or gone again: the next change of the network tries anew
                sock = sockets.receiver(family, interface, ifindex)
                self._receivers[family, interface] = (ifindex, sock)
                loop.add_reader(sock, self._readable, sock, interface)

    def _lost_address(self, instance: Instance) -> bool:
        lost = False
        for virtual in _addresses(instance.conf):
            key = (instance.conf.name, virtual.address)
            if self._kernel.present(virtual):
                self._seen.add(key)
            elif key in self._seen:
                lost = True
        return lost

    def _forget_seen(self, instance: Instance) -> None:
        self._seen = {key for key in self._seen if key[0] != instance.conf.name}

    # --- adverts

    def _readable(self, sock: socket.socket, interface: str) -> None:
        """All that is there, in one go: a burst of adverts must not starve the timer of fairness, nor it them."""
        for _ in range(64):
            try:
                got = sockets.receive(sock)
            except OSError:
                return
            if got is None:
                return
            vrid = virtual_router_id(got.pdu)
            for instance in list(self._routers.instances.values()):
                conf = instance.conf
                ours = conf.interface == interface and conf.virtual_router_id == vrid
                if ours and _family(conf) == sock.family and got.source != instance.source:
                    self._heard(conf, got)

    def _heard(self, conf: VrrpInstance, got: sockets.Received) -> None:
        try:
            actions = self._routers.receive(conf, got.pdu, got.source, got.destination, got.ttl, self._now())
        except RefusedError as error:
            self._say_quietly(conf.name, f"advert from {got.source} refused: {error}", error.reason.value)
            return
        self._apply(actions)
        self._arm()

    def _say_quietly(self, name: str, text: str, reason: str) -> None:
        now = self._now()
        if now - self._said.get((name, reason), -QUIET) >= QUIET:
            self._said[name, reason] = now
            log.warning("(%s) %s", name, text)

    def _send(self, instance: Instance, priority: int) -> None:
        conf = instance.conf
        if conf.name not in self._senders:
            return
        _, source, sock = self._senders[conf.name]
        group = GROUP6 if conf.is_ipv6 else GROUP4
        for destination in [p.address for p in conf.unicast_peer] or [group]:
            self._sent[conf.name] += sockets.send(
                sock, encode(conf, priority, source, destination), destination
            )

    # --- actions

    def _apply(self, actions: Actions) -> None:
        for instance, action in actions:
            match action:
                case SendAdvert(priority):
                    self._send(instance, priority)
                case Log(text, warning):
                    log.log(logging.WARNING if warning else logging.INFO, "%s", text)
                case AddAddresses() | RemoveAddresses() | SendGarp():
                    self._work.put_nowait((instance, action))

    async def _carry_out(self) -> None:
        while True:
            instance, action = await self._work.get()
            try:
                await self._one(instance, action)
            except Exception:
                log.exception("(%s) %s", instance.conf.name, action)
            finally:
                self._work.task_done()

    async def _one(self, instance: Instance, action: object) -> None:
        # what a later transition has overtaken is not done any more
        master = instance.state is VrrpState.MASTER
        match action:
            case AddAddresses() if master:
                for virtual in _addresses(instance.conf):
                    await self._kernel.add(virtual)
            case RemoveAddresses() if not master:
                self._forget_seen(instance)
                for virtual in _addresses(instance.conf):
                    await self._kernel.remove(virtual)
            case SendGarp(repeat) if master:
                self._announce(instance.conf, repeat)

    def _announce(self, conf: VrrpInstance, repeat: int) -> None:
        for virtual in _addresses(conf):
            link = self._kernel.link(virtual.dev)
            if link is None:
                continue
            for _ in range(repeat):
                self._announcer.announce(virtual.dev, link.ifindex, link.mac, virtual.address)

    # --- time

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._routers.next_deadline()
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        # asyncio may be early by its clock's resolution
        now = max(self._now(), self._routers.next_deadline() or 0.0)
        self._apply(self._routers.tick(now))
        self._arm()

    def _status(self, instance: Instance) -> VrrpStatus:
        conf = instance.conf
        return VrrpStatus(
            name=conf.name,
            interface=conf.interface,
            virtual_router_id=conf.virtual_router_id,
            state=instance.state.value,
            priority=conf.priority,
            effective_priority=conf.priority,
            virtual_addresses=tuple(v.address for v in _addresses(conf)),
            since=self._now() - instance.since,
            adverts_sent=self._sent[conf.name],
            adverts_received=self._routers.adverts_received[conf.name],
            became_master=instance.became_master,
            released_master=instance.released_master,
            errors={r.value: n for r, n in self._routers.refusals[conf.name].items()},
            reason="; ".join(sorted(instance.faults)),
        )


def _addresses(conf: VrrpInstance) -> tuple[VirtualAddress, ...]:
    return (*conf.virtual_ipaddress, *conf.virtual_ipaddress_excluded)


def _family(conf: VrrpInstance) -> int:
    return socket.AF_INET6 if conf.is_ipv6 else socket.AF_INET


def _source(conf: VrrpInstance, link: LinkState | None) -> Address | None:
    if link is None:
        return None
    return conf.unicast_src_ip or conf.mcast_src_ip or (link.ipv6 if conf.is_ipv6 else link.ipv4)
