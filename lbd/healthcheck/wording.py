# SPDX-License-Identifier: Apache-2.0
"""keepalived's sentences about checks, for those who read its log by program."""

from __future__ import annotations

import re

from lbd.healthcheck.probe import Failure, Outcome, kind
from lbd.model.check import (
    Check,
    DnsCheck,
    HttpGet,
    HttpUrl,
    MiscCheck,
    PingCheck,
    ScheduledCheck,
    SmtpCheck,
    TcpCheck,
    UdpCheck,
)
from lbd.model.net import Address


def service_name(address: Address, port: int, protocol: str = "tcp") -> str:
    """As keepalived writes a server in its log."""
    return f"[{address}]:{protocol}:{port}"


def name(check: ScheduledCheck | Check) -> str:
    protocol = "udp" if isinstance(check, UdpCheck | DnsCheck) else "tcp"
    return service_name(getattr(check, "connect_ip", ""), getattr(check, "connect_port", 0), protocol)


def step_passed(check: HttpGet, url: HttpUrl) -> str:
    what = "HTTP status code"
    if url.regex is not None:
        what = "Regex match"
    elif url.digest is not None:
        what = "MD5 digest"
    return f"{what} success to {name(check)} url({url.path})"


def success(check: ScheduledCheck) -> str:
    """Empty where keepalived says nothing."""
    match check:
        case HttpGet():
            return f"Remote Web server {name(check)} succeed on service."
        case SmtpCheck():
            return f"Remote SMTP server {name(check)} succeed on service."
        case MiscCheck():
            return f"Misc check for [{name(check)}] by [{check.script.argv[0]}] succeeded."
        case DnsCheck():
            return ""
        case _:
            return f"{_CONNECTION[type(check)]} connection to {name(check)} success."


def failure(check: ScheduledCheck, outcome: Outcome, *, has_run: bool) -> str:
    retried = has_run and check.retry > 0
    after = f" after {check.retry} retries" if retried else ""
    match check:
        case HttpGet():
            return f"HTTP_CHECK on service {name(check)} failed{after}."
        case SmtpCheck():
            return f"SMTP_CHECK {_smtp(outcome)} {_pair(check)}"
        case DnsCheck():
            after = f" after {check.retry} retries" if has_run else ""
            return f"DNS_CHECK ({name(check)}) {_dns(outcome)}{after}"
        case MiscCheck():
            return f"Misc check for [{name(check)}] by [{check.script.argv[0]}] {_misc(check, outcome)}"
        case PingCheck():
            return f"ICMP CHECK on service {name(check)} failed{after}."
        case _:
            return f"{kind(check)} on service {name(check)} failed{after}."


def try_failed(check: ScheduledCheck, outcome: Outcome) -> str:
    """For ``log_all_failures``."""
    match check:
        case HttpGet():
            return f"{_HTTP.get(outcome.failure, 'Error connecting')} server {name(check)}."
        case SmtpCheck() | DnsCheck() | MiscCheck():
            return failure(check, outcome, has_run=False)
        case UdpCheck() if outcome.failure is Failure.MISMATCH:
            return f"UDP check to {name(check)} reply data mismatch."
        case PingCheck() if outcome.failure in (Failure.TIMED_OUT, Failure.SILENT):
            return f"ICMP connection to address {name(check)} timeout."
        case _:
            what = "timeout" if outcome.failure is Failure.TIMED_OUT else "failed"
            return f"{_CONNECTION[type(check)]} connection to {name(check)} {what}."


_CONNECTION: dict[type, str] = {TcpCheck: "TCP", UdpCheck: "UDP", PingCheck: "ICMP"}

_HTTP: dict[Failure | None, str] = {
    Failure.TIMED_OUT: "Timeout connecting",
    Failure.SILENT: "Timeout HTTP read",
    Failure.RESET: "Read error with",
    Failure.NO_DATA: "Read, no data received from",
    Failure.GARBAGE: "Read error with",
    Failure.TLS: "SSL handshake/communication error connecting to",
    Failure.STATUS: "HTTP status code error to",
    Failure.DIGEST: "MD5 digest error to",
    Failure.MISMATCH: "Regex match failed",
}


def _smtp(outcome: Outcome) -> str:
    match outcome.failure:
        case Failure.TIMED_OUT:
            return "Connection timeout to server"
        case Failure.SILENT:
            return "Read timeout from server"
        case Failure.RESET | Failure.NO_DATA:
            return "Read failure from server"
        case Failure.STATUS | Failure.GARBAGE:
            return f"Bad {'HELO response' if 'HELO' in outcome.reason else 'greeting banner'} from server"
        case _:
            return "Error connecting to server"


def _dns(outcome: Outcome) -> str:
    if outcome.failure in (Failure.TIMED_OUT, Failure.SILENT):
        return "read timeout from socket"
    if outcome.failure is Failure.STATUS and (rcode := re.search(r"rcode (\d+)", outcome.reason)):
        return f"read error occurred. (rcode = {rcode[1]})"
    return f"failed to read socket; {outcome.reason.rpartition(': ')[2]}"


def _misc(check: MiscCheck, outcome: Outcome) -> str:
    retries = "retry" if check.retry == 1 else "retries"
    how = f"after {check.retry} {retries}" if check.retry else "with retry disabled"
    if outcome.failure is Failure.SILENT:
        return f"timed out {how}."
    return f"failed {how} ({outcome.reason.rpartition(': ')[2]})."


def _pair(check: SmtpCheck) -> str:
    return f"[{check.connect_ip}]:{check.connect_port}"
