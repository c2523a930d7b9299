# SPDX-License-Identifier: Apache-2.0
"""What an instance does when one of its timers runs out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lbd.model import VrrpState
from lbd.vrrp import timers
from lbd.vrrp.action import Action, Log, SendAdvert, SendGarp
from lbd.vrrp.state import Event
from lbd.vrrp.timers import Timer

if TYPE_CHECKING:
    from lbd.vrrp.instance import Instance

ROGUE_PATIENCE = 1.2
"""Times the longer of both intervals: "a bit more than" one (RFC errata 8298)."""


def down_expired(me: Instance, due: float, now: float) -> list[Action]:
    del due
    said = Log(me.said("Receive advertisement timeout"))
    me.wants_master = True
    if not me.may_lead():
        me.timers[Timer.DOWN] = now + me.master_down_interval()
        return [said]
    return [said, *me.move(Event.DOWN_TIMER, now)]


def advert_due(me: Instance, due: float, now: float) -> list[Action]:
    schedule_adverts(me, now)
    # kept in step, but what was missed is not made up for
    if due + me.conf.advert_int > now:
        me.timers[Timer.ADVERT] = due + me.conf.advert_int
    actions: list[Action] = [SendAdvert(me.priority)]
    if me.rogue_adverts:
        _count_rogue(me, now)
    return actions


def _count_rogue(me: Instance, now: float) -> None:
    """One more advert that the other owner of our addresses must have heard."""
    me.rogue_adverts -= 1
    if me.rogue_adverts == 0:
        me.timers[Timer.ROGUE] = now + ROGUE_PATIENCE * max(me.rogue_adver_int, me.conf.advert_int)


def garp_due(me: Instance, due: float, now: float) -> list[Action]:
    del due, now
    return [SendGarp(me.conf.garp_master_repeat)]


def garp_lower_due(me: Instance, due: float, now: float) -> list[Action]:
    del due, now
    return [SendGarp(me.conf.garp_lower_prio_repeat)]


def refresh_due(me: Instance, due: float, now: float) -> list[Action]:
    del due
    me.timers[Timer.REFRESH] = now + me.conf.garp_master_refresh
    return [SendGarp(me.conf.garp_master_refresh_repeat)]


def extra_due(me: Instance, due: float, now: float) -> list[Action]:
    del due
    me.timers[Timer.EXTRA] = now + me.conf.garp_extra_if
    return [SendGarp(1, extra=True)]


def rogue_gone(me: Instance, due: float, now: float) -> list[Action]:
    del due, now
    return [Log(me.said("rogue address owner appears to have stopped advertising"))]


def stalled(me: Instance, now: float) -> bool:
    """timer_expired_backup: so much time has passed since our last advert that a backup must have taken over."""
    limit = timers.stall_limit(me.conf)
    if limit is None or me.state is not VrrpState.MASTER or me.advert_sent_at is None:
        return False
    return now - me.advert_sent_at >= limit


def schedule_adverts(me: Instance, now: float) -> None:
    me.advert_sent_at = now
    me.timers[Timer.ADVERT] = now + me.conf.advert_int


def answer(me: Instance, now: float) -> SendAdvert:
    """An advert out of turn; the next regular one is an interval away from it."""
    schedule_adverts(me, now)
    return SendAdvert(me.priority)


def schedule_garp(me: Instance, now: float) -> None:
    conf = me.conf
    if conf.garp_master_delay:
        me.timers[Timer.GARP] = now + conf.garp_master_delay
    if conf.garp_master_refresh:
        me.timers[Timer.REFRESH] = now + conf.garp_master_delay + conf.garp_master_refresh
    if conf.garp_extra_if:
        me.timers[Timer.EXTRA] = now + conf.garp_master_delay + conf.garp_extra_if


EXPIRED: Mapping[Timer, Callable[[Instance, float, float], list[Action]]] = {
    Timer.DOWN: down_expired,
    Timer.ADVERT: advert_due,
    Timer.GARP: garp_due,
    Timer.GARP_LOWER: garp_lower_due,
    Timer.REFRESH: refresh_due,
    Timer.EXTRA: extra_due,
    Timer.ROGUE: rogue_gone,
}
