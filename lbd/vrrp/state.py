# SPDX-License-Identifier: Apache-2.0
"""The life of a VRRP instance as one table: RFC 9568 section 6.4, with keepalived's FAULT, INIT and STOP.

    INIT ──START──> BACKUP ──DOWN_TIMER──> MASTER ──HIGHER──> BACKUP
            any but STOP ──FAULT──> FAULT ──RECOVERED──> BACKUP
                       any ──STOP──> STOP

What stands not in the table does not happen: an event without an entry leaves the state as it is.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from lbd.model import VrrpState

INIT, BACKUP, MASTER = VrrpState.INIT, VrrpState.BACKUP, VrrpState.MASTER
FAULT, STOP = VrrpState.FAULT, VrrpState.STOP


class Event(enum.Enum):
    START = "take part, as a backup first"
    START_OWNER = "take part, as the owner of the addresses"
    DOWN_TIMER = "no advert of a master for so long"
    HIGHER = "a master that outranks us"
    ADDRESS_LOST = "somebody took a virtual address away"
    STALLED = "we were not scheduled for so long that others must have taken over"
    FAULT = "something that we depend on is down"
    RECOVERED = "nothing that we depend on is down any more"
    GROUP_MASTER = "the sync group becomes master"
    GROUP_BACKUP = "the sync group becomes backup"
    GROUP_FAULT = "a member of the sync group has a fault"
    STOP = "the end"


TRANSITIONS: Mapping[VrrpState, Mapping[Event, VrrpState]] = {
    INIT: {
        Event.START: BACKUP,
        Event.START_OWNER: MASTER,
        Event.FAULT: FAULT,
        Event.GROUP_FAULT: FAULT,
        Event.GROUP_BACKUP: BACKUP,
        Event.STOP: STOP,
    },
    BACKUP: {
        Event.DOWN_TIMER: MASTER,
        Event.GROUP_MASTER: MASTER,
        Event.FAULT: FAULT,
        Event.GROUP_FAULT: FAULT,
        Event.STOP: STOP,
    },
    MASTER: {
        Event.HIGHER: BACKUP,
        Event.ADDRESS_LOST: BACKUP,
        Event.STALLED: BACKUP,
        Event.GROUP_BACKUP: BACKUP,
        Event.FAULT: FAULT,
        Event.GROUP_FAULT: FAULT,
        Event.STOP: STOP,
    },
    FAULT: {
        Event.RECOVERED: BACKUP,
        Event.GROUP_BACKUP: BACKUP,
        Event.STOP: STOP,
    },
    STOP: {},
}
