# SPDX-License-Identifier: Apache-2.0
"""The state of an instance as a value: what a standby is fed, so that it can go on where a dead process was.

Times are of CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import msgspec

from lbd.model import VrrpState
from lbd.model.net import Address
from lbd.vrrp.timers import Timer


class InstanceState(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: VrrpState
    since: float
    faults: tuple[str, ...]
    awaited: tuple[str, ...]
    weights: dict[str, int]
    timers: dict[Timer, float]
    master_adver_int: float
    wants_master: bool
    conceded: bool
    preempt_at: float | None
    became_master: int
    released_master: int
    ah_sequence: int = 0
    """Numbers up to this one may have been sent in Authentication Headers."""
    hmac_sent: int = 0
    """The same of auth_hmac's sequence."""
    hmac_heard: dict[Address, int] = {}
    """The highest sequence of each sender, which auth_hmac takes no advert below."""
