# SPDX-License-Identifier: Apache-2.0
"""What is legal and likely wrong: one function a rule, each with a code of its own.

Remarks never change the exit code of a configuration test: keepalived has none of them. They are made by ``lbd -t``
and ``lbctl config lint``, not at a start.
"""

from __future__ import annotations

from collections.abc import Sequence

from lbd.confparser.check import Item
from lbd.confparser.diagnostics import Report
from lbd.confparser.lint import checks, general, servers, service, vrrp
from lbd.confparser.lint.scope import Networks, Rule, Scope

__all__ = ["RULES", "remark"]

RULES: dict[str, Rule] = {}
for _family in (vrrp, service, servers, checks, general):
    for _code, _rule in _family.RULES.items():
        if _code in RULES:
            raise ValueError(f"{_code} has two rules")
        RULES[_code] = _rule


def remark(items: Sequence[Item], report: Report, networks: Networks | None = None) -> None:
    """Adds the remarks of all rules to the report."""
    scope = Scope(items, networks)
    for code, rule in RULES.items():
        for item, message in rule(scope):
            report.add(code, message, item.node.place(0, len(item.node.words) - 1))
