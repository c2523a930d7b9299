# SPDX-License-Identifier: Apache-2.0
"""Sync groups: a few instances that move as one (keepalived.conf(5), vrrp_sync_group).

A group becomes MASTER when each member would by itself, BACKUP or FAULT as soon as one member is. It comes back from
FAULT, and begins at all, when there is nothing that keeps any member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lbd.model import VrrpState
from lbd.vrrp.action import Action, Log, Notify
from lbd.vrrp.instance import Instance
from lbd.vrrp.standing import OWNER
from lbd.vrrp.state import Event

Actions = list[tuple[Instance, Action]]

FOLLOW = {
    VrrpState.MASTER: Event.GROUP_MASTER,
    VrrpState.BACKUP: Event.GROUP_BACKUP,
    VrrpState.FAULT: Event.GROUP_FAULT,
}


def of(instance: Instance, actions: Iterable[Action]) -> Actions:
    return [(instance, action) for action in actions]


class Group:
    def __init__(self, name: str, members: Iterable[Instance]) -> None:
        self.name, self.members = name, tuple(members)
        self.state = VrrpState.INIT
        for member in self.members:
            member.may_lead = self._asker(member)

    def _asker(self, member: Instance) -> Callable[[], bool]:
        others = [m for m in self.members if m is not member]
        return lambda: all(m.wants_master or m.state is VrrpState.MASTER for m in others)

    @property
    def hindered(self) -> bool:
        """Some member has a fault, or has not heard of all its trackers."""
        return any(m.standing.faults or m.standing.awaited for m in self.members)

    @property
    def owns(self) -> bool:
        """All members own their addresses and are to be MASTER from the start."""
        return all(m.conf.priority == OWNER and m.conf.state is VrrpState.MASTER for m in self.members)

    def follow(self, leader: Instance, now: float) -> Actions:
        """What the leader's new state means for the others."""
        event, state = FOLLOW.get(leader.state), leader.state
        if event is None or state is self.state:
            return []
        out = of(leader, [Log(f"VRRP_Group({self.name}) Syncing instances to {state.value} state")])
        for member in self.members:
            if member is not leader and member.state is not state:
                out += of(member, member.move(event, now))
        self.state = state
        return out + of(leader, [Notify("GROUP", self.name, state.value, 0)])

    def stop(self) -> Actions:
        self.state = VrrpState.STOP
        return of(self.members[0], [Notify("GROUP", self.name, "STOP", 0)]) if self.members else []
