# SPDX-License-Identifier: Apache-2.0
"""Sets of numbers (addresses, ports, protocols) as sorted, disjoint, inclusive ranges.

>>> union([(80, 80), (443, 443), (81, 90)])
((80, 90), (443, 443))
>>> complement(((0, 79), (81, 65535)), 65535)
((80, 80),)
>>> intersection(((0, 100),), ((50, 60), (90, 200)))
((50, 60), (90, 100))
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

Spans = tuple[tuple[int, int], ...]

MOST_PORT = 65535
MOST_PROTOCOL = 255
MOST_ADDRESS = {4: 2**32 - 1, 6: 2**128 - 1}


def union(ranges: Iterable[tuple[int, int]]) -> Spans:
    out: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return tuple(out)


def complement(spans: Spans, most: int) -> Spans:
    out, begin = [], 0
    for low, high in spans:
        if begin < low:
            out.append((begin, low - 1))
        begin = high + 1
    if begin <= most:
        out.append((begin, most))
    return tuple(out)


def intersection(one: Spans, other: Spans) -> Spans:
    out, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        low, high = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if low <= high:
            out.append((low, high))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(out)


def contains(outer: Spans, inner: Spans) -> bool:
    return intersection(outer, inner) == inner


def addresses(word: str) -> tuple[int, tuple[int, int]]:
    """``10.0.0.0/8``, ``10.0.0.1-10.0.0.9`` or ``::1``: family and range. Raises ValueError.

    >>> addresses("10.0.0.0/30")
    (4, (167772160, 167772163))
    """
    first, dash, last = word.partition("-")
    if dash:
        begin, end = ip_address(first), ip_address(last)
        return begin.version, (int(begin), int(end))
    network = ip_network(word, strict=False)
    return network.version, (int(network.network_address), int(network.broadcast_address))
