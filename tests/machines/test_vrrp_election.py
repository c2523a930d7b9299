# SPDX-License-Identifier: Apache-2.0
"""Elections, failures and what follows: RFC 5798 section 6.4 and keepalived's additions, between machines."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lbd.model import Authentication, Config, VrrpState, VrrpSyncGroup
from lbd.vrrp.advert import Datagram, Refusal
from lbd.vrrp.routers import Routers
from tests.machines.wire import VIP6, Wire, datagram, instance, ip_header

MASTER, BACKUP, FAULT = VrrpState.MASTER, VrrpState.BACKUP, VrrpState.FAULT

VERSIONS = [
    pytest.param({"version": 2}, id="v2"),
    pytest.param({"version": 3}, id="v3"),
    pytest.param({"version": 3, "virtual_ipaddress": (VIP6,)}, id="v3-IPv6"),
    pytest.param({"version": 3, "advert_int": 0.03}, id="v3-30ms"),
    pytest.param({"version": 2, "auth_type": Authentication.PASS, "auth_pass": b"secret"}, id="v2-PASS"),
]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture(params=VERSIONS)
def kind(request):
    return request.param


def settle(wire, kind):
    wire.run(10 * kind.get("advert_int", 1.0) + 2)


def test_higher_priority_is_master(wire, kind):
    high, low = wire.node(instance(priority=150, **kind)), wire.node(instance(priority=100, **kind))
    settle(wire, kind)
    assert (high.state(), low.state()) == (MASTER, BACKUP)
    assert (high.held, low.held) == ({"VI_1"}, set())
    assert "(VI_1) Entering MASTER STATE" in high.log


def test_equal_priority_is_decided_by_address(wire, kind):
    a, b = wire.node(instance(**kind)), wire.node(instance(**kind))
    settle(wire, kind)
    wire.cut = True
    settle(wire, kind)
    assert wire.masters() == [a, b]
    wire.cut = False
    wire.run(2 * kind.get("advert_int", 1.0))
    assert wire.masters() == [b]
    assert a.held == set()


def test_takeover_within_three_intervals_and_skew(wire, kind):
    """Exactly: not a tick later, and never before the third advert is missing."""
    high, low = wire.node(instance(priority=150, **kind)), wire.node(instance(priority=100, **kind))
    settle(wire, kind)
    interval = kind.get("advert_int", 1.0)
    skew = (256 - 100) / 256 * (1.0 if kind["version"] == 2 else interval)
    high.crash()
    wire.run(2 * interval)
    assert low.state() is BACKUP
    wire.run(interval + skew)
    assert low.state() is MASTER
    assert low.garps == 5
    wire.run(5)
    assert low.garps == 10


def test_clean_stop_hands_over_within_the_skew(wire, kind):
    high, low = wire.node(instance(priority=150, **kind)), wire.node(instance(priority=100, **kind))
    settle(wire, kind)
    high.apply(high.routers.stop(wire.now))
    high.crash()
    assert "(VI_1) sent 0 priority" in high.log
    wire.run((256 - 100) / 256 * (1.0 if kind["version"] == 2 else kind.get("advert_int", 1.0)))
    assert low.state() is MASTER


def test_preempt(wire):
    low = wire.node(instance(priority=100))
    wire.run(10)
    high = wire.node(instance(priority=150))
    wire.run(10)
    assert (low.state(), high.state()) == (BACKUP, MASTER)
    assert "(VI_1) Master received advert from 10.0.0.2 with higher priority 150, ours 100" in low.log


def test_nopreempt(wire):
    low = wire.node(instance(priority=100))
    wire.run(10)
    high = wire.node(instance(priority=150, nopreempt=True))
    wire.run(60)
    assert (low.state(), high.state()) == (MASTER, BACKUP)
    low.crash()
    wire.run(4)
    assert high.state() is MASTER


def test_preempt_delay(wire):
    low = wire.node(instance(priority=100))
    wire.run(10)
    high = wire.node(instance(priority=150, preempt_delay=20.0))
    wire.run(19)
    assert high.state() is BACKUP
    wire.run(6)
    assert (low.state(), high.state()) == (BACKUP, MASTER)


def test_owner_is_master_at_once(wire):
    owner = wire.node(instance(priority=255, state=MASTER))
    assert owner.state() is MASTER


def test_partition_and_heal(wire, kind):
    """Both are master apart; one interval after the heal one is."""
    high, low = wire.node(instance(priority=150, **kind)), wire.node(instance(priority=100, **kind))
    settle(wire, kind)
    wire.cut = True
    settle(wire, kind)
    assert wire.masters() == [high, low]
    wire.cut = False
    wire.run(kind.get("advert_int", 1.0))
    assert wire.masters() == [high]


def test_master_that_hears_a_lower_one_tells_the_link_again(wire, kind):
    """The other one may have told the link that the address is its own: advert and announcements at once."""
    high = wire.node(instance(priority=150, **kind))
    settle(wire, kind)
    conf = instance(priority=100, **kind)
    v6 = conf.is_ipv6
    sent, told = high.sent, high.garps
    high.hear(conf, datagram(conf, 100, "fe80::9" if v6 else "10.0.0.9"))
    assert (high.sent, high.garps) == (sent + 1, told + 5)
    assert high.state() is MASTER


def test_one_way_loss(wire):
    """A does not hear B, B hears A: the one that is heard and outranked gives way, whoever it hears."""
    high, low = wire.node(instance(priority=150)), wire.node(instance(priority=100))
    high.deaf = True
    wire.run(20)
    assert wire.masters() == [high]
    assert low.state() is BACKUP


def test_three_nodes(wire):
    nodes = [wire.node(instance(priority=p)) for p in (100, 150, 120)]
    wire.run(10)
    assert wire.masters() == [nodes[1]]
    nodes[1].crash()
    wire.run(4)
    assert wire.masters() == [nodes[2]]


def test_a_backup_learns_the_masters_interval(wire):
    """RFC 5798 section 6.1: Master_Adver_Interval is the one of the advert."""
    high, low = wire.node(instance(version=3, priority=150, advert_int=3.0)), wire.node(instance(version=3))
    wire.run(60)
    assert wire.masters() == [high]
    high.crash()
    wire.run(8.9)
    assert low.state() is BACKUP
    wire.run(2.0)
    assert low.state() is MASTER


def test_fault_and_back(wire):
    high, low = wire.node(instance(priority=150)), wire.node(instance(priority=100))
    wire.run(10)
    high.apply(high.routers.fault("VI_1", "interface eth0 is down", wire.now))
    assert (high.state(), high.held) == (FAULT, set())
    wire.run(1)
    assert low.state() is MASTER
    high.apply(high.routers.fault("VI_1", "the dataplane is gone", wire.now))
    high.apply(high.routers.recover("VI_1", "interface eth0 is down", wire.now))
    wire.run(10)
    assert high.state() is FAULT
    high.apply(high.routers.recover("VI_1", "the dataplane is gone", wire.now))
    wire.run(10)
    assert (high.state(), low.state()) == (MASTER, BACKUP)


def test_lost_address_is_contended_for_again(wire):
    only = wire.node(instance(priority=150))
    wire.run(10)
    only.apply(only.routers.address_lost("VI_1", wire.now))
    assert (only.state(), only.held) == (BACKUP, set())
    wire.run(5)
    assert (only.state(), only.held) == (MASTER, {"VI_1"})


def group_nodes(wire):
    def pair(priority):
        return (
            instance("A", priority=priority),
            instance("B", priority=priority, virtual_router_id=52, version=3, virtual_ipaddress=(VIP6,)),
        )

    group = VrrpSyncGroup(name="G", members=("A", "B"))
    return wire.node(*pair(150), groups=[group]), wire.node(*pair(100), groups=[group])


def test_group_moves_as_one(wire):
    high, low = group_nodes(wire)
    wire.run(10)
    assert [high.state(n) for n in "AB"] == [MASTER] * 2
    high.apply(high.routers.fault("B", "interface eth0 is down", wire.now))
    assert [high.state(n) for n in "AB"] == [FAULT] * 2
    assert high.held == set()
    wire.run(1)
    assert [low.state(n) for n in "AB"] == [MASTER] * 2
    high.apply(high.routers.recover("B", "interface eth0 is down", wire.now))
    assert [high.state(n) for n in "AB"] == [BACKUP] * 2
    wire.run(10)
    assert [high.state(n) for n in "AB"] == [MASTER] * 2
    assert [low.state(n) for n in "AB"] == [BACKUP] * 2


def test_reload_touches_only_what_changed(wire):
    high, low = wire.node(instance(priority=150)), wire.node(instance(priority=100))
    wire.run(10)
    sent = high.sent
    actions, new = high.routers.configure(Config(vrrp_instances=(instance(priority=150),)), wire.now)
    assert (actions, new) == ([], [])
    actions, new = high.routers.configure(Config(), wire.now)
    high.apply(actions)
    assert (high.held, high.sent) == (set(), sent + 1)
    wire.run(1)
    assert low.state() is MASTER


def test_resume_is_no_transition_for_the_peer(wire):
    high, low = wire.node(instance(priority=150)), wire.node(instance(priority=100))
    wire.run(10)
    high.routers = Routers()
    high.routers.configure(high.config, wire.now)
    high.routers.instances["VI_1"].source = high.v4
    wire.run(1.5)
    high.apply(high.routers.resume("VI_1", wire.now))
    log = len(low.log)
    wire.run(10)
    assert (high.state(), low.state(), low.log[log:]) == (MASTER, BACKUP, [])


REFUSALS = {
    "short": (lambda p: p[:7], 255, Refusal.LENGTH),
    "TTL 254": (bytes, 254, Refusal.TTL),
    "version 3": (lambda p: bytes([0x31]) + p[1:-8], 255, Refusal.VERSION),
    "type 2": (lambda p: bytes([0x22]) + p[1:], 255, Refusal.INVALID_TYPE),
    "more addresses than bytes": (lambda p: p[:3] + b"\x09" + p[4:], 255, Refusal.LENGTH),
    "authentication of type 9": (lambda p: p[:4] + b"\x09" + p[5:], 255, Refusal.AUTH_INVALID_TYPE),
    "no authentication": (lambda p: p[:4] + b"\x00" + p[5:], 255, Refusal.AUTH_TYPE_MISMATCH),
    "another password": (lambda p: p[:-8] + b"wrong\0\0\0", 255, Refusal.AUTH_FAILURE),
    "another interval": (lambda p: p[:5] + b"\x09" + p[6:], 255, Refusal.ADVERTISEMENT_INTERVAL),
    "wrong checksum": (lambda p: p[:6] + b"\x00\x01" + p[8:], 255, Refusal.CHECKSUM),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_malformed_adverts_change_nothing(wire, case):
    change, ttl, reason = REFUSALS[case]
    conf = instance(priority=100, auth_type=Authentication.PASS, auth_pass=b"secret")
    node = wire.node(conf)
    wire.run(10)
    node.hear(conf, datagram(conf, 200, "10.0.0.9", ttl=ttl, change=change))
    assert node.routers.refusals["VI_1"] == {reason: 1}
    assert node.state() is MASTER


def test_any_bytes_are_an_advert_or_refused():
    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=80), st.sampled_from([2, 3]), st.integers(0, 255))
    def check(data, version, ttl):
        wire = Wire()
        node = wire.node(instance(version=version, priority=255, state=MASTER))
        packet = ip_header(len(data), ttl, "10.0.0.9", "224.0.0.18") + data
        made = Datagram(data=packet, source="10.0.0.9", destination="224.0.0.18", ttl=ttl)
        node.hear(node.config.vrrp_instances[0], made)

    check()


def test_at_rest_exactly_one_is_master():
    """Whatever happened before: crashes, cuts, faults, losses. Groups are never split."""
    events = st.lists(
        st.tuples(st.sampled_from(["cut", "join", "fault", "recover", "lost", "wait"]), st.integers(0, 1)),
        max_size=25,
    )

    @settings(max_examples=150, deadline=None)
    @example([("cut", 0), ("cut", 0)], [1.375, 2.125])
    @given(events, st.lists(st.floats(0.01, 4), min_size=25, max_size=25))
    def check(what, times):
        wire = Wire()
        nodes = group_nodes(wire)
        for (event, which), seconds in zip(what, times, strict=False):
            node = nodes[which]
            match event:
                case "cut":
                    wire.cut = True
                case "join":
                    wire.cut = False
                case "fault":
                    node.apply(node.routers.fault("A", "x", wire.now))
                case "recover":
                    node.apply(node.routers.recover("A", "x", wire.now))
                case "lost":
                    node.apply(node.routers.address_lost("B", wire.now))
            wire.run(seconds)
        wire.cut = False
        for node in nodes:
            node.apply(node.routers.recover("A", "x", wire.now))
        wire.run(20)
        assert [len(wire.masters(n)) for n in "AB"] == [1, 1]
        assert wire.masters("A") == wire.masters("B")
        for node in nodes:
            assert node.held == {n for n in "AB" if node.state(n) is MASTER}

    check()
