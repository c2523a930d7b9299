# SPDX-License-Identifier: Apache-2.0
"""The kernel's lease: a master that sends no adverts any more has no address either, whatever became of it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest

from lbd.cli.status import ask_all
from tests.smoke.program import Program, becomes
from tests.smoke.vrrp_link import Link

pytestmark = pytest.mark.root

INTERVAL = 0.1
DOWN = 3 * INTERVAL + (256 - 150) / 256 * INTERVAL
TOLERANCE = 0.2
FOUR, SIX = "10.88.1.1", "fe80::88:2"


def text(lease: str = "on") -> str:
    return "".join(
        [
            f"global_defs {{\n@lbd vrrp_lease {lease}\n}}\n",
            *(
                f"vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {n}\nversion 3\npriority 150\n"
                f"advert_int {INTERVAL}\nvirtual_ipaddress {{\n{address}\n}}\n}}\n"
                for n, (name, address) in enumerate({"A": f"{FOUR}/16", "B": f"{SIX}/64"}.items(), 1)
            ),
        ]
    )


@pytest.fixture
def link() -> Iterator[Link]:
    with Link("lease") as link:
        yield link


async def master(link: Link, lease: str = "on", *before: str) -> Program:
    program = link.start("lbd", text(lease), *before)
    for name in "AB":
        await program.says(rf"\({name}\) Entering MASTER STATE", 15)
    await program.says("Standby of VRRP child process", 15)
    await becomes(lambda: {FOUR, SIX} <= link.addresses(), "the addresses are there", 5)
    await becomes(lambda: reaches(link, FOUR) and reaches(link, SIX), "the addresses answer", 5)
    return program


def reaches(link: Link, address: str, *, flushed: bool = True) -> bool:
    if flushed:
        link.peer.run("ip", "neigh", "flush", "all")
    to = f"{address}%p0" if ":" in address else address
    return "bytes from" in link.peer.run("sh", "-c", f"ping -c1 -W1 {to} || true")


def tables(link: Link) -> str:
    return link.router.run("nft", "list", "ruleset")


def signal_all(link: Link, number: int) -> float:
    for pid in link.router.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return time.monotonic()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize("address", [FOUR, SIX])
async def test_it_lapses_when_a_peer_takes_over(link: Link, number: int, address: str) -> None:
    await master(link)
    link.peer.run("ip", "neigh", "flush", "all")
    since = signal_all(link, number)
    to = f"{address}%p0" if ":" in address else address
    said = link.peer.run("sh", "-c", f"ping -D -i 0.02 -w 2 {to} || true")
    answers = [float(line[1:].split("]")[0]) for line in said.splitlines() if "bytes from" in line]
    assert answers, "it answers for as long as the lease runs"
    assert max(answers) - (time.time() - (time.monotonic() - since)) < DOWN + TOLERANCE
    assert {FOUR, SIX} <= link.addresses(), "nobody is there to take the addresses away"
    assert not reaches(link, address)
    assert not reaches(link, address, flushed=False)
    if number == signal.SIGSTOP:
        signal_all(link, signal.SIGCONT)
        await becomes(lambda: reaches(link, address), "it is renewed", 5)


async def test_nothing_is_left_of_it(link: Link) -> None:
    program = await master(link)
    assert FOUR in tables(link)
    shown = (await ask_all(str(link.directory / "run"))).vrrp
    assert [one.lease for one in shown] == [pytest.approx(DOWN)] * 2
    assert await program.end(15) == 0
    assert "lbd_lease" not in tables(link)


async def test_addresses_that_stay_need_none(link: Link) -> None:
    """-V: they are left in place at the stop, and answer as long as they are there."""
    program = await master(link, "on", "sh", "-c", 'exec "$@" -V', "sh")
    assert await program.end(15) == 0
    assert "lbd_lease" not in tables(link)
    time.sleep(DOWN + TOLERANCE)
    assert reaches(link, FOUR)
    assert reaches(link, SIX)


async def test_it_is_set_up_again_after_a_flush(link: Link) -> None:
    program = await master(link)
    mark = program.mark()
    link.router.run("nft", "flush", "ruleset")
    await program.says("it is set up again", 5, mark)
    await becomes(lambda: tables(link).count(f"{FOUR} timeout") == 2, "both tables have it", 5)


async def test_it_goes_where_it_is_not_wanted(link: Link) -> None:
    program = await master(link, "off")
    assert "lbd_lease" not in tables(link)
    signal_all(link, signal.SIGSTOP)
    time.sleep(DOWN + TOLERANCE)
    assert reaches(link, FOUR)
    signal_all(link, signal.SIGCONT)
    assert await program.end(15) == 0
