# SPDX-License-Identifier: Apache-2.0
"""How the life of a packet ends: every verdict has a name here, and a counter of that name in each worker.

The order of the groups matters (``is_drop`` and the names in ``reasons.py`` rest on it, which a test compares).
"""

cdef enum:                       # Verdict
    LIVE = 0            # still on its way
    # --- it left, or waits, or was turned into something else
    TX
    WAITING             # for a neighbour; ends later by another name
    HANDED              # to the worker that owns it
    # --- passes: never ours, the kernel has it (on a shared port it had it all the time)
    PASS_NOT_IP
    PASS_NOT_FOR_US     # to another MAC, or multicast
    PASS_NOT_CLAIMED
    # --- punts: claimed, so kept from the kernel, and not wanted: given back on lbd0
    PUNT_NO_CONNECTION
    PUNT_LOCAL_SERVER
    PUNT_FRAGMENT
    # --- drops
    DROP_RUNT
    DROP_TRUNCATED
    DROP_BAD_HEADER
    DROP_BAD_HEADER_CHECKSUM
    DROP_BAD_ICMP_CHECKSUM
    DROP_BAD_TCP_HEADER
    DROP_BAD_UDP_LENGTH
    DROP_BAD_SCTP_CHECKSUM
    DROP_EXTENSION_HEADERS
    DROP_BAD_FRAGMENT
    DROP_DUPLICATE_FRAGMENT
    DROP_OVERLAPPING_FRAGMENT
    DROP_FIRST_FRAGMENT_MISSING
    DROP_FRAGMENTED_SCTP
    DROP_FRAGMENTS_FULL
    DROP_MARTIAN
    DROP_NO_SERVER
    DROP_NO_LOCAL_PORT
    DROP_TABLE_FULL
    DROP_NO_ROUTE
    DROP_BLACKHOLE
    DROP_TTL_EXCEEDED
    DROP_TOO_BIG
    DROP_NEIGHBOUR_UNRESOLVED
    DROP_NEIGHBOUR_QUEUE_FULL
    DROP_PORT_DETACHED
    DROP_NO_SOURCE
    DROP_NO_BUFFER
    DROP_TX_FULL
    DROP_TX_REFUSED
    DROP_INBOX_FULL
    N_VERDICTS

cdef inline bint is_punt(int v) noexcept nogil:
    return PUNT_NO_CONNECTION <= v <= PUNT_FRAGMENT
