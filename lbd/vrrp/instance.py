# SPDX-License-Identifier: Apache-2.0
"""One VRRP instance: the machine of RFC 5798 section 6.4, with what keepalived adds. No socket, no clock, no task.

    INIT ──start──> BACKUP ──down timer──> MASTER
      FAULT <──link down, yield──  any  ──cause gone──> BACKUP
    MASTER ──advert of higher priority──> BACKUP

Every method takes ``now`` (seconds of a monotonic clock) and returns what is to be done, in order. ``next_deadline``
says when to call ``tick`` at the latest.
"""

from __future__ import annotations

from lbd.model import VrrpInstance, VrrpState
from lbd.model.net import Address, packed
from lbd.vrrp.action import Action, AddAddresses, Entered, Log, RemoveAddresses, SendAdvert, SendGarp
from lbd.vrrp.packet import Advert

OWNER = 255


class Instance:
    def __init__(self, conf: VrrpInstance) -> None:
        self.conf = conf
        self.state = VrrpState.INIT
        self.since = 0.0
        self.faults: set[str] = set()
        """Causes, in words; FAULT while there is any."""
        self.source: Address = "0.0.0.0"
        self.master_adver_int = conf.advert_int
        self.became_master = self.released_master = 0
        self._down_at: float | None = None
        self._advert_at: float | None = None
        self._garp_at: float | None = None
        self._garp_repeat = 0
        self._refresh_at: float | None = None
        self._preempt_at: float | None = None

    # --- timers (RFC 5798 section 6.1; v2 counts the skew on a base of one second, RFC 3768 section 6.1)

    def skew(self) -> float:
        share = (256 - self.conf.priority) / 256
        return share if self.conf.version == 2 else share * self.master_adver_int

    def master_down_interval(self) -> float:
        return self.conf.down_timer_adverts * self.master_adver_int + self.skew()

    def next_deadline(self) -> float | None:
        timers = (self._down_at, self._advert_at, self._garp_at, self._refresh_at)
        return min((t for t in timers if t is not None), default=None)

    # --- events

    def start(self, now: float) -> list[Action]:
        """From INIT. An owner that is to be MASTER is it at once; another one after one interval and skew."""
        if self.faults:
            return [RemoveAddresses(), *self._enter_fault(now)]
        if self.conf.priority == OWNER and self.conf.state is VrrpState.MASTER:
            return self.become_master(now)
        wait = self.master_down_interval()
        if self.conf.state is VrrpState.MASTER:
            wait = self.conf.advert_int + self.skew()
        self._enter(VrrpState.BACKUP, now)
        self._down_at = now + wait
        # what a predecessor left on the interface goes: a BACKUP has no virtual address
        return [Log(self._said("Entering BACKUP STATE (init)")), RemoveAddresses(), Entered("BACKUP")]

    def resume(self, now: float) -> list[Action]:
        """From INIT to MASTER without a transition: the addresses are still ours, a predecessor of us died."""
        self._enter(VrrpState.MASTER, now)
        self._advert_at = now + self.conf.advert_int
        self._schedule_garp(now)
        return [
            Log(self._said("Resuming MASTER STATE")),
            SendAdvert(self.conf.priority),
            AddAddresses(),
            SendGarp(self.conf.garp_master_repeat),
            Entered("MASTER"),
        ]

    def receive(self, advert: Advert, source: Address, now: float) -> list[Action]:
        if self.state is VrrpState.BACKUP:
            return self._receive_as_backup(advert, now)
        if self.state is VrrpState.MASTER:
            return self._receive_as_master(advert, source, now)
        return []

    def tick(self, now: float) -> list[Action]:
        if self.state is VrrpState.BACKUP and _due(self._down_at, now):
            return [Log(self._said("Receive advertisement timeout")), *self.become_master(now)]
        if self.state is not VrrpState.MASTER:
            return []
        actions: list[Action] = []
        if self._advert_at is not None and _due(self._advert_at, now):
            actions.append(SendAdvert(self.conf.priority))
            # kept in step, but what was missed is not made up for
            self._advert_at = max(self._advert_at + self.conf.advert_int, now)
        if _due(self._garp_at, now):
            actions.append(SendGarp(self._garp_repeat))
            self._garp_at = None
        if _due(self._refresh_at, now):
            actions.append(SendGarp(self.conf.garp_master_refresh_repeat))
            self._refresh_at = now + self.conf.garp_master_refresh
        return actions

    def fault(self, cause: str, now: float) -> list[Action]:
        """One more reason not to take part."""
        self.faults.add(cause)
        if self.state in (VrrpState.FAULT, VrrpState.INIT, VrrpState.STOP):
            return []
        return self._enter_fault(now)

    def recover(self, cause: str, now: float) -> list[Action]:
        """One reason less; with the last one it is BACKUP."""
        if cause not in self.faults:
            return []
        self.faults.discard(cause)
        if self.faults or self.state is not VrrpState.FAULT:
            return []
        return self.become_backup(now)

    def address_lost(self, now: float) -> list[Action]:
        """Somebody took a virtual address away: give up all and contend again, as keepalived does."""
        if self.state is not VrrpState.MASTER:
            return []
        return [
            Log(self._said("A virtual address was removed by somebody else"), warning=True),
            *self.become_backup(now),
        ]

    def stop(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if self.state is VrrpState.MASTER:
            actions += [SendAdvert(0), Log(self._said("sent 0 priority"))]
            self.released_master += 1
        self._enter(VrrpState.STOP, now)
        return [*actions, RemoveAddresses(), Entered("STOP")]

    # --- transitions, by event or because a sync group takes this way

    def become_master(self, now: float) -> list[Action]:
        self._enter(VrrpState.MASTER, now)
        self.became_master += 1
        self.master_adver_int = self.conf.advert_int
        self._advert_at = now + self.conf.advert_int
        self._schedule_garp(now)
        # RFC 5798 section 6.4.2 (370): the advert goes first, so that a peer gives way as early as can be
        return [
            Log(self._said("Entering MASTER STATE")),
            SendAdvert(self.conf.priority),
            AddAddresses(),
            SendGarp(self.conf.garp_master_repeat),
            Entered("MASTER"),
        ]

    def become_backup(self, now: float) -> list[Action]:
        self._released()
        self._enter(VrrpState.BACKUP, now)
        self._down_at = now + self.master_down_interval()
        return [Log(self._said("Entering BACKUP STATE")), RemoveAddresses(), Entered("BACKUP")]

    # --- inside

    def _receive_as_backup(self, advert: Advert, now: float) -> list[Action]:
        if advert.priority == 0:
            # RFC 5798 section 6.4.2 (430): the master steps down
            self._down_at = now + self.skew()
            return []
        conf = self.conf
        if advert.priority < conf.priority and not conf.nopreempt and not self._preempt_waits(now):
            return []
        if conf.version == 3:
            self.master_adver_int = advert.advert_int or conf.advert_int
        self._down_at = now + self.master_down_interval()
        return []

    def _preempt_waits(self, now: float) -> bool:
        """preempt_delay begins with the first advert of a lower priority."""
        if not self.conf.preempt_delay:
            return False
        if self._preempt_at is None:
            self._preempt_at = now + self.conf.preempt_delay
        return now < self._preempt_at

    def _receive_as_master(self, advert: Advert, source: Address, now: float) -> list[Action]:
        conf = self.conf
        if advert.priority == 0:
            self._advert_at = now + conf.advert_int
            return [SendAdvert(conf.priority)]
        higher = advert.priority > conf.priority
        if higher or (advert.priority == conf.priority and packed(source) > packed(self.source)):
            return self._give_way(advert, source, now)
        actions: list[Action] = [
            Log(
                self._said(
                    f"Received advert from {source} with lower priority {advert.priority}, ours {conf.priority}, "
                    "forcing new election"
                )
            )
        ]
        if not conf.lower_prio_no_advert:
            self._advert_at = now + conf.advert_int
            actions.append(SendAdvert(conf.priority))
        if conf.garp_lower_prio_repeat:
            actions.append(SendGarp(conf.garp_lower_prio_repeat))
            self._garp_at, self._garp_repeat = now + conf.garp_lower_prio_delay, conf.garp_lower_prio_repeat
        return actions

    def _give_way(self, advert: Advert, source: Address, now: float) -> list[Action]:
        ours, theirs = self.conf.priority, advert.priority
        said = f"Master received advert from {source} with higher priority {theirs}, ours {ours}"
        if ours == theirs:
            said = f"Master received advert from {source} with same priority {ours} but higher IP address than ours"
        actions: list[Action] = [Log(self._said(said))]
        if self.conf.higher_prio_send_advert:
            actions.append(SendAdvert(ours))
        if self.conf.version == 3:
            self.master_adver_int = advert.advert_int or self.conf.advert_int
        return actions + self.become_backup(now)

    def _enter_fault(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if self.state is VrrpState.MASTER:
            # where the link still carries it, the peer need not wait for three adverts
            actions += [SendAdvert(0), Log(self._said("sent 0 priority"))]
        self._released()
        self._enter(VrrpState.FAULT, now)
        said = (
            f"Entering FAULT STATE ({'; '.join(sorted(self.faults))})"
            if self.faults
            else "Entering FAULT STATE"
        )
        return [*actions, Log(self._said(said), warning=True), RemoveAddresses(), Entered("FAULT")]

    def follow_into_fault(self, now: float) -> list[Action]:
        """A member of the sync group has a fault; this one has none of its own."""
        return [] if self.state is VrrpState.FAULT else self._enter_fault(now)

    def _released(self) -> None:
        self.released_master += self.state is VrrpState.MASTER

    def _enter(self, state: VrrpState, now: float) -> None:
        self.state, self.since = state, now
        self._down_at = self._advert_at = self._garp_at = self._refresh_at = self._preempt_at = None

    def _schedule_garp(self, now: float) -> None:
        conf = self.conf
        if conf.garp_master_delay:
            self._garp_at, self._garp_repeat = now + conf.garp_master_delay, conf.garp_master_repeat
        if conf.garp_master_refresh:
            self._refresh_at = now + conf.garp_master_refresh

    def _said(self, text: str) -> str:
        return f"({self.conf.name}) {text}"


def _due(timer: float | None, now: float) -> bool:
    return timer is not None and now >= timer
