# SPDX-License-Identifier: Apache-2.0
"""The words of lb_kind, lb_algo and protocol: what the table says of each, and what happens to those not there yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lbd.confparser.addresses import port as port_value
from lbd.confparser.build.context import Context
from lbd.confparser.check import Item
from lbd.confparser.diagnostics import closest
from lbd.confparser.schema import Keyword, Status
from lbd.model import ForwardingMethod, Tunnel

DEFAULT_SCHEDULER = "wlc"
_PORT = port_value()
_CHECKSUMS = ("csum", "nocsum", "remcsum")


class UnsupportedError(Exception):
    """What is known and not there yet: what it stands in is left out."""


@dataclass(frozen=True, slots=True)
class Method:
    method: ForwardingMethod
    tunnel: Tunnel | None = None


def working(words: dict[str, Keyword]) -> list[str]:
    return [name for name, row in words.items() if row.status is Status.WORKS and not name.startswith("(")]


def _words(item: Item) -> dict[str, Keyword]:
    return dict(item.row.words) if item.row is not None else {}


def scheduler(item: Item, before: str | None, context: Context) -> str | None:
    """The scheduler that counts after this line; an unknown one changes nothing, as in keepalived."""
    name: str = item.value
    known = _words(item)
    place = item.node.place(1)
    if name in known:
        return name
    used = before or DEFAULT_SCHEDULER
    message = f"unknown scheduler '{name}': {used} is used"
    context.report.add("LB0413", message, place, suggestion=closest(name, list(known)))
    return used


def method(item: Item, context: Context, *, by_match: bool) -> Method | None:
    """None for what keepalived ignores. Raises UnsupportedError, said already.

    by_match: of ``virtual_server match``, which SNAT alone is for.
    """
    name: str = item.value[0]
    known = _words(item)
    place = item.node.place(1)
    row = known.get(name)
    if row is None:
        message = f"unknown forwarding method '{name}': ignored"
        context.report.add("LB0415", message, place, suggestion=closest(name, list(known)))
        return None
    if (name == "SNAT") != by_match:
        message = f"{item.name} {name}: SNAT and virtual_server match belong together: what uses it is left out"
        expected = "SNAT" if by_match else ", ".join(kind for kind in known if kind != "SNAT")
        context.report.add("LB0412", message, place, expected=expected)
        raise UnsupportedError
    tunnel = _Tunnels(item, context).read()  # keepalived reads the options behind any method
    return Method(ForwardingMethod(name), tunnel if name == "TUN" else None)


class _Tunnels:
    """``type ipip|gue|gre``, ``port PORT`` and a checksum, in any order."""

    def __init__(self, item: Item, context: Context) -> None:
        self._item, self._report = item, context.report
        self._words: tuple[str, ...] = item.value[1:]

    def read(self) -> Tunnel:
        """What cannot be understood leaves the plain tunnel."""
        said: dict[str, Any] = {}
        at = 0
        while at < len(self._words):
            word = self._words[at]
            value = self._words[at + 1] if at + 1 < len(self._words) else ""
            if word == "type" and value in ("ipip", "gue", "gre"):
                said["kind"], at = value, at + 2
            elif word == "port" and not (port := _PORT.read((value,) if value else ())).complaints:
                said["port"], at = port.value, at + 2
            elif word in _CHECKSUMS:
                said["checksum"], at = word, at + 1
            else:
                return self._wrong(f"'{word}' is not an option of a tunnel", at)
        return self._together(Tunnel(**said))

    def _together(self, tunnel: Tunnel) -> Tunnel:
        if (tunnel.kind == "gue") != bool(tunnel.port):
            return self._wrong("gue needs a port, and nothing else has one", 0)
        if tunnel.kind == "ipip" and tunnel.checksum != "nocsum":
            return self._wrong("ipip has no checksum", 0)
        if tunnel.kind == "gre" and tunnel.checksum == "remcsum":
            return self._wrong("gre has no remote checksum", 0)
        return tunnel

    def _wrong(self, why: str, at: int) -> Tunnel:
        place = self._item.node.place(2 + at, len(self._item.node.words) - 1)
        expected = "type ipip, type gue port PORT or type gre; csum, nocsum or remcsum"
        self._report.add(
            "LB0201", f"{self._item.name} {self._item.value[0]}: {why}: ignored", place, expected=expected
        )
        return Tunnel()
