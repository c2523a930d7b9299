# SPDX-License-Identifier: Apache-2.0
"""A flame graph as SVG: each function as wide as its share of the samples, what it calls above it."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, LINE, LETTER = 1200, 18, 6.6
"""Pixels."""
NARROW = 0.4
"""What is narrower is not drawn."""

Stack = tuple[str, ...]


class Box(NamedTuple):
    """A function at its depth, from a sample to another."""

    name: str
    depth: int
    begin: int
    end: int


def boxes(stacks: Counter[Stack]) -> Iterator[Box]:
    """Stacks in alphabetical order, and equal neighbours at one depth under equal callers as one box."""
    at = 0
    living: list[tuple[str, int]] = []
    for stack, times in [*sorted(stacks.items()), ((), 0)]:
        common = 0
        while common < min(len(stack), len(living)) and living[common][0] == stack[common]:
            common += 1
        for depth in range(len(living) - 1, common - 1, -1):
            name, begin = living.pop()
            yield Box(name, depth, begin, at)
        living += [(name, at) for name in stack[common:]]
        at += times


def colour(name: str) -> str:
    """Warm, and always the same for a name."""
    hashed = zlib.crc32(name.encode())
    return f"rgb({205 + hashed % 50},{100 + hashed // 50 % 110},{hashed // 5500 % 55})"


def drawn(stacks: Counter[Stack]) -> str:
    """Raises ValueError where there is no sample."""
    total = stacks.total()
    if not total:
        raise ValueError("no sample, no flame")
    height = LINE * max(map(len, stacks))
    size = f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>']
    for box in boxes(stacks):
        x, width = WIDTH * box.begin / total, WIDTH * (box.end - box.begin) / total
        if width < NARROW:
            continue
        y = height - LINE * (box.depth + 1)
        title = escape(f"{box.name}, {100 * (box.end - box.begin) / total:.1f} %")
        out.append(
            f'<g><title>{title}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{LINE - 1}"'
            f' fill="{colour(box.name)}"/>'
        )
        letters = int((width - 4) / LETTER)
        if letters >= 3:
            out.append(f'<text x="{x + 2:.1f}" y="{y + 13}">{escape(box.name[:letters])}</text>')
        out.append("</g>")
    return "\n".join([*out, "</svg>", ""])
