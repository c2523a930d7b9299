# SPDX-License-Identifier: Apache-2.0
"""Loss, delay, reordering, partitions of one link of two, crashes: who is master then, and for how long nobody is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbd.model import VirtualAddress, VrrpInstance, VrrpState, VrrpSyncGroup
from lbd.vrrp.timers import master_down_interval
from tests.machines.wire import VIP6, Node, Wire, instance

MASTER, BACKUP, FAULT = VrrpState.MASTER, VrrpState.BACKUP, VrrpState.FAULT
STEP = 0.05


def count_masters(wire: Wire, seconds: float, name: str = "VI_1") -> list[int]:
    """How many there were, looked at every 50 ms."""
    seen = []
    for _ in range(round(seconds / STEP)):
        wire.run(STEP)
        seen.append(len(wire.masters(name)))
    return seen


@pytest.mark.parametrize("seed", range(3))
def test_a_third_of_all_adverts_is_lost(seed):
    """An hour at 30 % loss and six adverts to miss: at most two false takeovers, and hardly ever nobody."""
    lost = random.Random(seed)
    wire = Wire()
    conf = {"version": 3, "advert_int": 1.0, "down_timer_adverts": 6}
    high, low = wire.node(instance(priority=150, **conf)), wire.node(instance(priority=100, **conf))
    wire.run(20)
    wire.carries = lambda: int(lost.random() > 0.3)
    seen = count_masters(wire, 3600)
    assert min(seen) >= 1
    # 0.3 ** 6 a second is 2.6 an hour; every one ends with the next advert of the higher one
    assert low.routers.instances["VI_1"].became_master <= 8
    assert high.state() is MASTER
    assert seen.count(1) > 0.99 * len(seen)


def test_late_doubled_and_overtaking_adverts_change_nothing():
    late = random.Random(1)
    wire = Wire()
    conf = {"version": 3, "advert_int": 0.1}
    high, low = wire.node(instance(priority=150, **conf)), wire.node(instance(priority=100, **conf))
    wire.run(5)
    wire.takes, wire.carries = lambda: late.uniform(0, 0.2), lambda: late.choice((1, 1, 2))
    seen = count_masters(wire, 600)
    assert set(seen) == {1}
    assert (high.state(), low.routers.instances["VI_1"].became_master) == (MASTER, 0)


def test_three_equals_are_decided_by_address_however_they_meet():
    wire = Wire()
    nodes = [wire.node(instance()) for _ in range(3)]
    wire.cut = True
    wire.run(10)
    assert wire.masters() == nodes
    wire.cut = False
    wire.run(2)
    assert wire.masters() == [nodes[2]]
    wire.takes = lambda: 0.01  # the others' timers run out together, before they hear of each other
    for survivors in ([nodes[1]], [nodes[0]]):
        wire.masters()[0].crash()
        wire.run(5)
        assert wire.masters() == survivors


def eight(priority: int) -> tuple[VrrpInstance, ...]:
    """A group of eight instances on four interfaces."""
    return tuple(
        instance(
            f"I{n}",
            interface=f"eth{n % 4}",
            virtual_router_id=n + 1,
            version=3,
            advert_int=0.1,
            priority=priority,
            virtual_ipaddress=(VirtualAddress(address=f"10.0.0.{100 + n}", prefix=24, dev=f"eth{n % 4}"),),
        )
        for n in range(8)
    )


def test_a_group_of_eight_moves_within_an_instant_whichever_member_fails():
    group = [VrrpSyncGroup(name="G", members=tuple(f"I{n}" for n in range(8)))]
    wire = Wire()
    high, low = wire.node(*eight(150), groups=group), wire.node(*eight(100), groups=group)
    wire.run(3)
    assert all(high.state(f"I{n}") is MASTER for n in range(8))
    for n in range(8):
        high.apply(high.routers.fault(f"I{n}", "interface eth0 is down", wire.now))
        assert high.held == set()
        wire.run(0.1)
        assert all(low.state(f"I{m}") is MASTER for m in range(8))
        high.apply(high.routers.recover(f"I{n}", "interface eth0 is down", wire.now))
        wire.run(1)
        assert all(high.state(f"I{m}") is MASTER for m in range(8))
        assert all(low.state(f"I{m}") is BACKUP for m in range(8))


def test_a_partition_of_one_link_of_a_group_makes_no_second_master():
    """The member that hears nobody waits for the one that does (keepalived's rule)."""
    wire = Wire()
    high, low = (wire.node(*pair(p), groups=GROUP) for p in (150, 100))
    wire.run(10)
    wire.cut_links = {"eth1"}
    wire.run(30)
    assert [high.state(n) for n in "AB"] == [MASTER] * 2
    assert [low.state(n) for n in "AB"] == [BACKUP] * 2
    high.crash()
    wire.run(10)
    assert [low.state(n) for n in "AB"] == [MASTER] * 2


GROUP = [VrrpSyncGroup(name="G", members=("A", "B"))]


def pair(priority: int) -> tuple[VrrpInstance, VrrpInstance]:
    """A group over two links, of two versions and families."""
    return (
        instance("A", priority=priority),
        instance(
            "B",
            priority=priority,
            interface="eth1",
            virtual_router_id=52,
            version=3,
            virtual_ipaddress=(VIP6,),
        ),
    )


EVENTS = (
    "cut eth0",
    "cut eth1",
    "join eth0",
    "join eth1",
    "crash",
    "boot",
    "fault",
    "recover",
    "lost",
    "weigh",
    "reload",
)


def happen(event: str, node: Node, wire: Wire, number: float) -> None:
    match event.split():
        case ["cut", link]:
            wire.cut_links.add(link)
        case ["join", link]:
            wire.cut_links.discard(link)
        case ["crash"]:
            node.crash()
        case ["boot"] if not node.alive:
            node.boot()
        case [_] if not node.alive:
            pass
        case ["fault"]:
            node.apply(node.routers.fault("A", "x", wire.now))
        case ["recover"]:
            node.apply(node.routers.recover("A", "x", wire.now))
        case ["lost"]:
            node.apply(node.routers.address_lost("B", wire.now))
        case ["weigh"]:
            for name in "AB":
                node.apply(node.routers.weigh(name, "script x", round(number * 10), wire.now))
        case ["reload"]:
            base = node.config.vrrp_instances[0].priority
            node.configure(*pair(base), groups=GROUP)


def assert_at_rest(wire: Wire, nodes: list[Node]) -> None:
    assert [len(wire.masters(n)) for n in "AB"] == [1, 1]
    assert wire.masters("A") == wire.masters("B")
    for node in nodes:
        assert node.held == {n for n in "AB" if node.state(n) is MASTER}


def test_at_rest_exactly_one_of_three_is_master_and_no_group_is_split():
    """Whatever happened before, over two links of which at least one is whole at the end."""
    steps = st.lists(
        st.tuples(st.sampled_from(EVENTS), st.integers(0, 2), st.floats(-4, 4), st.floats(0.01, 4)),
        max_size=30,
    )

    @settings(max_examples=200, deadline=None)
    @given(steps, st.sampled_from([set(), {"eth0"}, {"eth1"}]))
    def check(what, still_cut):
        wire = Wire()
        nodes = [wire.node(*pair(p), groups=GROUP) for p in (150, 120, 90)]
        for event, which, number, seconds in what:
            happen(event, nodes[which], wire, number)
            wire.run(seconds)
        wire.cut_links = still_cut
        for node in nodes:
            happen("boot", node, wire, 0)
            happen("recover", node, wire, 0)
        wire.run(5 * master_down_interval(nodes[0].conf("A"), 1, 1.0))
        assert_at_rest(wire, nodes)

    check()
