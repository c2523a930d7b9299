# SPDX-License-Identifier: Apache-2.0
"""The states of an SCTP association (RFC 9260 section 4) as one between client and server sees it, by IPVS's names."""

from __future__ import annotations

SCTP_STATES = [
    "NONE",
    "INIT1",
    "INIT",
    "COOKIE_SENT",
    "COOKIE_REPLIED",
    "COOKIE_WAIT",
    "COOKIE",
    "COOKIE_ECHOED",
    "ESTABLISHED",
    "SHUTDOWN_SENT",
    "SHUTDOWN_RECEIVED",
    "SHUTDOWN_ACK_SENT",
    "REJECTED",
    "CLOSED",
]
"""Numbered from 12 on. An association that the server opens passes COOKIE_WAIT, COOKIE and COOKIE_ECHOED."""
SCTP_EVENTS = [
    "DATA",
    "INIT",
    "INIT_ACK",
    "COOKIE_ECHO",
    "COOKIE_ACK",
    "SHUTDOWN",
    "SHUTDOWN_ACK",
    "SHUTDOWN_COMPLETE",
    "ERROR",
    "ABORT",
]
FIRST = 12
"""Before them stand the states of TCP and UDP, behind them that of ICMP."""

_IN, _OUT, _ONE_WAY = 0, 1, 2
_BEGUN = ("INIT1", "INIT", "COOKIE_SENT", "COOKIE_REPLIED")
_OVER = ("REJECTED", "CLOSED")


def _opening(direction: int, event: str, state: str) -> str:
    out = direction == _OUT
    match event:
        case "INIT" if state in ("NONE", *_OVER):
            return "COOKIE_WAIT" if out else "INIT1"
        case "INIT" if state == "INIT1" and not out:
            return "INIT"
        case "INIT_ACK" if out and state in _BEGUN:
            return "COOKIE_SENT"
        case "INIT_ACK" if state == "COOKIE_WAIT":
            return "COOKIE"
        case "COOKIE_ECHO" if direction == _ONE_WAY:
            return "ESTABLISHED"  # the answer does not pass here
        case "COOKIE_ECHO" if state != "ESTABLISHED":
            return "COOKIE_ECHOED" if out else "COOKIE_REPLIED"
    return state


def _step(direction: int, event: str, state: str) -> str:
    out = direction == _OUT
    match event:
        case "DATA" if out and state == "COOKIE_REPLIED":
            return "ESTABLISHED"
        case "COOKIE_ACK" if state not in _OVER:
            return "ESTABLISHED"
        case "SHUTDOWN" if state not in _OVER:
            return "SHUTDOWN_RECEIVED" if out else "SHUTDOWN_SENT"
        case "SHUTDOWN_ACK" if state not in _OVER:
            return "SHUTDOWN_ACK_SENT"
        case "SHUTDOWN_COMPLETE":
            return "CLOSED"
        case "ABORT":
            return "REJECTED" if out and state in _BEGUN else "CLOSED"
    return _opening(direction, event, state)


def sctp_transitions() -> bytes:
    """3 x 10 x 27 bytes for the worker: what is no state of SCTP stays as it is."""
    table = bytearray()
    last = FIRST + len(SCTP_STATES)
    for direction in (_IN, _OUT, _ONE_WAY):
        for event in SCTP_EVENTS:
            nexts = [FIRST + SCTP_STATES.index(_step(direction, event, state)) for state in SCTP_STATES]
            table += bytes([*range(FIRST), *nexts, last])
    return bytes(table)
