# SPDX-License-Identifier: Apache-2.0
"""What the kernel does in a namespace, the mirror shows; awaited by its own callback."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from lbd.kernel.addresses import Addresses
from lbd.kernel.mirror import EVERYTHING, Mirror
from lbd.kernel.values import Neighbour, Path, Route
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root


@pytest.fixture
def host() -> Iterator[Namespace]:
    """a0 (10.9.0.1/24, fd09::1/64) on a wire to b0; this thread is in it for the whole test."""
    host = Namespace(f"lbdk{os.getpid()}")
    host.create()
    try:
        host.ip("link add a0 type veth peer name b0", "link set a0 up", "link set b0 up")
        host.ip("addr add 10.9.0.1/24 dev a0", "addr add fd09::1/64 dev a0 nodad")
        with host.entered():
            yield host
    finally:
        host.delete()


class Watched:
    """A mirror and a way to await what it shows."""

    def __init__(self, what: frozenset[str] = EVERYTHING) -> None:
        self.changed = asyncio.Event()
        self.mirror = Mirror(self.changed.set, what=what)

    async def until(self, true: Callable[[Mirror], object]) -> None:
        async with asyncio.timeout(5):
            while not true(self.mirror):
                self.changed.clear()
                await self.changed.wait()

    def index(self, name: str) -> int:
        link = self.mirror.by_name(name)
        assert link is not None
        return link.ifindex


@pytest.fixture
async def watched(host: Namespace) -> AsyncIterator[Watched]:
    watched = Watched()
    await watched.mirror.start()
    yield watched
    await watched.mirror.close()


async def test_it_knows_what_was_there(watched):
    mirror = watched.mirror
    a0 = watched.index("a0")
    assert mirror.links[a0].up
    assert mirror.links[a0].ethernet
    assert not mirror.links[watched.index("lo")].ethernet
    assert mirror.addresses[a0, "10.9.0.1"].prefix == 24
    assert mirror.addresses[a0, "fd09::1"].prefix == 64
    routes = {(r.address, r.length): r.paths for r in mirror.routes}
    assert routes["10.9.0.0", 24] == (Path(a0, None),)
    assert routes["fd09::", 64] == (Path(a0, None),)


async def test_links_and_addresses_are_followed(host, watched):
    a0 = watched.index("a0")
    host.ip("addr add 10.9.0.7/32 dev a0")
    await watched.until(lambda m: (a0, "10.9.0.7") in m.addresses)
    host.ip("addr del 10.9.0.7/32 dev a0")
    await watched.until(lambda m: (a0, "10.9.0.7") not in m.addresses)
    host.ip("link set a0 down")
    await watched.until(lambda m: not m.links[a0].up)
    await watched.until(lambda m: not any(r.address == "10.9.0.0" for r in m.routes))
    host.ip("link set a0 mtu 9000 up")
    await watched.until(lambda m: m.links[a0].up and m.links[a0].mtu == 9000)
    assert "links" in watched.mirror.take_dirty()


async def test_an_interface_goes_and_comes_back(host, watched):
    before = watched.index("a0")
    host.ip("link del a0")
    await watched.until(lambda m: m.by_name("a0") is None)
    assert not any(index == before for index, _ in watched.mirror.addresses)
    host.ip("link add a0 type veth peer name b0", "link set a0 up", "link set b0 up")
    await watched.until(lambda m: (link := m.by_name("a0")) is not None and link.up)
    assert watched.index("a0") != before


async def test_routes_are_followed(host, watched):
    a0 = watched.index("a0")

    def paths(address: str, length: int) -> tuple[Path, ...] | None:
        return next(
            (r.paths for r in watched.mirror.routes if (r.address, r.length) == (address, length)), None
        )

    host.ip(
        "route add default via 10.9.0.254",
        "route add blackhole 10.66.0.0/16",
        "route add default via fd09::254",
    )
    await watched.until(lambda _: paths("0.0.0.0", 0) == (Path(a0, "10.9.0.254"),))
    await watched.until(lambda _: paths("10.66.0.0", 16) == ())
    await watched.until(lambda _: paths("::", 0) == (Path(a0, "fd09::254"),))
    host.ip("route add 10.77.0.0/16 nexthop via 10.9.0.2 nexthop via 10.9.0.3")
    await watched.until(lambda _: paths("10.77.0.0", 16) == (Path(a0, "10.9.0.2"), Path(a0, "10.9.0.3")))
    host.ip("route add 10.66.0.0/16 via 10.9.0.9 metric 50")
    host.ip("route del blackhole 10.66.0.0/16")
    await watched.until(lambda _: paths("10.66.0.0", 16) == (Path(a0, "10.9.0.9"),))


async def test_neighbours_are_followed_and_resolved(host, watched):
    a0 = watched.index("a0")
    other = Namespace(f"lbdn{os.getpid()}")
    other.create()
    try:
        host.ip(f"link set b0 netns {other.name}")
        other.ip("addr add 10.9.0.2/24 dev b0", "addr add fd09::2/64 dev b0 nodad", "link set b0 up")
        await watched.until(lambda m: m.links[a0].up)
        for address in ("10.9.0.2", "fd09::2"):
            await watched.mirror.resolve(a0, address)
            await watched.until(
                lambda m, a=address: (n := m.neighbours.get((a0, a))) is not None and n.usable
            )
            assert (a0, address) in watched.mirror.take_changed_neighbours()
        await watched.mirror.keep_resolved(a0, "10.9.0.2")
        assert "managed" in host.run("ip", "neigh", "show", "dev", "a0")
        await watched.mirror.release(a0, "10.9.0.2")
        await watched.until(lambda m: (a0, "10.9.0.2") not in m.neighbours)
    finally:
        other.delete()


async def test_an_address_under_two_prefixes(host, watched):
    """The interface has it until both are gone."""
    a0 = watched.index("a0")
    host.ip("addr add 10.9.0.1/32 dev a0")
    for going, left in ((24, 32), (32, 24)):
        await watched.until(lambda m: m._prefixes[a0, "10.9.0.1"].keys() == {24, 32})
        host.ip(f"addr del 10.9.0.1/{going} dev a0")
        await watched.until(lambda m, left=left: m.addresses[a0, "10.9.0.1"].prefix == left)
        host.ip(f"addr add 10.9.0.1/{going} dev a0")
    host.ip("addr del 10.9.0.1/32 dev a0", "addr del 10.9.0.1/24 dev a0")
    await watched.until(lambda m: (a0, "10.9.0.1") not in m.addresses)


async def test_routes_that_go_without_a_word(host, watched):
    """The kernel sends no event for a route whose source address goes, nor for a path over a link that went down."""
    a0 = watched.index("a0")

    def route(address: str) -> Route | None:
        return next((r for r in watched.mirror.routes if r.address == address), None)

    host.ip("addr add 10.9.0.7/32 dev a0", "route add 10.71.0.0/16 via 10.9.0.2 src 10.9.0.7")
    await watched.until(lambda _: (r := route("10.71.0.0")) is not None and r.source == "10.9.0.7")
    host.ip("addr del 10.9.0.7/32 dev a0")
    await watched.until(lambda _: route("10.71.0.0") is None)

    host.ip(
        "link add a1 type veth peer name b1",
        "link set a1 up",
        "link set b1 up",
        "addr add 10.8.0.1/24 dev a1",
    )
    host.ip("route add 10.72.0.0/16 nexthop via 10.9.0.2 weight 3 nexthop via 10.8.0.2")
    await watched.until(lambda _: (r := route("10.72.0.0")) is not None and len(r.paths) == 2)
    host.ip("link set a1 down")
    await watched.until(
        lambda _: (r := route("10.72.0.0")) is not None and r.paths == (Path(a0, "10.9.0.2", 3),)
    )


async def test_a_table_that_only_main_leaves_open(host, watched):
    host.ip(
        "route add 10.9.0.64/26 via 10.9.0.3 table default",
        "route add 10.73.0.0/16 via 10.9.0.3 table default",
    )
    await watched.until(lambda m: any(r.address == "10.73.0.0" for r in m.routes))
    assert not any(r.address == "10.9.0.64" for r in watched.mirror.routes)


async def test_kept_neighbours_stay_kept(host, watched):
    """A flush of the table and a link that goes down make the kernel forget them: they are asked for again."""
    a0 = watched.index("a0")
    key = (a0, "10.9.0.2")
    other = Namespace(f"lbdn{os.getpid()}")
    other.create()

    def usable(mirror: Mirror) -> bool:
        return key in mirror.neighbours and mirror.neighbours[key].usable

    try:
        host.ip(f"link set b0 netns {other.name}")
        other.ip("addr add 10.9.0.2/24 dev b0", "link set b0 up")
        await watched.until(lambda m: m.links[a0].up)
        await watched.mirror.keep_resolved(*key)
        await watched.until(usable)
        watched.mirror.take_changed_neighbours()
        for disturb in (("neigh del 10.9.0.2 dev a0",), ("link set a0 down", "link set a0 up")):
            host.ip(*disturb)
            await watched.until(lambda m: key in m.take_changed_neighbours())
            await watched.until(usable)
            assert "managed" in host.run("ip", "neigh", "show", "10.9.0.2", "dev", "a0")
    finally:
        other.delete()


async def test_what_was_set_by_hand_is_left_alone(host, watched):
    a0 = watched.index("a0")
    host.ip("neigh add 10.9.0.9 lladdr 02:00:00:00:00:09 dev a0 nud permanent")
    await watched.until(lambda m: (a0, "10.9.0.9") in m.neighbours)
    assert watched.mirror.neighbours[a0, "10.9.0.9"] == Neighbour(bytes.fromhex("020000000009"), True, True)
    await watched.mirror.keep_resolved(a0, "10.9.0.9")
    await watched.mirror.release(a0, "10.9.0.9")
    assert "PERMANENT" in host.run("ip", "neigh", "show", "10.9.0.9", "dev", "a0")


async def test_it_is_told_of_everything_at_once(host):
    """Whoever is called sees links and addresses of one and the same reading."""
    seen: list[tuple[bool, bool]] = []
    told = asyncio.Event()

    def look() -> None:
        seen.append((bool(mirror.links), bool(mirror.addresses)))
        told.set()

    mirror = Mirror(look)
    await mirror.start()
    await asyncio.wait_for(told.wait(), 5)
    await mirror.close()
    assert seen == [(True, True)]


async def test_it_follows_what_it_was_asked_for(host):
    watched = Watched(what=frozenset({"links", "addresses"}))
    await watched.mirror.start()
    assert watched.mirror.take_dirty() == {"links", "addresses"}
    a0 = watched.index("a0")
    host.ip("route add 10.74.0.0/16 via 10.9.0.2", "neigh add 10.9.0.9 lladdr 02:00:00:00:00:09 dev a0")
    host.ip("addr add 10.9.0.7/32 dev a0")
    await watched.until(lambda m: (a0, "10.9.0.7") in m.addresses)
    assert (watched.mirror.routes, watched.mirror.neighbours) == ((), {})
    assert watched.mirror.take_dirty() == {"addresses"}
    await watched.mirror.close()


async def test_a_mirror_that_never_started_closes(host):
    await Mirror(lambda: None).close()


async def test_lost_events_are_made_good(host, monkeypatch, caplog):
    """The loop does not read for a while, and more comes than the kernel's least buffer holds."""
    monkeypatch.setattr("lbd.kernel.mirror.RECEIVE_BYTES", 1)
    watched = Watched()
    await watched.mirror.start()
    host.ip(*(f"addr add 10.8.{n // 250}.{n % 250 + 1}/32 dev a0" for n in range(500)))
    await watched.until(lambda m: sum(a.startswith("10.8.") for _, a in m.addresses) == 500)
    assert "reading everything again" in caplog.text
    await watched.mirror.close()


async def test_addresses_are_added_once_and_removed_once(host, watched):
    addresses = Addresses()
    a0 = watched.index("a0")
    for address, prefix in (("10.9.0.100", 32), ("fd09::100", 128)):
        assert await addresses.add(address, prefix, "a0", nodad=True, noprefixroute=True)
        assert not await addresses.add(address, prefix, "a0", nodad=True, noprefixroute=True)
        assert await addresses.present(address, "a0")
        await watched.until(lambda m, a=address: (a0, a) in m.addresses)
        assert await addresses.remove(address, prefix, "a0")
        assert not await addresses.remove(address, prefix, "a0")
        assert not await addresses.present(address, "a0")
    await addresses.close()


async def test_words_of_ip_address(host, watched):
    """brd + is computed, a label and a scope are the kernel's; an address that is no source is deprecated."""
    addresses = Addresses()
    await addresses.add("10.10.0.200", 24, "a0", label="a0:vip", scope="link", brd="+")
    await addresses.add("10.9.0.201", 32, "a0", brd="-")
    await addresses.add("fd09::200", 128, "a0", nodad=True, source=False)
    shown = host.run("ip", "addr", "show", "dev", "a0")
    assert "10.10.0.200/24 brd 10.10.0.255 scope link a0:vip" in shown
    assert "10.9.0.201/32 scope global" in shown
    assert re.search(r"fd09::200/128 scope global .*deprecated", shown)
    assert "src fd09::1" in host.run("ip", "route", "get", "fd09::9")
    await addresses.close()
