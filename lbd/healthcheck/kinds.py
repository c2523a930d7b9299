# SPDX-License-Identifier: Apache-2.0
"""From a check to the probe that carries out one try of it. A new kind of check is one line here."""

from __future__ import annotations

from lbd.healthcheck.dns import DnsProbe
from lbd.healthcheck.http import HttpProbe
from lbd.healthcheck.https import HttpsProbe
from lbd.healthcheck.misc import MiscProbe, RunScript
from lbd.healthcheck.ping import PingProbe
from lbd.healthcheck.policy import Try
from lbd.healthcheck.probe import Probe
from lbd.healthcheck.smtp import SmtpProbe
from lbd.healthcheck.tcp import TcpProbe
from lbd.healthcheck.udp import UdpProbe
from lbd.model.check import DnsCheck, HttpGet, MiscCheck, PingCheck, SmtpCheck, SslGet, TcpCheck, UdpCheck


class Probes:
    def __init__(self, run_script: RunScript) -> None:
        self._run_script = run_script

    def __call__(self, attempt: Try) -> Probe:
        if isinstance(attempt.check, MiscCheck):
            return MiscProbe(attempt.check, self._run_script)
        return probe_for(attempt)


def probe_for(attempt: Try) -> Probe:
    """Raises TypeError for a check that needs more than sockets, or has no turns (FILE_CHECK, BFD_CHECK)."""
    match attempt.check:
        case TcpCheck() as check:
            return TcpProbe(check)
        case SslGet() as check:
            return HttpsProbe(check, check.urls[attempt.step])
        case HttpGet() as check:
            return HttpProbe(check, check.urls[attempt.step])
        case SmtpCheck() as check:
            return SmtpProbe(check)
        case DnsCheck() as check:
            return DnsProbe(check)
        case UdpCheck() as check:
            return UdpProbe(check)
        case PingCheck() as check:
            return PingProbe(check)
        case _:
            raise TypeError(f"{attempt.check} is not tried")
