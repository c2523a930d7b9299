# SPDX-License-Identifier: Apache-2.0
"""From a check to the probe that carries out one try of it. A new kind of check is one line here."""

from __future__ import annotations

from lbd.healthcheck.http import HttpProbe
from lbd.healthcheck.policy import Try
from lbd.healthcheck.probe import Probe
from lbd.healthcheck.tcp import TcpProbe
from lbd.model.check import HttpGet, TcpCheck


def probe_for(attempt: Try) -> Probe:
    match attempt.check:
        case TcpCheck() as check:
            return TcpProbe(check)
        case HttpGet() as check:
            return HttpProbe(check, check.urls[attempt.step])
