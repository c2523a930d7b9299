# SPDX-License-Identifier: Apache-2.0
"""The TCP state machine of a connection between client and server, as data (IPVS's, for two-way and one-way traffic).

``NEXT[direction][event]`` is a string of next states, one pair of letters per present state in the order of STATES.
Directions: from the client, from the server, and from the client where replies do not pass here (DR). Events in
precedence order are RST, SYN, FIN, ACK; the rows stand as SYN, FIN, ACK, RST.
"""

from __future__ import annotations

from lbd.fastpath.api import Timeouts

STATES = ("NO", "ES", "SS", "SR", "FW", "TW", "CL", "CW", "LA", "LI", "SA")

NEXT = (
    (  # from the client
        "SR ES ES SR SR SR SR SR SR SR SR",  # SYN
        "CL CW SS TW TW TW CL CW LA LI TW",  # FIN
        "CL ES SS ES FW TW CL CW CL LI ES",  # ACK
        "CL CL CL SR CL CL CL CL LA LI SR",  # RST
    ),
    (  # from the server
        "SS ES SS SR SS SS SS SS SS LI SR",
        "TW FW SS TW FW TW CL TW LA LI TW",
        "ES ES SS ES FW TW CL CW LA ES ES",
        "CL CL SS CL CL TW CL CL CL CL CL",
    ),
    (  # from the client, one way
        "SR ES ES SR SR SR SR SR SR SR SR",
        "CL FW SS TW FW TW CL CW LA LI TW",
        "CL ES SS ES FW TW CL CW CL LI ES",
        "CL CL CL SR CL CL CL CL LA LI CL",
    ),
)

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
"""IPVS's names, numbered from 12 on. An association that the server opens passes COOKIE_WAIT, COOKIE, COOKIE_ECHOED."""
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
_IN, _OUT, _ONE_WAY = 0, 1, 2
_BEGUN = ("INIT1", "INIT", "COOKIE_SENT", "COOKIE_REPLIED")

TICKS_PER_SECOND = 8


def transitions() -> bytes:
    """3 x 4 x 27 bytes for the worker: what is no state of TCP stays as it is."""
    rest = range(len(STATES), len(STATES) + 1 + len(SCTP_STATES) + 1)
    return bytes(
        code for direction in NEXT for row in direction for code in (*map(STATES.index, row.split()), *rest)
    )


def _sctp(direction: int, event: str, state: str) -> str:
    """The next state (RFC 9260 section 4), as one between client and server sees it."""
    out = direction == _OUT
    match event:
        case "INIT" if state in ("NONE", "REJECTED", "CLOSED"):
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
        case "COOKIE_ACK" if state not in ("REJECTED", "CLOSED"):
            return "ESTABLISHED"
        case "DATA" if out and state == "COOKIE_REPLIED":
            return "ESTABLISHED"
        case "SHUTDOWN" if state not in ("REJECTED", "CLOSED"):
            return "SHUTDOWN_RECEIVED" if out else "SHUTDOWN_SENT"
        case "SHUTDOWN_ACK" if state not in ("REJECTED", "CLOSED"):
            return "SHUTDOWN_ACK_SENT"
        case "SHUTDOWN_COMPLETE":
            return "CLOSED"
        case "ABORT":
            return "REJECTED" if out and state in _BEGUN else "CLOSED"
    return state


def sctp_transitions() -> bytes:
    """3 x 10 x 27 bytes for the worker: what is no state of SCTP stays as it is."""
    first, after = len(STATES) + 1, 1
    table = bytearray()
    for direction in (_IN, _OUT, _ONE_WAY):
        for event in SCTP_EVENTS:
            nexts = [first + SCTP_STATES.index(_sctp(direction, event, state)) for state in SCTP_STATES]
            table += bytes([*range(first), *nexts, *range(first + len(nexts), first + len(nexts) + after)])
    return bytes(table)


def ticks(t: Timeouts) -> tuple[int, ...]:
    """Idle limits by state, in ticks of expiry."""
    seconds = (2, t.established, t.syn_sent, t.syn_recv, t.fin_wait, t.time_wait, t.close, t.close_wait)
    sctp = {"NONE": 2, "INIT1": 4, "ESTABLISHED": t.sctp_established, "REJECTED": 4}
    rest = (*(sctp.get(state, 61) for state in SCTP_STATES), t.icmp)
    return tuple(s * TICKS_PER_SECOND for s in (*seconds, t.last_ack, 120, 120, t.udp, *rest))
