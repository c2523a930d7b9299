# SPDX-License-Identifier: Apache-2.0
"""Who is told of a change of health, and in which words: scripts, FIFO lines, mail; as keepalived does. Pure."""

from __future__ import annotations

import msgspec

from lbd.control.quorum import QuorumChange
from lbd.healthcheck.servers import Change, ServerKey
from lbd.healthcheck.wording import service_name
from lbd.model import (
    BfdCheck,
    DnsCheck,
    HttpGet,
    MiscCheck,
    PingCheck,
    RealServer,
    Script,
    TcpCheck,
    UdpCheck,
    VirtualServer,
)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Parts that are empty are for nobody. The script goes first, then the FIFO, then mail."""

    script: Script | None = None
    fifo: str = ""
    """A line without its end."""
    subject: str = ""
    body: str = ""


def of_server(service: VirtualServer, real: RealServer, change: Change, router_id: str) -> Notice:
    name = service_name(real.address, real.port, service.protocol.value.lower())
    state = _word(change.alive)
    script, fifo, subject, body = None, "", "", ""
    if change.tell:
        script = real.notify_up if change.alive else real.notify_down
        fifo = f"RS {name} {service.name} {state}"
    if real.smtp_alert and (change.turned or change.check is None):
        subject = f"[{router_id}] Realserver {name} of virtual server {service.name} - {state}"
        body = _check_words(change)
    return Notice(script=script, fifo=fifo, subject=subject, body=body)


def of_quorum(change: QuorumChange, router_id: str) -> Notice:
    service, state = change.service, _word(change.up)
    subject, body = "", ""
    if service.smtp_alert:
        subject = f"[{router_id}] Virtualserver {service.name} - {state}"
        body = "=> Shutting down <=" if change.gone else _quorum_words(change)
    return Notice(
        script=service.quorum_up if change.up else service.quorum_down,
        fifo=f"VS {service.name} {state}",
        subject=subject,
        body=body,
    )


def of_the_end(service: VirtualServer, real: RealServer, router_id: str) -> Notice:
    """``omega``: a server that is alive when lbd stops."""
    change = Change(key=ServerKey(service.name, real.address, real.port), alive=False, tell=True)
    notice = of_server(service, real, change, router_id)
    return msgspec.structs.replace(notice, body="=> Shutting down <=") if notice.body else notice


def _quorum_words(change: QuorumChange) -> str:
    quorum, hysteresis = change.service.quorum, change.service.hysteresis
    if change.initial:
        what = f"Starting with quorum {'up' if change.up else 'down'}"
    else:
        what = f"{'Gained' if change.up else 'Lost'} quorum"
    return f"=> {what} {quorum}+{hysteresis}={change.threshold} <= {change.weight} <="


def _check_words(change: Change) -> str:
    check, up = change.check, change.verdict
    succeeded = "succeeded" if up else "failed"
    match check:
        case None:
            return "=> Removing <="
        case HttpGet():
            return f"=> CHECK {'succeed on service' if up else 'failed on service : HTTP request failed'} <="
        case BfdCheck():
            return f"=> BFD CHECK {check.name} {succeeded} on service <="
        case MiscCheck():
            return f"=> MISC CHECK {succeeded} on service <="
        case _:
            return f"=> {_CHECKS.get(type(check), 'CHECK')} {'succeed' if up else 'failed'} on service <="


_CHECKS: dict[type, str] = {
    TcpCheck: "TCP CHECK",
    UdpCheck: "UDP CHECK",
    PingCheck: "ICMP CHECK",
    DnsCheck: "DNS_CHECK:",
}


def _word(up: bool) -> str:
    return "UP" if up else "DOWN"
