# SPDX-License-Identifier: Apache-2.0
"""How long things may take, computed from the configuration that runs and not written down a second time."""

from __future__ import annotations

from pathlib import Path

from lbd.confparser import load
from lbd.model import Config, HttpGet
from lbd.model.check import ConnectedCheck

SLACK = 2.0
"""Seconds for a busy machine, where the rule itself gives none."""


def read(file: Path) -> Config:
    """What lbd itself reads in that file."""
    config = load(str(file)).config  # its interfaces are in another namespace: nothing is asked of them here
    if config is None:
        raise RuntimeError(f"{file} cannot be read")
    return config


def silence_time(file: Path, address: str) -> float:
    """Seconds in which a real server that falls silent must be out: a round of its slowest check, all tries failing."""
    times = []
    for service in read(file).virtual_servers:
        for real in service.real_servers:
            for check in real.checks if real.address == address else ():
                if not isinstance(check, ConnectedCheck):
                    continue
                tries = check.retry + 1
                once = check.connect_timeout * (len(check.urls) if isinstance(check, HttpGet) else 1)
                times.append(check.delay_loop + tries * once + check.retry * check.delay_before_retry)
    return max(times) + SLACK


def takeover_time(file: Path) -> float:
    """Three advert intervals, the skew of the standby's priority (RFC 5798 section 6.1), and half a second."""
    instance = read(file).vrrp_instances[0]
    skew = (256 - instance.priority) / 256 * (instance.advert_int if instance.version == 3 else 1.0)
    return instance.down_timer_adverts * instance.advert_int + skew + 0.5
