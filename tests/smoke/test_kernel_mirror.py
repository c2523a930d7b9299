# SPDX-License-Identifier: Apache-2.0
"""What the kernel does in a namespace, the mirror shows; awaited by its own callback."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from lbd.kernel.addresses import Addresses
from lbd.kernel.mirror import Mirror
from lbd.kernel.values import Path
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

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.mirror = Mirror(self.changed.set)

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
