# SPDX-License-Identifier: Apache-2.0
"""The guard stands whatever others do to the ruleset, is replaced and never doubled, and goes with its holders."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from lbd.fastpath import api
from lbd.fastpath.claim import TABLE, Claims, claim_changes, port_changes, ruleset
from lbd.kernel.guard import Guard, GuardError, spawn_holder
from lbd.kernel.settings import Settings
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root

CLAIMS = Claims(
    services=frozenset(
        {("10.9.0.100", 6, 80), ("fd09::100", 6, 80), ("10.9.0.100", 1, 0), ("fd09::7", 17, 0)}
    ),
    services_here=frozenset({("10.9.0.101", 17, 53), ("fd09::101", 58, 0)}),
    locals=frozenset({("10.9.0.21", 1025, 65535), ("fd09::21", 1025, 65535)}),
    nat=frozenset({("10.9.0.51", 6, 8080), ("10.9.0.51", 1, 0), ("10.9.0.52", 6, 0), ("fd09::51", 6, 8080)}),
    matches=frozenset(
        api.ServiceKey(address, 0, protocol, api.Match(source=source, destination=to, iif="a0", oif="b0"))
        for address, protocol, source, to in (
            (
                "0.0.0.0",
                api.Protocol.TCP,
                api.Span("10.0.0.1", "10.0.0.99"),
                api.Span(first_port=80, last_port=90),
            ),
            ("0.0.0.0", api.Protocol.ICMP, api.Span("10.0.0.1", "10.0.0.99"), api.Span()),
            ("::", api.Protocol.UDP, api.Span("fd00::1", "fd00::99"), api.Span("fd01::", "fd01::ffff")),
            ("::", api.Protocol.ICMPV6, api.Span(), api.Span()),
        )
    ),
)


@pytest.fixture
def host() -> Iterator[Namespace]:
    host = Namespace(f"lbdg{os.getpid()}")
    host.create()
    try:
        host.ip("link add a0 type veth peer name b0", "link set a0 up")
        with host.entered():
            yield host
    finally:
        host.delete()


class Repairs:
    def __init__(self) -> None:
        self.reasons: asyncio.Queue[str] = asyncio.Queue()


@pytest.fixture
async def repairs() -> Repairs:
    return Repairs()


@pytest.fixture
async def guard(host: Namespace, repairs: Repairs) -> AsyncIterator[Guard]:
    guard = Guard(None, table=TABLE, on_repair=repairs.reasons.put_nowait)
    await guard.load(text())
    yield guard
    await guard.remove()
    await guard.close()


def text(claims: Claims = CLAIMS) -> str:
    return ruleset(claims, {"a0": ["02:00:00:00:00:01"]})


def tables(host: Namespace) -> str:
    return host.run("nft", "list", "tables")


async def test_it_survives_a_flush_of_the_ruleset(host, guard):
    host.run("nft", "add", "table", "inet", "firewall")
    host.run("nft", "flush", "ruleset")
    assert tables(host).split("\n")[0] == f"table netdev {TABLE}"
    assert "firewall" not in tables(host)


async def test_it_is_replaced_and_not_doubled(host, guard):
    await guard.load(text(Claims(services=frozenset({("10.9.0.7", 6, 443)}))))
    listing = host.run("nft", "list", "ruleset")
    assert listing.count("type filter hook ingress") == 1
    assert "10.9.0.7" in listing
    assert "10.9.0.100" not in listing


async def test_changed_in_place_it_is_what_a_new_one_would_be(host, guard):
    """Claims that grow and shrink, a port more and one less; and back."""
    host.ip("link set b0 up")
    other = Claims(
        services=frozenset({("10.9.0.100", 6, 80), ("fd09::8", 132, 0), ("10.9.0.9", 17, 53)}),
        locals=frozenset({("10.9.0.22", 1025, 32767), ("fd09::21", 1025, 65535)}),
        nat=frozenset({("10.9.0.53", 6, 8080)}),
        matches=frozenset(sorted(CLAIMS.matches)[:2]),
    )
    macs = {"a0": ["02:00:00:00:00:01"], "b0": ["02:00:00:00:00:02", "02:00:00:00:00:03"]}
    states = [(CLAIMS, ["a0"]), (other, ["a0", "b0"]), (CLAIMS, ["b0"]), (Claims(), ["a0"]), (CLAIMS, ["a0"])]
    for (before, had), (after, has) in itertools.pairwise(states):
        wanted = {name: macs[name] for name in has}
        changes = claim_changes(before, after) + port_changes(
            set(had) - set(has), {n: macs[n] for n in has if n not in had}
        )
        await guard.update(changes, ruleset(after, wanted))
        changed = listing(host)
        await guard.load(ruleset(after, wanted))
        assert changed == listing(host)


def listing(host: Namespace) -> list[str]:
    """Without counters, and the elements of a set in one order."""
    text = re.sub(r"counter packets \d+ bytes \d+", "counter", host.run("nft", "list", "ruleset"))
    text = re.sub(r",\s+", ", ", text)
    return sorted(
        re.sub(r"\{ (.*) \}", lambda m: str(sorted(m[1].split(", "))), line) for line in text.split("\n")
    )


async def test_a_refused_ruleset_leaves_the_old_one(host, guard):
    with pytest.raises(GuardError, match="nonsense"):
        await guard.load("chain claim4 { nonsense }")
    assert "10.9.0.100" in host.run("nft", "list", "ruleset")


async def test_ten_thousand_services(host, guard):
    many = frozenset((f"10.{n // 250}.{n % 250}.1", 6, 80) for n in range(10_000))
    await guard.load(text(Claims(services=many)))
    assert host.run("nft", "list", "set", "netdev", TABLE, "service4").count(" . 80") == 10_000


async def test_it_is_put_right_when_its_holder_is_killed(host, guard, repairs):
    nft = guard._nft._child  # by number: pgrep would see every nft of the machine
    assert nft > 1
    began = time.monotonic()
    os.kill(nft, signal.SIGKILL)
    assert await asyncio.wait_for(repairs.reasons.get(), 5) == "the nft that holds it had ended"
    assert time.monotonic() - began < 2
    assert TABLE in tables(host)


async def test_it_outlives_one_holder_and_not_both(host, repairs):
    """Two processes hold the end: as dp and the supervisor do."""
    holder = spawn_holder()
    other = os.dup(holder.fd)
    guard = Guard(holder.fd, table=TABLE, on_repair=repairs.reasons.put_nowait)
    await guard.load(text())
    await guard.close()
    assert TABLE in tables(host)
    # a successor takes it up where it stands, and what it loads replaces it
    successor = Guard(os.dup(other), table=TABLE, on_repair=repairs.reasons.put_nowait)
    await successor.load(text())
    assert host.run("nft", "list", "ruleset").count("type filter hook ingress") == 1
    await successor.close()
    os.close(other)
    os.waitpid(holder.pid, 0)
    assert TABLE not in tables(host)


async def test_settings_are_restored_by_a_successor(host, tmp_path):
    """sysctls of this namespace; the first owner is 'killed': it never restores."""
    name = "net.ipv4.conf.a0.rp_filter"
    path = "/proc/sys/net/ipv4/conf/a0/rp_filter"
    before = host.run("cat", path).strip()
    file = str(tmp_path / "settings")
    first = Settings(file)
    first.set(name, "2" if before != "2" else "1", "a test")
    assert first.listing() == (f"{name} = {'2' if before != '2' else '1'} (was {before}): a test",)
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert host.run("cat", path).strip() != before
    Settings(file)
    assert host.run("cat", path).strip() == before
    assert not os.path.exists(file)
