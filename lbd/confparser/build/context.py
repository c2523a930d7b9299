# SPDX-License-Identifier: Apache-2.0
"""What every builder is given: where messages go, and what is known of the machine."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from lbd.confparser.diagnostics import Place, Report


@dataclass(slots=True)
class Context:
    report: Report
    interfaces: Collection[str] | None = None
    """Names that exist; None means nobody looked."""
    dynamic_interfaces: bool = False
    resolve: Callable[[str], str | None] | None = None
    """A name to its address, or None; without it nobody looked."""
    track_groups: Collection[str] = ()
    """Names that static items may refer to."""
    deny_groups: Collection[str] = ()
    allow_groups: Collection[str] = ()
    """Names that virtual servers may refer to."""
    _missing: set[str] = field(default_factory=set)

    def knows(self, name: str) -> bool:
        """False for an interface that is missing and may not be."""
        return self.interfaces is None or self.dynamic_interfaces or name in self.interfaces

    def interface(self, name: str, place: Place, what: str) -> None:
        """keepalived starts with a missing interface only under ``dynamic_interfaces``."""
        if self.knows(name) or name in self._missing:
            return
        self._missing.add(name)
        self.report.add("LB0304", f"{what}: there is no interface '{name}'", place)
