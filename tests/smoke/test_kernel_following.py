# SPDX-License-Identifier: Apache-2.0
"""Where the kernel does something without a word, or says something that changes nothing: the mirror is right."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from lbd.kernel.mirror import Mirror
from lbd.kernel.values import Neighbour, Path, Route
from tests.smoke.kernel_stage import Watched, wired_host
from tests.smoke.namespace import Namespace

pytestmark = pytest.mark.root


@pytest.fixture
def host() -> Iterator[Namespace]:
    with wired_host("lbdf") as host:
        yield host


@pytest.fixture
async def watched(host: Namespace) -> AsyncIterator[Watched]:
    watched = Watched()
    await watched.mirror.start()
    yield watched
    await watched.mirror.close()


async def test_an_address_under_two_prefixes(host, watched):
    """The interface has it until both are gone."""
    a0 = watched.index("a0")
    host.ip("addr add 10.9.0.1/32 dev a0")
    for going, left in ((24, 32), (32, 24)):
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
    other = Namespace(f"lbdfn{os.getpid()}")
    other.create()

    def usable(mirror: Mirror) -> bool:
        return key in mirror.neighbours and mirror.neighbours[key].usable

    try:
        host.ip(f"link set b0 netns {other.name}")
        other.ip("addr add 10.9.0.2/24 dev b0", "link set b0 up")
        await watched.until(lambda m: m.links[a0].up)
        await watched.mirror.keep_resolved(*key)
        await watched.until(usable)
        for disturb in (("neigh del 10.9.0.2 dev a0",), ("link set a0 down", "link set a0 up")):
            watched.mirror.take_changed_neighbours()
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


async def test_a_reading_that_fails_is_tried_again(host, monkeypatch, caplog):
    """After lost events, with a kernel that is short of memory just then."""
    monkeypatch.setattr("lbd.kernel.mirror.RECEIVE_BYTES", 1)
    monkeypatch.setattr("lbd.kernel.mirror.RETRY", 0.01)
    watched = Watched()
    await watched.mirror.start()
    reading = watched.mirror.read_all
    refused = [NetlinkError(errno.ENOMEM), OSError(errno.ENOBUFS, "No buffer space available")]

    async def fails_twice() -> None:
        if refused:
            raise refused.pop()
        await reading()

    monkeypatch.setattr(watched.mirror, "read_all", fails_twice)
    host.ip(*(f"addr add 10.8.{n // 250}.{n % 250 + 1}/32 dev a0" for n in range(500)))
    await watched.until(lambda m: sum(a.startswith("10.8.") for _, a in m.addresses) == 500)
    assert not refused
    assert caplog.text.count("trying again") == 2
    await watched.mirror.close()
