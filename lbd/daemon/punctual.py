# SPDX-License-Identifier: Apache-2.0
"""What the vrrp process asks of the kernel so that an advert leaves on time: priority, memory, processors.

Children and threads inherit none of it. Where it is not permitted one line says so, and it goes on without.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource
from collections.abc import Callable

from lbd.model import GlobalDefs

log = logging.getLogger("lbd.vrrp")

REALTIME_PRIORITY = 10
"""Of SCHED_FIFO, where nothing is said of it."""
MCL_CURRENT, MCL_FUTURE = 1, 2
RLIMIT_RTTIME = 15


def be_punctual(defs: GlobalDefs) -> None:
    _try("real-time priority", lambda: _realtime(defs))
    if defs.vrrp_priority:
        _try("the nice value", lambda: os.setpriority(os.PRIO_PROCESS, 0, defs.vrrp_priority))
    if defs.vrrp_no_swap:
        _try("memory that is not swapped", _lock_memory)
    if defs.vrrp_cpu_affinity:
        cpus = {int(word) for word in defs.vrrp_cpu_affinity if word.isdigit()}
        _try("these CPUs", lambda: os.sched_setaffinity(0, cpus))


def _realtime(defs: GlobalDefs) -> None:
    """keepalived's SCHED_RR with a limit if it is asked for; else SCHED_FIFO without."""
    policy, priority = os.SCHED_FIFO, REALTIME_PRIORITY
    if defs.vrrp_rt_priority:
        policy, priority = os.SCHED_RR, defs.vrrp_rt_priority
        resource.setrlimit(RLIMIT_RTTIME, (defs.vrrp_rlimit_rttime, defs.vrrp_rlimit_rttime))
    os.sched_setscheduler(0, policy | os.SCHED_RESET_ON_FORK, os.sched_param(priority))


def _lock_memory() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _try(what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except (OSError, ValueError) as error:
        log.info("the vrrp process does not get %s (%s)", what, error)
