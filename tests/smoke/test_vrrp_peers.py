# SPDX-License-Identifier: Apache-2.0
"""lbd and keepalived on one link, an instance of every kind twice: lbd leads the one and backs up the other."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from tests.smoke.namespace import Namespace
from tests.smoke.program import Program, becomes
from tests.smoke.vrrp_link import Link, start

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

LBD, KEEPALIVED = "10.88.0.10", "10.88.0.20"
AUTH = "authentication {{\nauth_type {}\nauth_pass secret\n}}"
KINDS = {
    "v2": "version 2\nadvert_int 1",
    "v2 PASS": "version 2\nadvert_int 1\n" + AUTH.format("PASS"),
    "v2 AH": "version 2\nadvert_int 1\n" + AUTH.format("AH"),
    "v3": "version 3\nadvert_int 0.2",
    "v3 slow": "version 3\nadvert_int 1.5",
    "v3 unicast": "version 3\nadvert_int 0.2\nunicast_src_ip {own}\nunicast_peer {{\n{other}\n}}",
    "v2 AH unicast": "version 2\nadvert_int 1\nunicast_src_ip {own}\nunicast_peer {{\n{other}\n}}\n"
    + AUTH.format("AH"),
    "v6": "version 3\nadvert_int 0.2",
    "v6 unicast": "version 3\nadvert_int 0.2\nunicast_src_ip {own6}\nunicast_peer {{\n{other6}\n}}",
}
ROUTERS = [(kind, leader) for kind in KINDS for leader in ("lbd", "keepalived")]
WAIT = 3 * 1.5 + 1.5
"""Seconds; the longest master-down interval of all."""


def address(number: int) -> str:
    v6 = ROUTERS[number - 1][0].startswith("v6")
    return f"fe80::99:{number:x}" if v6 else f"10.88.3.{number}"


def configuration(daemon: str) -> str:
    own, other = (LBD, KEEPALIVED) if daemon == "lbd" else (KEEPALIVED, LBD)
    own6, other6 = ("fe80::10", "fe80::20") if daemon == "lbd" else ("fe80::20", "fe80::10")
    interface = "eth0" if daemon == "lbd" else "p0"
    blocks = []
    for number, (kind, leader) in enumerate(ROUTERS, 1):
        conf = KINDS[kind]
        if "unicast" in kind:
            conf = conf.replace("{{", "{").replace("}}", "}")
            for word, value in (("{own}", own), ("{other}", other), ("{own6}", own6), ("{other6}", other6)):
                conf = conf.replace(word, value)
        priority = 150 if leader == daemon else 100
        prefix = 64 if ":" in address(number) else 32
        blocks.append(
            f"vrrp_instance P{number} {{\ninterface {interface}\nvirtual_router_id {number}\npriority {priority}\n"
            f"{conf}\nvirtual_ipaddress {{\n{address(number)}/{prefix}\n}}\n}}\n"
        )
    return "".join(blocks)


class Sides:
    def __init__(self, link: Link) -> None:
        self.link = link
        self.hosts = {"lbd": link.router, "keepalived": link.peer}
        self.programs: dict[str, Program] = {}

    def start(self, daemon: str) -> None:
        directory = self.link.directory / daemon
        directory.mkdir(exist_ok=True)
        self.programs[daemon] = start(self.hosts[daemon], daemon, configuration(daemon), directory)
        self.link.programs.append(self.programs[daemon])

    def lead(self, daemon: str) -> set[int]:
        """The numbers of those that it holds the address of."""
        held = held_by(self.hosts[daemon])
        return {n for n in range(1, len(ROUTERS) + 1) if address(n) in held}

    async def become(self, lbd: set[int], keepalived: set[int]) -> None:
        def so() -> bool:
            return (self.lead("lbd"), self.lead("keepalived")) == (lbd, keepalived)

        try:
            await becomes(so, "everybody leads its own", 3 * WAIT)
        except TimeoutError:
            wrong = {
                ROUTERS[n - 1] for n in (self.lead("lbd") ^ lbd) | (self.lead("keepalived") ^ keepalived)
            }
            raise AssertionError(f"not as they should be: {sorted(wrong)}") from None


def held_by(host: Namespace) -> set[str]:
    shown = msgspec.json.decode(host.run("ip", "-j", "addr", "show"))
    return {info["local"] for link in shown for info in link.get("addr_info", ())}


@pytest.fixture
def sides() -> Iterator[Sides]:
    with Link("peers") as link:
        yield Sides(link)


async def test_each_leads_its_own_and_takes_the_others_over(sides: Sides) -> None:
    everything = set(range(1, len(ROUTERS) + 1))
    ours = {n for n, (_, leader) in enumerate(ROUTERS, 1) if leader == "lbd"}
    for daemon in ("lbd", "keepalived"):
        sides.start(daemon)
    await sides.become(ours, everything - ours)
    marks = {name: program.mark() for name, program in sides.programs.items()}
    # in its place for a few intervals: nobody wavers
    await becomes(lambda: _sent(sides) >= 20, "adverts are exchanged", 10)
    for name, program in sides.programs.items():
        assert "Entering" not in program.text(marks[name]), name
    assert await sides.programs["keepalived"].end(10) == 0
    await sides.become(everything, set())
    sides.start("keepalived")
    await sides.become(ours, everything - ours)
    sides.link.peer.kill()  # its addresses stay, as on a machine whose kernel lives on
    await sides.programs["keepalived"].ended()
    for number in sides.lead("keepalived"):
        family = "-6" if ":" in address(number) else "-4"
        prefix = 64 if family == "-6" else 32
        sides.link.peer.run("ip", family, "addr", "del", f"{address(number)}/{prefix}", "dev", "p0")
    await sides.become(everything, set())
    sides.start("keepalived")
    await sides.become(ours, everything - ours)
    assert await sides.programs["lbd"].end(15) == 0
    await sides.become(set(), everything)


def _sent(sides: Sides) -> int:
    sides.link.read()
    return max(sides.link.adverts.values(), default=0)
