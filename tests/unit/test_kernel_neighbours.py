# SPDX-License-Identifier: Apache-2.0
"""What is asked of the kernel for neighbours, and what is said where it refuses."""

from __future__ import annotations

import errno
import logging
from typing import Any

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from lbd.kernel.neighbours import Resolver

USE, MANAGED = {"flags": 1}, {"flags": 1, "flags_ext": 1}


class Asked:
    """A netlink socket that remembers; ``refuse`` has the errors of the next questions."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, str, dict[str, int]]] = []
        self.refuse: list[int] = []

    async def neigh(self, command: str, *, dst: str, ifindex: int, **how: Any) -> None:
        how.pop("state", None)
        self.calls.append((command, ifindex, dst, how))
        if self.refuse:
            raise NetlinkError(self.refuse.pop(0))


async def test_a_kept_neighbour_is_managed_once():
    asked = Asked()
    resolver = Resolver(asked)
    await resolver.keep((3, "10.0.0.2"))
    await resolver.keep((3, "10.0.0.2"))
    assert asked.calls == [("replace", 3, "10.0.0.2", MANAGED)]
    assert resolver.kept == {(3, "10.0.0.2")}


async def test_where_managed_is_refused_it_is_used():
    asked = Asked()
    asked.refuse = [errno.EINVAL]
    await Resolver(asked).keep((3, "10.0.0.2"))
    assert [how for *_, how in asked.calls] == [MANAGED, USE]


async def test_one_that_was_refused_is_managed_when_it_is_asked_for_again():
    asked = Asked()
    asked.refuse = [errno.ENOBUFS, errno.ENOBUFS]
    resolver = Resolver(asked)
    await resolver.keep((3, "10.0.0.2"))
    await resolver.resolve((3, "10.0.0.2"))
    await resolver.resolve((3, "10.0.0.3"))
    assert [how for *_, how in asked.calls] == [MANAGED, USE, MANAGED, USE]


@pytest.mark.parametrize("number", [errno.ENETDOWN, errno.ENODEV])
async def test_a_link_that_is_down_is_no_news(number, caplog):
    asked = Asked()
    asked.refuse = [number]
    await Resolver(asked).resolve((3, "10.0.0.2"))
    assert not caplog.records


async def test_only_what_is_kept_is_released():
    asked = Asked()
    resolver = Resolver(asked)
    await resolver.release((3, "10.0.0.2"))
    assert asked.calls == []
    await resolver.keep((3, "10.0.0.2"))
    asked.refuse = [errno.ENOENT]
    await resolver.release((3, "10.0.0.2"))
    assert asked.calls[-1] == ("del", 3, "10.0.0.2", {})
    assert resolver.kept == frozenset()


async def test_an_interface_that_is_gone_is_forgotten():
    resolver = Resolver(Asked())
    await resolver.keep((3, "10.0.0.2"))
    await resolver.keep((4, "10.0.0.2"))
    resolver.forget_link(3)
    assert resolver.kept == {(4, "10.0.0.2")}


async def test_a_full_table_is_said_once_until_it_is_well(caplog: pytest.LogCaptureFixture):
    asked = Asked()
    resolver = Resolver(asked)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            asked.refuse = [errno.ENOBUFS]
            await resolver.resolve((3, "10.0.0.2"))
        (record,) = caplog.records
        assert record.message == (
            "the kernel does not resolve neighbour 10.0.0.2: its table is full; "
            "sysctl -w net.ipv4.neigh.default.gc_thresh3=… makes it larger"
        )
        await resolver.resolve((3, "10.0.0.2"))
        asked.refuse = [errno.ENOBUFS]
        await resolver.resolve((3, "10.0.0.2"))
    assert len(caplog.records) == 2
