# SPDX-License-Identifier: Apache-2.0
"""The TCP state machine of a connection between client and server, as data (IPVS's, for two-way and one-way traffic).

``NEXT[direction][event]`` is a string of next states, one pair of letters per present state in the order of STATES.
Directions: from the client, from the server, and from the client where replies do not pass here (DR). Events in
precedence order are RST, SYN, FIN, ACK; the rows stand as SYN, FIN, ACK, RST.
"""

from __future__ import annotations

from lbd.fastpath.api import Timeouts
from lbd.fastpath.sctp_states import SCTP_STATES

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

TICKS_PER_SECOND = 8


def transitions() -> bytes:
    """3 x 4 x 27 bytes for the worker: what is no state of TCP stays as it is."""
    rest = range(len(STATES), len(STATES) + 1 + len(SCTP_STATES) + 1)
    return bytes(
        code for direction in NEXT for row in direction for code in (*map(STATES.index, row.split()), *rest)
    )


def ticks(t: Timeouts) -> tuple[int, ...]:
    """Idle limits by state, in ticks of expiry."""
    seconds = (2, t.established, t.syn_sent, t.syn_recv, t.fin_wait, t.time_wait, t.close, t.close_wait)
    sctp = {"NONE": 2, "INIT1": 4, "ESTABLISHED": t.sctp_established, "REJECTED": 4}
    rest = (*(sctp.get(state, 61) for state in SCTP_STATES), t.icmp)
    return tuple(s * TICKS_PER_SECOND for s in (*seconds, t.last_ack, 120, 120, t.udp, *rest))
