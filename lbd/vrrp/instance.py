# SPDX-License-Identifier: Apache-2.0
"""One VRRP instance: the table of ``state.py`` with what each transition does. No socket, no clock, no task.

Every method takes ``now`` (seconds of a monotonic clock) and returns what is to be done, in order. ``next_deadline``
says when to call ``tick`` at the latest. What adverts mean is in ``election.py``, what trackers mean in
``standing.py``, and what the members of a sync group mean to each other in ``group.py``.
"""

from __future__ import annotations

from collections.abc import Callable

from lbd.model import VrrpInstance, VrrpState
from lbd.model.net import Address
from lbd.vrrp import election, entering, expiry, timers
from lbd.vrrp.action import Action, Log, Notify, SendAdvert, SendGarp, Settle
from lbd.vrrp.advert import Advert
from lbd.vrrp.packet import Security
from lbd.vrrp.snapshot import InstanceState
from lbd.vrrp.standing import OWNER, Standing
from lbd.vrrp.state import TRANSITIONS, Event
from lbd.vrrp.timers import Timer, Timers


class Instance:
    def __init__(self, conf: VrrpInstance) -> None:
        self.conf = conf
        self.state = VrrpState.INIT
        self.since = 0.0
        self.standing = Standing()
        self.security = Security()
        self.source: Address = "0.0.0.0"
        self.timers: Timers = {}
        self.master: Address | None = None
        """Who was heard last."""
        self.master_adver_int = conf.advert_int
        self.became_master = self.released_master = 0
        self.wants_master = False
        """Its own timer has run out, whatever the group says."""
        self.conceded = False
        """An owner that takes part as 254, because another claims to be the owner, too (RFC errata 8298)."""
        self.rogue_adverts, self.rogue_adver_int = 0, 0.0
        self.preempt_at: float | None = None
        self.advert_sent_at: float | None = None
        self.may_lead: Callable[[], bool] = lambda: True
        """Asked before it becomes MASTER by itself."""

    # --- what it is

    @property
    def priority(self) -> int:
        return OWNER - 1 if self.conceded else self.standing.priority(self.conf.priority)

    def skew(self) -> float:
        # an owner that conceded keeps its skew: it comes back as fast as it went
        priority = OWNER if self.conceded else self.priority
        return timers.skew(self.conf, priority, self.master_adver_int)

    def master_down_interval(self) -> float:
        return self.conf.down_timer_adverts * self.master_adver_int + self.skew()

    def next_deadline(self) -> float | None:
        return min(self.timers.values(), default=None)

    # --- events

    def start(
        self, now: float, begins: float | None = None, *, group_owns: bool | None = None
    ) -> list[Action]:
        """From INIT. begins: when time begins to count (vrrp_startup_delay).

        group_owns: of a member of a sync group, whether all members own their addresses. An owner by itself, or in
        such a group, is MASTER at once. In another group ``state MASTER`` leaves one interval, in which another master
        would be heard; by itself it leaves the whole master-down interval (as 2.2.7 and later do, measured).
        """
        if self.standing.faults:
            return self.move(Event.FAULT, now)
        if self.standing.awaited:
            return []
        begins = now if begins is None else max(now, begins)
        wants = self.conf.state is VrrpState.MASTER
        at_once = wants and self.conf.priority == OWNER and group_owns is not False
        if at_once and begins <= now:
            return self.move(Event.START_OWNER, now)
        actions = self.move(Event.START, now)
        wait = 0.0 if at_once else self.master_down_interval()
        if wants and group_owns is False:
            wait = self.conf.advert_int + timers.skew(self.conf, OWNER, self.conf.advert_int)
        self.timers[Timer.DOWN] = begins + wait
        return actions

    def receive(self, advert: Advert, source: Address, now: float) -> list[Action]:
        heard = {VrrpState.BACKUP: election.as_backup, VrrpState.MASTER: election.as_master}.get(self.state)
        return heard(self, advert, source, now) if heard else []

    def tick(self, now: float) -> list[Action]:
        """All timers that are due, in their order."""
        actions: list[Action] = []
        if expiry.stalled(self, now):
            return [
                Log(self.said("We were not scheduled for too long"), True),
                *self.move(Event.STALLED, now),
            ]
        for timer, due in sorted(self.timers.items(), key=lambda pair: pair[1]):
            if due <= now and self.timers.get(timer) == due:
                del self.timers[timer]
                actions += expiry.EXPIRED[timer](self, due, now)
        return actions

    def fault(self, source: str, now: float) -> list[Action]:
        """One more reason not to take part."""
        self.standing.faults.add(source)
        self.standing.awaited.discard(source)
        return self.move(Event.FAULT, now)

    def recover(self, source: str, now: float) -> list[Action]:
        """One reason less; with the last one it is BACKUP."""
        self.standing.faults.discard(source)
        self.standing.awaited.discard(source)
        if self.standing.faults or self.standing.awaited:
            return []
        return self.move(Event.RECOVERED, now)

    def weigh(self, source: str, weight: int, now: float) -> list[Action]:
        """What a tracker adds to the priority from now on; 0 for nothing."""
        before, skew = self.priority, self.skew()
        self.standing.weights[source] = weight
        if self.priority == before:
            return []
        if Timer.DOWN in self.timers:
            self.timers[Timer.DOWN] += self.skew() - skew
        said = Log(self.said(f"Changing effective priority from {before} to {self.priority}"))
        if self.state not in (VrrpState.MASTER, VrrpState.BACKUP, VrrpState.INIT):
            return [said]
        # 2.2.7 tells of a change before the start, too
        return [said, self.notice("MASTER_PRIORITY" if self.state is VrrpState.MASTER else "BACKUP_PRIORITY")]

    def address_lost(self, now: float, what: str) -> list[Action]:
        """Somebody took something virtual away: give up all and contend again, as keepalived does."""
        if self.state is not VrrpState.MASTER:
            return []
        said = Log(self.said(f"A {what} was removed by somebody else"), warning=True)
        return [said, *self.move(Event.ADDRESS_LOST, now)]

    def stop(self, now: float) -> list[Action]:
        return self.move(Event.STOP, now)

    def delete(self, now: float) -> list[Action]:
        """A reload left it out: as ``stop``, but scripts are told another word."""
        kept = [a for a in self.move(Event.STOP, now) if not isinstance(a, Notify)]
        return [*kept, self.notice("DELETED")]

    def reconfigure(self, conf: VrrpInstance, now: float) -> list[Action]:
        """The same virtual router under other settings: no transition, and only what differs is touched."""
        before, self.conf = self.conf, conf
        if self.state is VrrpState.MASTER:
            self.timers[Timer.ADVERT] = now
            expiry.schedule_garp(self, now)
            new = set(conf.virtual_addresses) - set(before.virtual_addresses)
            told: list[Action] = [SendGarp(conf.garp_master_repeat)] if new else []
            if not new:
                self.timers.pop(Timer.GARP, None)
            return [Settle(hold=True), *told]
        if self.state is VrrpState.BACKUP:
            self.timers[Timer.DOWN] = now + self.master_down_interval()
        return []

    # --- transitions

    def move(self, event: Event, now: float) -> list[Action]:
        """As the table says; nothing where it says nothing."""
        to = TRANSITIONS[self.state].get(event)
        if to is None:
            return []
        actions = entering.leave(self, to)
        self.state, self.since = to, now
        self.timers.clear()
        self.preempt_at, self.rogue_adverts = None, 0
        self.wants_master = to is VrrpState.MASTER
        return actions + entering.ENTER[to](self, event, now)

    def announce_again(self, now: float) -> list[Action]:
        """Somebody lower may have told the link that the addresses are its own (garp_lower_prio_*)."""
        conf = self.conf
        if self.state is not VrrpState.MASTER or not conf.garp_lower_prio_repeat:
            return []
        if conf.garp_lower_prio_delay:
            self.timers[Timer.GARP_LOWER] = now + conf.garp_lower_prio_delay
        return [SendGarp(conf.garp_lower_prio_repeat)]

    # --- taking over from a process that died

    def snapshot(self) -> InstanceState:
        return InstanceState(
            name=self.conf.name,
            state=self.state,
            since=self.since,
            faults=tuple(sorted(self.standing.faults)),
            awaited=tuple(sorted(self.standing.awaited)),
            weights=dict(self.standing.weights),
            timers=dict(self.timers),
            master_adver_int=self.master_adver_int,
            wants_master=self.wants_master,
            conceded=self.conceded,
            preempt_at=self.preempt_at,
            became_master=self.became_master,
            released_master=self.released_master,
        )

    def restore(self, was: InstanceState, now: float) -> list[Action]:
        """Go on as a process that died was: no transition, and no script hears of it.

        The state's timers are as they were when it was entered, so adverts and the down timer begin anew: an
        advert at once, and a whole master-down interval.
        """
        self.state, self.since = was.state, was.since
        self.standing.faults, self.standing.awaited = set(was.faults), set(was.awaited)
        self.standing.weights = dict(was.weights)
        self.timers = dict(was.timers)
        self.master_adver_int, self.wants_master = was.master_adver_int, was.wants_master
        self.conceded, self.preempt_at = was.conceded, was.preempt_at
        self.became_master, self.released_master = was.became_master, was.released_master
        if self.state is VrrpState.BACKUP:
            self.timers[Timer.DOWN] = now + self.master_down_interval()
        if self.state is not VrrpState.MASTER:
            return []
        expiry.schedule_adverts(self, now)
        return [
            SendAdvert(self.priority),
            Log(self.said("Resuming MASTER STATE")),
            Settle(hold=True),
        ]

    # --- words

    def said(self, text: str) -> str:
        return f"({self.conf.name}) {text}"

    def notice(self, event: str) -> Notify:
        return Notify("INSTANCE", self.conf.name, event, self.priority)

    def restore_ownership(self, why: str) -> list[Action]:
        """An owner that conceded is one again."""
        if not self.conceded:
            return []
        self.conceded = False
        return [Log(self.said(f"Restoring our priority to {OWNER} since {why}"))]
