# SPDX-License-Identifier: Apache-2.0
"""What an instance does when it leaves a state and enters another: the actions of the transitions in ``state.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lbd.model import VrrpState
from lbd.vrrp.action import Action, Log, SendAdvert, SendGarp, Settle
from lbd.vrrp.expiry import schedule_adverts, schedule_garp
from lbd.vrrp.state import Event
from lbd.vrrp.timers import Timer

if TYPE_CHECKING:
    from lbd.vrrp.instance import Instance


def leave(me: Instance, to: VrrpState) -> list[Action]:
    if me.state is not VrrpState.MASTER:
        return []
    me.released_master += 1
    if to is VrrpState.BACKUP:
        return []
    # where the link still carries it, the peer need not wait for three adverts (RFC 9568 section 6.4.3, shutdown)
    return [SendAdvert(0), Log(me.said("sent 0 priority"))]


def enter_master(me: Instance, event: Event, now: float) -> list[Action]:
    del event
    me.became_master += 1
    actions = me.restore_ownership("other address owner has disappeared")
    me.master_adver_int = me.conf.advert_int
    schedule_adverts(me, now)
    schedule_garp(me, now)
    # RFC 5798 section 6.4.2 (370): the advert goes first, so that a peer gives way as early as can be
    return [
        *actions,
        Log(me.said("Entering MASTER STATE")),
        SendAdvert(me.priority),
        Settle(hold=True),
        SendGarp(me.conf.garp_master_repeat),
        me.notice("MASTER"),
    ]


def enter_backup(me: Instance, event: Event, now: float) -> list[Action]:
    if event in (Event.RECOVERED, Event.START):
        me.master_adver_int = me.conf.advert_int
    me.timers[Timer.DOWN] = now + me.master_down_interval()
    init = " (init)" if event is Event.START else ""
    # at the start, too: what a predecessor left on the interface goes
    return [
        Log(me.said(f"Entering BACKUP STATE{init}")),
        Settle(hold=False),
        me.notice("BACKUP"),
    ]


def enter_fault(me: Instance, event: Event, now: float) -> list[Action]:
    del event, now
    why = f" ({me.standing.reason})" if me.standing.faults else ""
    said = Log(me.said(f"Entering FAULT STATE{why}"), warning=True)
    return [said, Settle(hold=False), me.notice("FAULT")]


def enter_stop(me: Instance, event: Event, now: float) -> list[Action]:
    del event, now
    return [Settle(hold=False), me.notice("STOP")]


ENTER: Mapping[VrrpState, Callable[[Instance, Event, float], list[Action]]] = {
    VrrpState.MASTER: enter_master,
    VrrpState.BACKUP: enter_backup,
    VrrpState.FAULT: enter_fault,
    VrrpState.STOP: enter_stop,
}
