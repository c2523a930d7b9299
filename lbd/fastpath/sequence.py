# SPDX-License-Identifier: Apache-2.0
"""The order in which rr and wrr choose: computed once for a configuration, walked by a shared cursor."""

from __future__ import annotations

import math

from lbd.fastpath import api

LONGEST_SEQUENCE = 65536


def sequence(service: api.Service) -> list[int]:
    """In which order real servers are chosen, as indexes: rr by turns, wrr as ip_vs_wrr does.

    wrr counts a threshold down from the largest weight in steps of their common divisor; each turn takes all whose
    weight is at least that.
    """
    weights = [r.weight for r in service.reals]
    if service.scheduler == "rr":
        return [i for i, weight in enumerate(weights) if weight > 0]
    if service.scheduler != "wrr" or not any(weights):
        return []
    step = math.gcd(*weights)
    # weights so large that the sequence would not fit are rounded to ones that do
    scale = max(1, sum(weights) // step // LONGEST_SEQUENCE + 1)
    turns = [math.ceil(w / step / scale) for w in weights]
    return [i for turn in range(max(turns), 0, -1) for i, w in enumerate(turns) if w >= turn]
