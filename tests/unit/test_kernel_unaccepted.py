# SPDX-License-Identifier: Apache-2.0
"""no_accept as nftables rules, and routes known again by what the kernel tells of their deletion."""

from __future__ import annotations

import struct

import pytest

from lbd.kernel import removals, unaccepted
from lbd.kernel.rtnl import route, rule
from lbd.kernel.unaccepted import ruleset
from lbd.model import GlobalDefs, VirtualAddress
from lbd.model.route import Route, Rule


def address(text: str, dev: str = "eth0") -> VirtualAddress:
    return VirtualAddress(address=text, prefix=32, dev=dev)


def test_addresses_are_dropped_both_ways_and_neighbours_are_found():
    text = ruleset([address("10.0.0.1"), address("fe80::1", "eth1"), address("fd00::1")], "t", -1, False)
    assert text.splitlines() == [
        "table inet t {}",
        "delete table inet t",
        "table inet t {",
        "chain input {",
        "type filter hook input priority -1; policy accept;",
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
        "ip daddr 10.0.0.1 drop",
        'iifname "eth1" ip6 daddr fe80::1 drop',
        "ip6 daddr fd00::1 drop",
        "}",
        "chain output {",
        "type filter hook output priority -1; policy accept;",
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
        "ip saddr 10.0.0.1 drop",
        'oifname "eth1" ip6 saddr fe80::1 drop',
        "ip6 saddr fd00::1 drop",
        "}",
        "}",
    ]


def test_without_addresses_there_is_no_table():
    assert ruleset([], "t", 5, True).splitlines() == ["table inet t {}", "delete table inet t"]


INDEXES = {"eth0": 3, "eth1": 4}
HELD = Route(destination="10.1.0.0/16", dev="eth0", metric=7)
RULED = Rule(family="inet", action="table", preference=100, table=1000, source="10.0.0.0/8")


def told(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 1) + body


class Hears(removals.Removals):
    def hear(self, item: Route | Rule) -> None:
        known = INDEXES.__getitem__
        request = route.remove(item, known) if isinstance(item, Route) else rule.remove(item)
        for kind, body in removals._messages(told(request.kind, request.body) * 2):
            self._removed(kind, body)


@pytest.fixture
def heard() -> list[tuple[str, Route | Rule]]:
    return []


@pytest.fixture
def hears(heard, monkeypatch) -> Hears:
    made = Hears(lambda owner, item: heard.append((owner, item)), lambda: None)
    made._events = object()  # type: ignore[assignment]
    made.hold("A", {HELD: route.add(HELD, INDEXES.__getitem__).body, RULED: rule.add(RULED).body})
    return made


@pytest.mark.parametrize("item", [HELD, RULED])
def test_what_is_ours_is_known_again(hears, heard, item):
    hears.hear(item)
    assert heard == [("A", item)] * 2


@pytest.mark.parametrize(
    "other",
    [
        Route(destination="10.1.0.0/16", dev="eth0", metric=8),
        Route(destination="10.1.0.0/16", dev="eth1", metric=7),
        Route(destination="10.1.0.0/16", dev="eth0", metric=7, table=5),
        Route(destination="10.1.0.0/16", dev="eth0", metric=7, protocol=4),
        Route(destination="10.1.0.0/17", dev="eth0", metric=7),
        Rule(family="inet", action="table", preference=101, table=1000, source="10.0.0.0/8"),
        Rule(family="inet", action="table", preference=100, table=1001, source="10.0.0.0/8"),
    ],
)
def test_what_is_somebody_elses_is_not(hears, heard, other):
    hears.hear(other)
    assert heard == []


def test_what_is_given_up_is_not_missed(hears, heard):
    hears.hold("A", {})
    hears.hear(HELD)
    assert heard == []


async def test_nft_is_asked_only_where_something_may_stand(monkeypatch):
    asked: list[str] = []

    async def nft(text: str) -> str:
        asked.append(text)
        return ""

    monkeypatch.setattr(unaccepted, "nft", nft)
    made = unaccepted.Unaccepted()
    await made.close()
    assert asked == [], "a standby"
    made.configure(GlobalDefs())
    await made.settle("A", ())
    await made.close()
    assert asked == [ruleset((), "lbd_no_accept", -1, False)], "what a predecessor may have left"
    await made.settle("A", [address("10.0.0.1")])
    await made.settle("A", [address("10.0.0.1")])
    made.configure(GlobalDefs(nftables="other"))
    await made.close()
    assert [text.split()[2] for text in asked[1:]] == ["lbd_no_accept", "lbd_no_accept", "other", "other"]
