# SPDX-License-Identifier: Apache-2.0
"""FILE_CHECK: what the number in a track_file means for the servers that look at it. No I/O.

With weight 0, any number but 0 is a failure (``reverse``: 0 is). Else number times weight is added to the server's
weight, and a product at the bottom of the range is a failure (keepalived's IPVS_WEIGHT_FAULT).
"""

from __future__ import annotations

from lbd.healthcheck.probe import kind
from lbd.healthcheck.servers import MOST_WEIGHT, Change, Servers
from lbd.model.check import FileCheck

_FAULT = -MOST_WEIGHT - 1


def added(check: FileCheck, value: int) -> int | None:
    """What is added to the weight; None: the check fails."""
    if check.weight == 0:
        return None if (value == 0 if check.reverse else value != 0) else 0
    product = value * check.weight * (-1 if check.reverse else 1)
    return min(product, MOST_WEIGHT) if product > _FAULT else None


def tell(servers: Servers, check: FileCheck, value: int) -> tuple[Change, ...]:
    """The servers hear of a value; what changes by it. The weight is there before the server is."""
    weight = added(check, value)
    if weight is None:
        return servers.failed(check, f"{kind(check)} {check.track_file}: it holds {value}")
    return servers.added(check, weight) + servers.passed(check)
