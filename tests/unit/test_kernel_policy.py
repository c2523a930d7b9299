# SPDX-License-Identifier: Apache-2.0
"""Routing rules one by one; that whole sets of them agree with the kernel is asked in a namespace."""

from __future__ import annotations

from typing import Any

import pytest

from lbd.kernel.policy import Device, Flow, Hop, Policy, Rule, devices, policy, rule_of, weighted, words
from lbd.kernel.values import Link, Path, Route

DEVICES = {
    1: Device("lo"),
    2: Device("eth0"),
    3: Device("eth1", group=7),
    4: Device("red", vrf=1000),
    5: Device("eth2", vrf=1000),
}
MAIN = Rule(family=4, priority=32766, action="table", table=254)


def route(
    address: str = "10.0.0.0", length: int = 8, table: int = 254, ifindex: int = 2, **more: Any
) -> Route:
    paths = () if more.get("kind") else (Path(ifindex, f"10.9.0.{table % 250}"),)
    return Route(address, length, more.pop("metric", 0), table, more.pop("paths", paths), **more)


def hop(*rules: Rule, routes: tuple[Route, ...], **flow: Any) -> Hop:
    asked = Flow(**{"destination": "10.1.2.3", "source": "192.0.2.1", "iif": "eth0"} | flow)
    return policy((*rules, MAIN), routes, DEVICES).next_hop(asked)


def rule(priority: int = 10, action: str = "table", table: int = 100, **more: Any) -> Rule:
    return Rule(family=4, priority=priority, action=action, table=table, **more)


TWO = (route(), route(table=100))


@pytest.mark.parametrize(
    ("words", "flow"),
    [
        ({"source": (0xC0000200, 24)}, {"source": "192.0.2.9"}),
        ({"destination": (0x0A010000, 16)}, {}),
        ({"iif": "eth0"}, {}),
        ({"oif": "eth0"}, {"oif": "eth0"}),
        ({"mark": 0x10, "mask": 0xF0}, {"mark": 0x1F}),
        ({"protocol": 6}, {"protocol": 6}),
        ({"sport": (1000, 2000)}, {"sport": 1500}),
        ({"dport": (80, 80)}, {"dport": 80}),
        ({"tos": 0x10}, {"tos": 0x10}),
        ({"uids": (0, 10)}, {}),
    ],
)
def test_what_a_rule_asks(words, flow):
    assert hop(rule(**words), routes=TWO, **flow).table == 100
    assert hop(rule(**words, invert=True), routes=TWO, **flow).table == 254


@pytest.mark.parametrize(
    "words",
    [
        {"source": (0xC0000300, 24)}, {"iif": "eth1"}, {"oif": "eth0"}, {"mark": 1, "mask": 1}, {"protocol": 6},
        {"uids": (1000, 1000)}, {"tunnel": 5}, {"tos": 0x10},
    ],
)  # fmt: skip
def test_what_it_does_not_mean(words):
    assert hop(rule(**words), routes=TWO).table == 254


def test_rules_that_end_it_and_one_that_does_nothing():
    for action in ("blackhole", "unreachable", "prohibit"):
        assert hop(rule(action=action), routes=TWO) == Hop(action)
    assert hop(rule(action="nop"), routes=TWO).table == 254


def test_goto_and_one_to_nowhere():
    jump = rule(priority=5, action="goto", goto=20)
    assert (
        hop(jump, rule(priority=10), rule(priority=20, table=101), routes=(*TWO, route(table=101))).table
        == 101
    )
    assert hop(jump, rule(priority=10), routes=TWO).table == 100


def test_a_table_without_an_answer_asks_the_next_and_so_does_throw():
    assert hop(rule(), routes=(route(),)).table == 254
    assert hop(rule(), routes=(route(), route(table=100, kind="throw"))).table == 254


def test_the_longest_prefix_then_the_lowest_metric():
    worse, better = (
        route(length=16, address="10.1.0.0", metric=9),
        route(length=16, address="10.1.0.0", metric=1, ifindex=3),
    )
    assert hop(routes=(route(), worse, better)).paths[0].ifindex == 3


def test_suppression_spares_ways_to_nowhere():
    """Found by comparing with the kernel: only an answer that is a way is suppressed."""
    short = rule(suppress_length=8)
    assert hop(short, routes=TWO).table == 254
    assert hop(short, routes=(route(), route(table=100, kind="prohibit"))).kind == "prohibit"
    assert hop(rule(suppress_group=7), routes=(route(), route(table=100, ifindex=3))).table == 254
    assert hop(rule(suppress_group=8), routes=(route(), route(table=100, ifindex=3))).table == 100


def test_a_vrf_has_the_table_of_its_interfaces():
    red = (route(), route(table=1000))
    vrf = rule(priority=1000, table=0, l3mdev=True)
    assert hop(vrf, routes=red, iif="eth2").table == 1000
    assert hop(vrf, routes=red, iif="eth0").table == 254
    links = {
        4: Link(4, "red", b"", 1500, True, False, vrf=1000),
        5: Link(5, "eth2", bytes(6), 1500, True, True, master=4),
    }
    assert devices(links) == {4: DEVICES[4], 5: DEVICES[5]}


def test_ipv6_routes_of_one_metric_are_paths_of_one():
    routes = [Route("fd00::", 16, 1, 254, (Path(2, gateway),)) for gateway in ("fe80::1", "fe80::2")]
    main = Rule(family=6, priority=32766, action="table", table=254)
    found = policy([main], routes, DEVICES).next_hop(Flow(destination="fd00::1", source="fd01::1"))
    assert [path.gateway for path in found.paths] == ["fe80::1", "fe80::2"]


def test_what_a_fresh_machine_has_is_nothing_beyond_main():
    fresh = [Rule(family=f, priority=p, action="table", table=t) for f, p, t in
             [(4, 0, 255), (4, 32766, 254), (4, 32767, 253), (6, 0, 255), (6, 32766, 254)]]  # fmt: skip
    assert Policy(tuple(fresh)).beyond_main() == ()
    assert Policy((*fresh, rule())).beyond_main() == (rule(),)


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ((1,), (1,)),
        ((5, 5), (1, 1)),
        ((1, 3), (1, 3)),
        ((1, 100), (1, 7)),
        ((3, 3, 3, 1, 1), (2, 2, 2, 1, 1)),
        ((255, 1, 1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 1, 1, 1)),
        ((10, 20, 13), (2, 4, 2)),
    ],
)
def test_weights_as_places(weights, shares):
    paths = tuple(Path(n, None, weight) for n, weight in enumerate(weights))
    placed = [path.ifindex for path in weighted(paths)]
    assert tuple(placed.count(n) for n in range(len(weights))) == shares


def test_more_paths_than_places():
    assert len(weighted(tuple(Path(n, None) for n in range(20)))) == 8


def test_a_rule_in_words():
    assert words(rule(source=(0x0A000000, 8), iif="eth0", mark=1, mask=255, invert=True)) == (
        "ip rule 10: not from 10.0.0.0/8 iif eth0 fwmark 0x1/0xff lookup 100"
    )
    six = Rule(family=6, priority=9, action="prohibit", destination=(1, 128))
    assert words(six) == "ip -6 rule 9: to ::1/128 prohibit"


class Message(dict[str, Any]):
    def get_attr(self, name: str) -> Any:
        return self["attrs"].get(name)


def test_a_rule_from_the_kernel():
    attrs = {
        "FRA_TABLE": 1000, "FRA_PRIORITY": 7, "FRA_SUPPRESS_PREFIXLEN": 0xFFFFFFFF, "FRA_SUPPRESS_IFGROUP": 7,
        "FRA_IIFNAME": "eth0", "FRA_FWMARK": 5, "FRA_UID_RANGE": "0:100", "FRA_DPORT_RANGE": "80:90",
        "FRA_SRC": "10.0.0.0", "FRA_IP_PROTO": 6,
    }  # fmt: skip
    fields = {"family": 2, "action": 1, "table": 252, "flags": 2, "src_len": 8, "dst_len": 0, "tos": 0}
    assert rule_of(Message(fields, attrs=attrs)) == Rule(
        family=4, priority=7, action="table", table=1000, invert=True, source=(0x0A000000, 8), iif="eth0", mark=5,
        mask=0xFFFFFFFF, protocol=6, dport=(80, 90), uids=(0, 100), suppress_group=7,
    )  # fmt: skip
    assert rule_of(Message(fields | {"family": 128}, attrs=attrs)) is None
