# SPDX-License-Identifier: Apache-2.0
"""All instances of a process, and the sync groups that tie some of them together. Sans-IO, as the instances are.

What trackers say comes in here (``fault``, ``recover``, ``weigh``, ``wait_for``), by the name of the instance and a
source in words. What a group's trackers say is said to each member.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from lbd.model import Config, VrrpInstance, VrrpState
from lbd.model.net import Address
from lbd.vrrp.action import Action, Log, SendAdvert, SendGarp
from lbd.vrrp.advert import Datagram, Refusal, RefusedError
from lbd.vrrp.group import Actions, Group, of
from lbd.vrrp.instance import Instance
from lbd.vrrp.packet import decode, remarks
from lbd.vrrp.snapshot import InstanceState
from lbd.vrrp.state import Event

__all__ = ["Actions", "Routers", "same_router"]


class Routers:
    def __init__(self) -> None:
        self.instances: dict[str, Instance] = {}
        self.adverts_received: Counter[str] = Counter()
        self.zero_received: Counter[str] = Counter()
        self.refusals: dict[str, Counter[Refusal]] = {}
        self.begins = 0.0
        """When time begins to count (vrrp_startup_delay); adverts before it are dropped."""
        self.groups: dict[str, Group] = {}
        self._group_of: dict[str, Group] = {}
        self._heard_from: dict[str, Address] = {}
        self._due: list[tuple[float, str]] = []

    # --- configuration

    def configure(self, config: Config, now: float) -> tuple[Actions, list[str]]:
        """Instances by name: those of the same virtual router go on under their new settings, others end.

        Returns what is to be done, and the names of those that are new and have to be started.
        """
        wanted = {c.name: c for c in config.vrrp_instances}
        out: Actions = []
        for name, instance in list(self.instances.items()):
            if not same_router(instance.conf, wanted.get(name)):
                out += of(instance, instance.delete(now))
                del self.instances[name]
                self._heard_from.pop(name, None)
            elif wanted[name] != instance.conf:
                out += of(instance, instance.reconfigure(wanted[name], now))
                self._schedule(instance)
        new = [name for name in wanted if name not in self.instances]
        for name in new:
            self.instances[name] = Instance(wanted[name])
            self.refusals.setdefault(name, Counter())
        self._regroup(config)
        return out, new

    def _regroup(self, config: Config) -> None:
        before, self.groups = self.groups, {}
        for instance in self.instances.values():
            instance.may_lead = lambda: True
        for conf in config.vrrp_sync_groups:
            members = [self.instances[m] for m in conf.members if m in self.instances]
            group = self.groups[conf.name] = Group(conf.name, members)
            if conf.name in before:
                group.state = before[conf.name].state
        self._group_of = {m.conf.name: g for g in self.groups.values() for m in g.members}

    # --- the life of an instance

    def start(self, name: str, now: float) -> Actions:
        """From INIT, if nothing keeps it or a member of its group."""
        instance, group = self.instances[name], self._group_of.get(name)
        if group is not None and group.hindered and not instance.standing.faults:
            if any(m.state is VrrpState.FAULT for m in group.members):
                return self._carried(instance, instance.move(Event.GROUP_FAULT, now), now)
            return []
        owns = None if group is None else group.owns
        if group is not None and group.state is VrrpState.MASTER:
            # one that a reload has brought joins its group, instead of taking it down
            joined = [*instance.start(now, group_owns=False), *instance.move(Event.GROUP_MASTER, now)]
            self._schedule(instance)
            return of(instance, joined)
        return self._carried(instance, instance.start(now, self.begins, group_owns=owns), now)

    def restore(self, state: InstanceState, now: float, *, hold: bool = True) -> Actions:
        """Go on where a process that died was; without hold, give up what it held as it should have done."""
        instance = self.instances[state.name]
        actions = instance.restore(state, now)
        if not hold and instance.state is VrrpState.MASTER:
            actions = [SendAdvert(0), *instance.move(Event.STALLED, now)]
        out = of(instance, actions)
        instance.security.ah.sequence = state.ah_sequence
        instance.security.trailer.restore(state.hmac_sent, state.hmac_heard)
        if group := self._group_of.get(state.name):
            group.state = instance.state
        self._schedule(instance)
        return out

    def resume(self, name: str, now: float) -> Actions:
        """From INIT to MASTER without a transition: the addresses are still ours, a predecessor of us died."""
        instance = self.instances[name]
        instance.state, instance.since = VrrpState.MASTER, now
        out = of(instance, instance.restore(instance.snapshot(), now))
        if group := self._group_of.get(name):
            group.state = VrrpState.MASTER
        self._schedule(instance)
        return [*out, (instance, SendGarp(instance.conf.garp_master_repeat))]

    def snapshot(self, name: str, reserve: int) -> InstanceState:
        """reserve: so many authenticated adverts may be sent before the next snapshot."""
        instance = self.instances[name]
        sent, heard = instance.security.trailer.marks(reserve)
        was = instance.snapshot()
        sequence = instance.security.ah.sequence + reserve
        return msgspec.structs.replace(was, ah_sequence=sequence, hmac_sent=sent, hmac_heard=heard)

    def stop(self, now: float) -> Actions:
        """All of them; a group is told of last."""
        out = [pair for i in self.instances.values() for pair in of(i, i.stop(now))]
        return out + [pair for group in self.groups.values() for pair in group.stop()]

    # --- adverts

    def receive(self, name: str, datagram: Datagram, now: float) -> Actions:
        """Raises RefusedError, counted, for what is no advert for this instance."""
        if now < self.begins:
            return []
        instance = self.instances[name]
        try:
            advert = decode(instance.conf, datagram, instance.security)
        except RefusedError as error:
            self.refusals[name][error.reason] += 1
            raise
        self.adverts_received[name] += 1
        self.zero_received[name] += advert.priority == 0
        again = self._heard_from.get(name) == datagram.source and instance.state is VrrpState.BACKUP
        self._heard_from[name] = datagram.source
        compare = not (again and instance.conf.skip_check_adv_addr)
        out: Actions = []
        for reason, text in remarks(instance.conf, advert, addresses=compare):
            self.refusals[name][reason] += 1
            said = instance.said(f"{text} (from {datagram.source})")
            out.append((instance, Log(said, limit=reason.value)))
        return out + self._did(instance, lambda: instance.receive(advert, datagram.source, now), now)

    # --- time

    def tick(self, now: float) -> Actions:
        out: Actions = []
        while self._due and self._due[0][0] <= now:
            due, name = heapq.heappop(self._due)
            instance = self.instances.get(name)
            if instance is None or instance.next_deadline() != due:
                continue  # overtaken: what it was replaced by is in the heap, too
            out += self._did(instance, lambda i=instance: i.tick(now), now)  # type: ignore[misc]
        return out

    def next_deadline(self) -> float | None:
        while self._due:
            due, name = self._due[0]
            if name in self.instances and self.instances[name].next_deadline() == due:
                return due
            heapq.heappop(self._due)
        return None

    def _schedule(self, instance: Instance) -> None:
        deadline = instance.next_deadline()
        if deadline is not None:
            heapq.heappush(self._due, (deadline, instance.conf.name))
        if len(self._due) > 64 + 8 * len(self.instances):
            self._due = [(d, n) for n, i in self.instances.items() if (d := i.next_deadline()) is not None]
            heapq.heapify(self._due)

    # --- trackers

    def wait_for(self, name: str, source: str) -> None:
        """Before ``start``: the instance is not to take part until this source has said something.

        One that goes on where a process that died was keeps what the source said then.
        """
        if self.instances[name].state is VrrpState.INIT:
            self.instances[name].standing.awaited.add(source)

    def fault(self, name: str, source: str, now: float) -> Actions:
        """One more reason not to take part; the same one twice is one."""
        instance = self.instances[name]
        return self._did(instance, lambda: instance.fault(source, now), now)

    def recover(self, name: str, source: str, now: float) -> Actions:
        """One reason less; a group leaves FAULT, or INIT, when no member has any."""
        instance, group = self.instances[name], self._group_of.get(name)
        if group is None or len(group.members) == 1:
            out = self._did(instance, lambda: instance.recover(source, now), now)
            if instance.state is VrrpState.INIT and not instance.standing.awaited:
                out += self.start(name, now)
            return out
        instance.standing.faults.discard(source)
        instance.standing.awaited.discard(source)
        if group.hindered:
            return []
        out = []
        for member in group.members:
            if member.state is VrrpState.INIT:
                out += self.start(member.conf.name, now)
            elif member.state is VrrpState.FAULT:
                out += self._did(member, lambda m=member: m.move(Event.RECOVERED, now), now)  # type: ignore[misc]
        return out

    def weigh(self, name: str, source: str, weight: int, now: float) -> Actions:
        """What this source adds to the priority from now on; a source that was waited for has spoken."""
        instance = self.instances[name]
        out = self._did(instance, lambda: instance.weigh(source, weight, now), now)
        if source in instance.standing.awaited:
            out += self.recover(name, source, now)
        return out

    def address_lost(self, name: str, now: float, what: str = "virtual address") -> Actions:
        instance = self.instances[name]
        return self._did(instance, lambda: instance.address_lost(now, what), now)

    # --- inside

    def _did(self, instance: Instance, act: Callable[[], Iterable[Action]], now: float) -> Actions:
        """The instance's own actions, and what they mean for the rest of its group."""
        before = instance.state
        actions = list(act())
        out = of(instance, actions)
        self._schedule(instance)
        group = self._group_of.get(instance.conf.name)
        if group is None:
            return out
        if instance.state is not before:
            out += self._follow(group, instance, now)
        elif any(getattr(a, "event", "") == "MASTER_RX_LOWER_PRI" for a in actions):
            # a lower one that was master told the link of all the group's addresses
            for other in group.members:
                if other is not instance:
                    out += of(other, other.announce_again(now))
                    self._schedule(other)
        return out

    def _carried(self, instance: Instance, actions: Iterable[Action], now: float) -> Actions:
        self._schedule(instance)
        out = of(instance, actions)
        group = self._group_of.get(instance.conf.name)
        return out + (self._follow(group, instance, now) if group is not None else [])

    def _follow(self, group: Group, instance: Instance, now: float) -> Actions:
        out = group.follow(instance, now)
        for member in group.members:
            self._schedule(member)
        return out


def same_router(one: VrrpInstance, other: VrrpInstance | None) -> bool:
    """Whether a reload may go from one to the other without beginning anew."""
    return other is not None and _identity(one) == _identity(other)


def _identity(conf: VrrpInstance) -> tuple[object, ...]:
    return (
        conf.interface,
        conf.is_ipv6,
        conf.virtual_router_id,
        conf.version,
        conf.use_vmac,
        conf.use_ipvlan,
        conf.vmac_xmit_base,
    )
