# SPDX-License-Identifier: Apache-2.0
"""Somebody else takes away what a master holds, or links go down: lbd and keepalived do the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest

from tests.smoke.program import Program, becomes
from tests.smoke.vrrp_link import Link

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

TEXT = """track_group G {
    group {
        A
    }
}
static_ipaddress {
    192.0.2.7/32 dev eth2 track_group G
    192.0.2.8/32 dev eth0
    192.0.2.9/32 dev eth0
}
static_routes {
    198.51.100.0/24 dev eth0 table 77
}
static_rules {
    from 192.0.2.1 table 77 preference 700
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    version 3
    advert_int 0.1
    virtual_ipaddress {
        10.88.4.1/24
        10.88.5.1/24 dev eth1
    }
    virtual_routes {
        203.0.113.0/25 via 10.88.0.20 dev eth0
        203.0.113.128/25 via 10.88.0.20 dev eth0 no_track
        203.0.114.0/25 dev eth3
    }
    virtual_rules {
        from 10.88.4.0/24 table 1000 priority 500
        from 10.88.5.0/24 table 1000 priority 501 no_track
    }
}
"""


@pytest.fixture
def link() -> Iterator[Link]:
    with Link("gone") as made:
        for number in (1, 2, 3):
            made.router.ip(
                f"link add eth{number} type veth peer name peer{number}",
                f"link set eth{number} up",
                f"link set peer{number} up",
            )
        yield made


async def leads(link: Link, program: Program, mark: int = 0) -> None:
    """It has become master, and all that it holds is there."""
    await program.says(r"\(A\) Entering MASTER STATE", 15, mark)
    await becomes(lambda: "500:" in link.router.run("ip", "rule"), "all of it is there", 5)


TAKEN = {
    "route del 203.0.113.0/25 via 10.88.0.20 dev eth0": "BACKUP",
    "rule del priority 500": "BACKUP",
    "addr del 10.88.5.1/24 dev eth1": "BACKUP",
    "link set eth1 down": "FAULT",
    "link set eth2 down": "FAULT",
    "link set eth3 down": "FAULT",
}
IGNORED = ("route del 203.0.113.128/25", "rule del priority 501")
RESTORED = {
    "addr del 192.0.2.8/32 dev eth0": "addr show dev eth0",
    "addr del 192.0.2.9/32 dev eth0": "addr show dev eth0",
    "route del 198.51.100.0/24 table 77": "route show table 77",
    "rule del preference 700": "rule",
}


@pytest.mark.parametrize("daemon", ["lbd", "keepalived"])
async def test_what_is_taken_away(link: Link, daemon: str) -> None:
    program = link.start(daemon, TEXT)
    await leads(link, program)
    mark = program.mark()
    link.router.ip(*IGNORED)
    for command, shows in RESTORED.items():
        before = link.router.run("ip", *shows.split())
        link.router.ip(command)
        back = re.search(r"[0-9.]{7,}|700", command)
        assert back is not None
        await becomes(partial(_shows, link, shows, back[0]), f"{command}: it is back", 5)
        assert sorted(before.split()) == sorted(link.router.run("ip", *shows.split()).split())
    assert "Entering" not in program.text(mark)
    for command, state in TAKEN.items():
        mark = program.mark()
        link.router.ip(command)
        await program.says(rf"\(A\) Entering {state} STATE", 5, mark)
        if state == "FAULT":
            await becomes(lambda: "10.88.4.1" not in link.addresses(), "its addresses are gone", 5)
            link.router.ip(command.replace("down", "up"))
        await leads(link, program, mark)
        assert program.text(mark).count("Entering MASTER") == 1
    assert "203.0.113.128/25" in link.router.run("ip", "route"), "reinstated with the next transition"


def _shows(link: Link, command: str, word: str) -> bool:
    return word in link.router.run("ip", *command.split())


DELAYED = """interface_up_down_delays {
    eth1 0.6 0.3
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    version 3
    advert_int 0.5
    priority 200
    no_accept
    virtual_ipaddress {
        10.88.4.1/24
    }
    track_interface {
        eth1
    }
}
"""


async def test_a_link_that_bounces_and_addresses_that_are_not_accepted(link: Link) -> None:
    program = link.start("lbd", DELAYED)
    await program.says(r"\(A\) Entering MASTER STATE", 15)
    await becomes(lambda: "10.88.4.1" in link.addresses(), "the address is there", 5)
    link.peer.run("ping", "-c1", "-W2", "10.88.0.10")
    with pytest.raises(Exception, match="ping"):
        link.peer.run("ping", "-c1", "-W1", "-I", "10.88.0.20", "10.88.4.1")
    assert "10.88.4.1" in link.router.run("nft", "list", "table", "inet", "lbd_no_accept")
    mark = program.mark()
    link.router.ip("link set eth1 down", "link set eth1 up")
    began = len(program.text())
    link.router.ip("link set eth1 down")
    await program.says(r"\(A\) Entering FAULT STATE", 5, mark)
    assert program.text()[began:].count("Entering") == 1
    await becomes(
        lambda: "lbd_no_accept" not in link.router.run("nft", "list", "tables"), "the filter is gone", 5
    )
    link.router.ip("link set eth1 up")
    await program.says(r"\(A\) Entering MASTER STATE", 10, mark)
    assert await program.end(15) == 0
    assert "lbd_no_accept" not in link.router.run("nft", "list", "tables")
