# SPDX-License-Identifier: Apache-2.0
"""All instances of a process, and the sync groups that tie some of them together. Sans-IO, as the instances are.

A group moves as one: a member that becomes MASTER or gives way takes the others along, and while one of them has a
fault none takes part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lbd.model import Config, VrrpInstance, VrrpState
from lbd.model.net import Address
from lbd.vrrp.action import Action
from lbd.vrrp.instance import Instance
from lbd.vrrp.packet import Refusal, RefusedError, decode

Actions = list[tuple[Instance, Action]]


class Routers:
    def __init__(self) -> None:
        self.instances: dict[str, Instance] = {}
        self.adverts_received: Counter[str] = Counter()
        self.refusals: dict[str, Counter[Refusal]] = {}
        self._groups: dict[str, tuple[str, ...]] = {}

    def configure(self, config: Config, now: float) -> tuple[Actions, list[str]]:
        """Instances by name: equal ones go on, others end; and the names of those that are new (to be started).

        An instance whose configuration changed ends and begins anew.
        """
        wanted = {c.name: c for c in config.vrrp_instances}
        actions: Actions = []
        for name, instance in list(self.instances.items()):
            if wanted.get(name) != instance.conf:
                actions += _of(instance, instance.stop(now))
                del self.instances[name]
        new = [name for name in wanted if name not in self.instances]
        for name in new:
            self.instances[name] = Instance(wanted[name])
            self.refusals.setdefault(name, Counter())
        self._groups = {
            m: group.members for group in config.vrrp_sync_groups for m in group.members if m in wanted
        }
        return actions, new

    def start(self, name: str, now: float) -> Actions:
        instance = self.instances[name]
        return self._carry(instance, instance.start(now), VrrpState.INIT, now)

    def resume(self, name: str, now: float) -> Actions:
        instance = self.instances[name]
        return _of(instance, instance.resume(now))

    def receive(
        self, conf: VrrpInstance, pdu: bytes, source: Address, destination: Address, ttl: int, now: float
    ) -> Actions:
        """Raises RefusedError, counted, for what is no advert for this instance."""
        instance = self.instances[conf.name]
        try:
            advert = decode(conf, pdu, source, destination, ttl)
            if conf.priority == 255 and instance.state is VrrpState.MASTER and advert.priority < 255:
                # RFC 5798 section 7.1: an owner does not listen to others
                raise RefusedError(Refusal.OWNER, f"an advert from {source} for addresses that are ours")
        except RefusedError as error:
            self.refusals[conf.name][error.reason] += 1
            raise
        self.adverts_received[conf.name] += 1
        if advert.addresses != tuple(v.address for v in conf.virtual_ipaddress):
            # counted, and used all the same (RFC 9568 section 7.1)
            self.refusals[conf.name][Refusal.ADDRESS_LIST] += 1
        before = instance.state
        return self._carry(instance, instance.receive(advert, source, now), before, now)

    def tick(self, now: float) -> Actions:
        actions: Actions = []
        for instance in self.instances.values():
            deadline = instance.next_deadline()
            if deadline is not None and deadline <= now:
                before = instance.state
                actions += self._carry(instance, instance.tick(now), before, now)
        return actions

    def next_deadline(self) -> float | None:
        deadlines = (i.next_deadline() for i in self.instances.values())
        return min((d for d in deadlines if d is not None), default=None)

    def fault(self, name: str, cause: str, now: float) -> Actions:
        instance = self.instances[name]
        before = instance.state
        return self._carry(instance, instance.fault(cause, now), before, now)

    def recover(self, name: str, cause: str, now: float) -> Actions:
        """A group leaves FAULT together, when no member has a fault any more."""
        instance = self.instances[name]
        members = self._members(instance)
        if len(members) == 1:
            return _of(instance, instance.recover(cause, now))
        instance.faults.discard(cause)
        if any(m.faults for m in members):
            return []
        return [pair for m in members if m.state is VrrpState.FAULT for pair in _of(m, m.become_backup(now))]

    def address_lost(self, name: str, now: float) -> Actions:
        instance = self.instances[name]
        before = instance.state
        return self._carry(instance, instance.address_lost(now), before, now)

    def stop(self, now: float) -> Actions:
        return [pair for i in self.instances.values() for pair in _of(i, i.stop(now))]

    def _members(self, instance: Instance) -> list[Instance]:
        names = self._groups.get(instance.conf.name, (instance.conf.name,))
        return [self.instances[n] for n in names if n in self.instances]

    def _carry(self, instance: Instance, actions: list[Action], before: VrrpState, now: float) -> Actions:
        """The instance's own actions, and what they mean for the rest of its group."""
        out = _of(instance, actions)
        if instance.state is before:
            return out
        for other in self._members(instance):
            if other is instance or other.state in (VrrpState.INIT, VrrpState.STOP):
                continue
            if instance.state is VrrpState.MASTER and other.state is VrrpState.BACKUP:
                out += _of(other, other.become_master(now))
            elif instance.state is VrrpState.BACKUP and other.state is VrrpState.MASTER:
                out += _of(other, other.become_backup(now))
            elif instance.state is VrrpState.FAULT:
                out += _of(other, other.follow_into_fault(now))
        return out


def _of(instance: Instance, actions: Iterable[Action]) -> Actions:
    return [(instance, action) for action in actions]
