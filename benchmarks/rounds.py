# SPDX-License-Identifier: Apache-2.0
"""Interleaved rounds: what is measured and what it is compared with take turns, and medians are compared."""

from __future__ import annotations

import json
import random
import statistics
from array import array
from collections.abc import Callable, Iterable

Measure = Callable[[], float]


def spread(values: list[float]) -> list[float]:
    return [short(min(values)), short(max(values))]


def short(value: float) -> float:
    """Four digits that count."""
    return float(f"{value:.4g}") if abs(value) < 10_000 else float(round(value))


def show(name: str, unit: str, values: list[float], baselines: Iterable[float] = (), **more: object) -> None:
    """A row on stdout: the medians of values and baselines, and of the ratios of the rounds."""
    against = list(baselines)
    row: dict[str, object] = {"name": name, "value": short(statistics.median(values)), "unit": unit}
    if against:
        ratio = statistics.median(a / b for a, b in zip(values, against, strict=True))
        row |= {"baseline": short(statistics.median(against)), "ratio": short(ratio)}
    row |= {"rounds": len(values), "spread": spread(values)} | more
    print(json.dumps(row), flush=True)


def take_turns(rounds: int, *measures: Measure) -> list[list[float]]:
    """The results of each measure; in every other round they go the other way round."""
    results: list[list[float]] = [[] for _ in measures]
    for n in range(rounds):
        for i in range(len(measures)) if n % 2 == 0 else reversed(range(len(measures))):
            results[i].append(measures[i]())
    return results


class Orders:
    """Flows in random order, each time in another, so that no round finds the flows of the last one in the cache."""

    def __init__(self, flows: int, packets: int) -> None:
        self._chance = random.Random(flows)
        self._flows, self._packets = range(flows), packets

    def next(self) -> array[int]:
        return array("I", self._chance.choices(self._flows, k=self._packets))
