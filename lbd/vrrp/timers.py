# SPDX-License-Identifier: Apache-2.0
"""Intervals of RFC 9568 section 6.1 and RFC 3768 section 6.1, and the timers that an instance has running."""

from __future__ import annotations

import enum

from lbd.model import VrrpInstance


class Timer(enum.Enum):
    DOWN = "Master_Down_Timer, in BACKUP"
    ADVERT = "Adver_Timer, in MASTER"
    GARP = "the second burst of announcements"
    GARP_LOWER = "the second burst after an advert of a lower priority"
    REFRESH = "garp_master_refresh"
    EXTRA = "garp_extra_if"
    ROGUE = "whether another owner of our addresses has given way"


Timers = dict[Timer, float]
"""When each is due, in seconds of the monotonic clock."""


def skew(conf: VrrpInstance, priority: int, master_adver_int: float) -> float:
    """Seconds. Version 2 counts on a base of one second, version 3 on the master's interval."""
    share = (256 - priority) / 256
    return share if conf.version == 2 else share * master_adver_int


def master_down_interval(conf: VrrpInstance, priority: int, master_adver_int: float) -> float:
    """Seconds; three adverts, or as many as down_timer_adverts says, and the skew."""
    return conf.down_timer_adverts * master_adver_int + skew(conf, priority, master_adver_int)


def stall_limit(conf: VrrpInstance) -> float | None:
    """timer_expired_backup: after so long without an advert of ours a backup of that priority has taken over."""
    if conf.timer_expired_backup is None:
        return None
    return 3 * conf.advert_int + skew(conf, conf.timer_expired_backup, conf.advert_int)
