# SPDX-License-Identifier: Apache-2.0
"""What an advert means to an instance: RFC 9568 sections 6.4.2 and 6.4.3, with keepalived's additions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lbd.model.net import Address, packed
from lbd.vrrp.action import Action, Log, SendAdvert
from lbd.vrrp.advert import Advert
from lbd.vrrp.expiry import answer
from lbd.vrrp.standing import OWNER
from lbd.vrrp.state import Event
from lbd.vrrp.timers import Timer

if TYPE_CHECKING:
    from lbd.vrrp.instance import Instance

ROGUE_ADVERTS = 2
"""So many adverts of ours another owner may overhear before it is held to have seen us (RFC errata 8298)."""


def as_backup(me: Instance, advert: Advert, source: Address, now: float) -> list[Action]:
    actions: list[Action] = []
    if me.conceded and (source != me.master or advert.priority != OWNER):
        actions += me.restore_ownership("received advert with lower priority")
    if advert.priority == 0:
        # RFC 9568 section 6.4.2 (420): the master steps down
        me.timers[Timer.DOWN] = now + me.skew()
        return [*actions, Log(me.said("Backup received priority 0 advertisement"), limit="priority 0")]
    me.master = source
    if not _accepts(me, advert, now):
        said = f"received lower priority ({advert.priority}) advert from {source} - discarding"
        return [*actions, Log(me.said(said), limit="lower priority")]
    _learn(me, advert)
    me.timers[Timer.DOWN] = now + me.master_down_interval()
    me.wants_master = False
    return actions + _count_preempt_delay(me, advert, now)


def _accepts(me: Instance, advert: Advert, now: float) -> bool:
    """Whether the sender stays our master. RFC 9568 section 6.4.2 (430), and preempt_delay."""
    if me.conf.nopreempt or advert.priority >= me.priority:
        return True
    return bool(me.conf.preempt_delay) and (me.preempt_at is None or now < me.preempt_at)


def _count_preempt_delay(me: Instance, advert: Advert, now: float) -> list[Action]:
    """It begins with the first advert of a lower priority, and ends with one that is not."""
    if not me.conf.preempt_delay:
        return []
    if advert.priority >= me.priority:
        if me.preempt_at is None:
            return []
        me.preempt_at = None
        return [Log(me.said("stop preempt delay"))]
    if me.preempt_at is None:
        me.preempt_at = now + me.conf.preempt_delay
        return [Log(me.said(f"start preempt delay ({me.conf.preempt_delay:.6f})"))]
    return []


def _learn(me: Instance, advert: Advert) -> None:
    """RFC 9568 section 6.1: Master_Adver_Interval is the one of the advert. Zero is none to count with."""
    if me.conf.version == 3:
        me.master_adver_int = advert.advert_int or me.conf.advert_int


def as_master(me: Instance, advert: Advert, source: Address, now: float) -> list[Action]:
    if advert.priority == 0:
        # RFC 9568 section 6.4.3 (700): whoever steps down must not leave the others in doubt
        return [
            answer(me, now),
            Log(me.said("Master received priority 0 message"), limit="priority 0"),
        ]
    actions = _meet_owner(me, advert, source) if advert.priority == OWNER == me.priority else []
    theirs, ours = (advert.priority, packed(source)), (me.priority, packed(me.source))
    if theirs == ours:
        said = "WARNING - equal priority advert received from remote host with our IP address."
        return [*actions, Log(me.said(said), warning=True, limit="our address")]
    return actions + (_give_way if theirs > ours else _insist)(me, advert, source, now)


def _insist(me: Instance, advert: Advert, source: Address, now: float) -> list[Action]:
    forcing = "" if me.conf.lower_prio_no_advert else ", forcing new election"
    said = f"Received advert from {source} with lower priority {advert.priority}, ours {me.priority}{forcing}"
    actions: list[Action] = [Log(me.said(said), limit="lower priority")]
    if not me.conf.lower_prio_no_advert:
        actions.append(answer(me, now))
    return [*actions, *me.announce_again(now), me.notice("MASTER_RX_LOWER_PRI")]


def _give_way(me: Instance, advert: Advert, source: Address, now: float) -> list[Action]:
    ours, theirs = me.priority, advert.priority
    said = f"Master received advert from {source} with higher priority {theirs}, ours {ours}"
    if ours == theirs or me.conf.priority == OWNER:
        said = f"Master received advert from {source} with same priority {theirs} but higher IP address than ours"
    actions: list[Action] = [Log(me.said(said))]
    if me.conf.higher_prio_send_advert:
        actions.insert(0, SendAdvert(ours))
    _learn(me, advert)
    me.master = source
    return actions + me.move(Event.HIGHER, now)


# --- two owners of the same addresses (RFC errata 8298)


def _meet_owner(me: Instance, advert: Advert, source: Address) -> list[Action]:
    """The lower address gives way at once; the higher one only if the other does not."""
    if packed(source) == packed(me.source):
        return []
    conflict = f"local instance and {source} are both configured as address owner, please resolve"
    if packed(source) > packed(me.source):
        return [Log(me.said(f"CONFIGURATION ERROR: {conflict}"), warning=True, limit="two owners")]
    if me.timers.pop(Timer.ROGUE, None) is not None:
        me.conceded = True
        said = f"{source} is still advertising as address owner, please resolve - reducing our priority"
        return [Log(me.said(said), warning=True)]
    me.rogue_adver_int = advert.advert_int
    if me.rogue_adverts:
        return []
    me.rogue_adverts = ROGUE_ADVERTS
    return [Log(me.said(f"CONFIGURATION ERROR: {conflict}"), warning=True, limit="two owners")]
