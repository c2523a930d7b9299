# SPDX-License-Identifier: Apache-2.0
"""Blocks that may be given again, taken together: global_defs, and the words of the root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lbd.confparser.check import Item


class Merged:
    """The last word on each keyword of several blocks; ``roots`` stand at the top of the file."""

    def __init__(self, blocks: Sequence[Item], roots: Sequence[Item] = ()) -> None:
        self._blocks = blocks
        self._roots = {item.name: item for item in roots if item.items is None}

    def last(self, name: str) -> Item | None:
        found = None
        for block in self._blocks:
            found = block.last(name) or found
        return found or self._roots.get(name)

    def get(self, name: str, default: Any = None) -> Any:
        found = self.last(name)
        return default if found is None else found.value

    def all(self, name: str) -> Iterator[Item]:
        for block in self._blocks:
            yield from block.all(name)
