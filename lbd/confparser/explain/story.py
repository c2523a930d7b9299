# SPDX-License-Identifier: Apache-2.0
"""What is told of a code: what it means, what lbd does then, what to write instead, with a bad and a good example.

A test runs every example: the bad one gives exactly this code, the good one gives none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Example:
    """A main file (None: there is none) and what stands beside it."""

    text: str | bytes | None
    files: Mapping[str, str] = field(default_factory=dict)
    program: str = ""
    """The one of the files that has its execute bit set."""
    private: str = ""
    """The one of the files that only its owner may read."""
    interfaces: tuple[str, ...] = ("lo", "eth0", "eth1")
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Subnets of interfaces."""


@dataclass(frozen=True, slots=True)
class Story:
    text: str
    bad: Example
    good: Example


def story(text: str, bad: str | bytes | Example, good: str | Example) -> Story:
    return Story(text, _example(bad), _example(good))


def _example(given: str | bytes | Example) -> Example:
    return given if isinstance(given, Example) else Example(given)


def _block(head: str, lines: tuple[str, ...]) -> str:
    """Lines indented by their braces."""
    out, depth = [f"{head} {{"], 1
    for line in "\n".join(lines).split("\n"):
        if not line.strip():
            continue
        depth -= line.strip() == "}"
        out.append("    " * depth + line.strip())
        depth += line.endswith("{")
    return "\n".join([*out, "}", ""])


def global_defs(*lines: str) -> str:
    return _block("global_defs", lines)


def vi(*lines: str, name: str = "VI_1", vrid: int = 51, addresses: str | None = None) -> str:
    """A vrrp_instance that is right, and the lines. 51 has the address 10.0.0.1, 52 has 10.0.0.2 and so on."""
    addresses = f"10.0.0.{vrid - 50}/24" if addresses is None else addresses
    own = (f"interface eth0\nvirtual_router_id {vrid}",)
    vips = ("virtual_ipaddress {\n" + addresses + "\n}",) if addresses else ()
    return _block(f"vrrp_instance {name}", (*own, *lines, *vips))


def vs(*lines: str, head: str = "10.0.0.1 80", kind: str = "NAT", servers: str | None = None) -> str:
    """A virtual_server that is right, and the lines."""
    own = ("lb_algo rr", f"lb_kind {kind}", "protocol TCP")
    return _block(f"virtual_server {head}", (*own, *lines, rs() if servers is None else servers))


CHECK = "TCP_CHECK {\nconnect_timeout 3\n}"


def rs(*lines: str, address: str = "10.0.1.1 80", check: str = CHECK) -> str:
    """A real_server for ``vs``."""
    return _block(f"real_server {address}", (*lines, check))


def checked(*lines: str) -> str:
    """A virtual_server whose one real server has these lines and no other check."""
    return vs(servers=rs(*lines, check=""))


def block(head: str, *lines: str) -> str:
    return _block(head, lines)
