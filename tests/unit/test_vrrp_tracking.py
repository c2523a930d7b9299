# SPDX-License-Identifier: Apache-2.0
"""What tracked things come to for an instance (keepalived.conf(5), track_script and its kin)."""

from __future__ import annotations

import pytest

from lbd.model import Config, Tracked, TrackedInterface, Tracking, VrrpInstance, VrrpSyncGroup
from lbd.vrrp.tracking import Opinion, Seen, opinions, tracked_by


def instance(tracking: Tracking, *interfaces: TrackedInterface) -> VrrpInstance:
    return VrrpInstance(
        name="VI", interface="eth0", virtual_router_id=1, tracking=tracking, track_interface=interfaces
    )


def script(weight: int = 0, reverse: bool = False) -> VrrpInstance:
    return instance(Tracking(scripts=(Tracked(name="s", weight=weight, reverse=reverse),)))


@pytest.mark.parametrize(
    ("weight", "reverse", "up", "sum_", "fault"),
    [
        (0, False, True, 0, False),
        (0, False, False, 0, True),
        (0, True, True, 0, True),
        (0, True, False, 0, False),
        (10, False, True, 10, False),
        (10, False, False, 0, False),
        (-10, False, True, 0, False),
        (-10, False, False, -10, False),
        (10, True, True, 0, False),
        (10, True, False, 10, False),
        (-10, True, True, -10, False),
        (-10, True, False, 0, False),
    ],
)
def test_a_switch(weight, reverse, up, sum_, fault):
    said = opinions(script(weight, reverse), Seen(scripts={"s": up}))
    assert said == {"script s": Opinion(fault=fault, weight=sum_)}


@pytest.mark.parametrize(
    ("weight", "reverse", "value", "sum_", "fault"),
    [
        (1, False, 5, 5, False),
        (1, True, 5, -5, False),
        (2, False, -5, -10, False),
        (1, False, -254, 0, True),
        (1, False, -253, -253, False),
        (1, False, 1000, 253, False),
        (0, False, 0, 0, False),
        (0, False, 1, 0, True),
        (0, True, 1, 0, False),
        (0, True, 0, 0, True),
    ],
)
def test_a_file(weight, reverse, value, sum_, fault):
    conf = instance(Tracking(files=(Tracked(name="f", weight=weight, reverse=reverse),)))
    said = opinions(conf, Seen(files={"f": value}))
    assert said == {"tracked file f": Opinion(fault=fault, weight=sum_)}


def test_a_script_without_a_result_is_waited_for():
    assert opinions(script(0), Seen()) == {"script s": Opinion(awaited=True)}


def test_each_thing_has_its_say():
    conf = instance(
        Tracking(
            scripts=(Tracked(name="s", weight=5),),
            files=(Tracked(name="f", weight=2),),
            processes=(Tracked(name="p"), Tracked(name="q", weight=-20)),
            bfds=(Tracked(name="b"),),
        ),
        TrackedInterface(interface="eth1"),
        TrackedInterface(interface="eth2", weight=7),
    )
    seen = Seen(interfaces={"eth2": True}, scripts={"s": True}, files={"f": 3})
    assert opinions(conf, seen) == {
        "script s": Opinion(weight=5),
        "tracked file f": Opinion(weight=6),
        "tracked process p": Opinion(fault=True),
        "tracked process q": Opinion(weight=-20),
        "tracked BFD instance b": Opinion(fault=True),  # down until it is told of
        "tracked interface eth1": Opinion(fault=True),
        "tracked interface eth2": Opinion(weight=7),
    }


def test_what_the_group_tracks_each_member_tracks_and_its_own_line_counts():
    group = VrrpSyncGroup(
        name="G",
        members=("VI",),
        track_interface=(TrackedInterface(interface="eth1", weight=3),),
        tracking=Tracking(scripts=(Tracked(name="s", weight=-1), Tracked(name="t", weight=-2))),
    )
    joined = tracked_by(script(9), Config(vrrp_sync_groups=(group,)))
    assert joined.tracking.scripts == (Tracked(name="s", weight=9), Tracked(name="t", weight=-2))
    assert joined.track_interface == group.track_interface
    assert tracked_by(script(9), Config()) == script(9)
