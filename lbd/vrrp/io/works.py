# SPDX-License-Identifier: Apache-2.0
"""What takes time, in the order of the actions and one after another: a slow kernel never holds up an advert."""

from __future__ import annotations

import asyncio
import logging

from lbd.model import VirtualAddress, VrrpInstance, VrrpState
from lbd.model.net import Address
from lbd.vrrp.action import Action, Notify, SendGarp, Settle
from lbd.vrrp.instance import Instance
from lbd.vrrp.io.garp import Announcer
from lbd.vrrp.io.ports import Kernel, Listener

log = logging.getLogger("lbd.vrrp")


class Works:
    def __init__(self, kernel: Kernel, announcer: Announcer, listener: Listener) -> None:
        self._kernel, self._announcer, self._listener = kernel, announcer, listener
        self._queue: asyncio.Queue[tuple[Instance, VrrpInstance, Action]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._seen: set[tuple[str, Address]] = set()
        """Addresses that the kernel was seen to have: missing, they were taken away."""

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._carry_out())

    def put(self, instance: Instance, action: Action) -> None:
        self._queue.put_nowait((instance, instance.conf, action))

    async def finish(self) -> None:
        """Returns when all that was put has been done."""
        await self._queue.join()
        if self._task is not None:
            self._task.cancel()

    def lost_address(self, instance: Instance) -> Address | None:
        """An address that was there and is not any more."""
        lost = None
        for virtual in self._kernel.placed(instance.conf):
            key = (instance.conf.name, virtual.address)
            if self._kernel.present(virtual):
                self._seen.add(key)
            elif key in self._seen and not virtual.no_track:
                lost = virtual.address
        return lost

    def forget_seen(self, name: str) -> None:
        self._seen = {key for key in self._seen if key[0] != name}

    async def _carry_out(self) -> None:
        while True:
            instance, conf, action = await self._queue.get()
            try:
                await self._one(instance, conf, action)
            except Exception:
                log.exception("(%s) %s", instance.conf.name, action)
            finally:
                self._queue.task_done()

    async def _one(self, instance: Instance, conf: VrrpInstance, action: Action) -> None:
        master = instance.state is VrrpState.MASTER
        match action:
            # what a later transition has overtaken is not done any more
            case Settle(hold) if hold == master:
                self.forget_seen(conf.name)
                await self._kernel.settle(conf, hold)
            case SendGarp(repeat, extra) if master:
                self._announce(instance, conf, repeat, extra)
            case Notify():
                self._listener.tell(action)

    def _announce(self, instance: Instance, conf: VrrpInstance, repeat: int, extra: bool) -> None:
        addresses = self._kernel.placed(conf)
        if extra:
            addresses = self._extra(conf, addresses)
        for _ in range(repeat):
            for virtual in addresses:
                link = self._kernel.link(virtual.dev)
                if link is not None:
                    self._announcer.announce(
                        virtual.dev,
                        link.ifindex,
                        link.mac,
                        virtual.address,
                        lambda: instance.state is VrrpState.MASTER,
                    )

    def _extra(self, conf: VrrpInstance, addresses: tuple[VirtualAddress, ...]) -> tuple[VirtualAddress, ...]:
        """garp_extra_if: one address of each virtual interface (or any, with ``all``) that sends no adverts itself."""
        way = self._kernel.way(conf)
        found: dict[str, VirtualAddress] = {}
        for before, virtual in zip(conf.virtual_addresses, addresses, strict=True):
            ours = virtual.dev != before.dev or conf.garp_extra_if_all
            if ours and (way is None or virtual.dev != way.name):
                found.setdefault(virtual.dev, virtual)
        return tuple(found.values())
