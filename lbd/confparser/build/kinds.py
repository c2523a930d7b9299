# SPDX-License-Identifier: Apache-2.0
"""The words of lb_kind, lb_algo and protocol: which of them this version forwards by, and what happens to others."""

from __future__ import annotations

from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.confparser.diagnostics import closest
from lbd.model import ForwardingMethod

SCHEDULERS = ("rr", "wrr", "wlc")
_KNOWN_SCHEDULERS = ("lc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq", "twos", "conhash")
_REFUSED_METHODS = ("TUN", "SNAT")
DEFAULT_SCHEDULER = "wlc"


class UnsupportedError(Exception):
    """A forwarding method that is known and not there yet: what it stands in is left out."""


def scheduler(item: Item, before: str | None, context: Context) -> str | None:
    """The scheduler that counts after this line; an unknown one changes nothing, as in keepalived."""
    name: str = item.value
    place = item.node.place(1)
    if name in SCHEDULERS:
        return name
    if name in _KNOWN_SCHEDULERS:
        message = f"{item.name} {name} is not there yet: {DEFAULT_SCHEDULER} is used"
        context.report.add("LB0414", message, place, expected="one of " + ", ".join(SCHEDULERS))
        return DEFAULT_SCHEDULER
    used = before or DEFAULT_SCHEDULER
    context.report.add(
        "LB0413",
        f"unknown scheduler '{name}': {used} is used",
        place,
        suggestion=closest(name, (*SCHEDULERS, *_KNOWN_SCHEDULERS)),
    )
    return used


def method(item: Item, context: Context) -> ForwardingMethod | None:
    """None for an unknown word, which keepalived ignores. Raises UnsupportedError, said already."""
    name: str = item.value[0]
    place = item.node.place(1)
    if name in _REFUSED_METHODS:
        message = f"{item.name} {name} is not there yet: what uses it is left out"
        context.report.add("LB0412", message, place, expected="one of " + ", ".join(_names()))
        raise UnsupportedError
    if name not in _names():
        suggestion = closest(name, (*_names(), *_REFUSED_METHODS))
        context.report.add("LB0415", f"unknown forwarding method '{name}': ignored", place, suggestion=suggestion)
        return None
    if len(item.value) > 1:
        extra = " ".join(item.value[1:])
        message = f"{item.name} {name}: unknown option '{extra}'"
        context.report.add("LB0201", message, item.node.place(2, len(item.node.words) - 1), expected="nothing more")
    return ForwardingMethod(name)


def _names() -> tuple[str, ...]:
    return tuple(kind.value for kind in ForwardingMethod)
