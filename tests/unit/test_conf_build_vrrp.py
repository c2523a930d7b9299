# SPDX-License-Identifier: Apache-2.0
"""vrrp_instance, vrrp_sync_group and global_defs: what comes out of the parser when nothing is wrong, or a little."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lbd.confparser import Loaded, load
from lbd.model import (
    Authentication,
    GlobalDefs,
    TrackedInterface,
    UnicastPeer,
    VirtualAddress,
    VrrpInstance,
    VrrpState,
    VrrpSyncGroup,
)

Parse = Callable[..., Loaded]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    def run(text: str, **options: object) -> Loaded:
        file = tmp_path / "keepalived.conf"
        file.write_text(text)
        return load(str(file), config_id="host", **options)  # type: ignore[arg-type]

    return run


def instance(extra: str = "", addresses: str = "10.0.0.1/24", name: str = "V", vrid: int = 5) -> str:
    return (
        f"vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n {extra}\n"
        f" virtual_ipaddress {{\n {addresses}\n }}\n}}\n"
    )


def only(loaded: Loaded) -> VrrpInstance:
    assert loaded.config is not None
    (found,) = loaded.config.vrrp_instances
    return found


def test_defaults(parse: Parse) -> None:
    loaded = parse(instance())
    assert loaded.diagnostics == ()
    assert loaded.exit_code == 0
    address = VirtualAddress(address="10.0.0.1", prefix=24, dev="eth0")
    assert only(loaded) == VrrpInstance(
        name="V", interface="eth0", virtual_router_id=5, virtual_ipaddress=(address,)
    )


EVERYTHING = """version 2
            priority 120
            advert_int 3
            mcast_src_ip 10.0.0.8
            unicast_src_ip 10.0.0.9
            unicast_peer {
                10.0.0.10
            }
            nopreempt
            down_timer_adverts 4
            garp_master_delay 7
            garp_master_repeat 2
            garp_master_refresh 60
            garp_master_refresh_repeat 3
            garp_lower_prio_delay 8
            garp_lower_prio_repeat 0
            lower_prio_no_advert
            higher_prio_send_advert yes
            dont_track_primary
            authentication {
                auth_type PASS
                auth_pass secret
            }
            virtual_ipaddress_excluded {
                fd00::1/64 dev eth1
            }"""


def test_everything_said(parse: Parse) -> None:
    loaded = parse(
        instance(
            EVERYTHING,
            "10.0.0.1/24 label eth0:1 scope link brd +\n 10.0.0.2",
        )
    )
    assert loaded.diagnostics == ()
    assert only(loaded) == VrrpInstance(
        name="V",
        interface="eth0",
        virtual_router_id=5,
        priority=120,
        advert_int=3.0,
        auth_type=Authentication.PASS,
        auth_pass=b"secret",
        virtual_ipaddress=(
            VirtualAddress(address="10.0.0.1", prefix=24, dev="eth0", label="eth0:1", scope="link", brd="+"),
            VirtualAddress(address="10.0.0.2", prefix=32, dev="eth0"),
        ),
        virtual_ipaddress_excluded=(VirtualAddress(address="fd00::1", prefix=64, dev="eth1"),),
        mcast_src_ip="10.0.0.8",
        unicast_src_ip="10.0.0.9",
        unicast_peer=(UnicastPeer(address="10.0.0.10"),),
        nopreempt=True,
        down_timer_adverts=4,
        garp_master_delay=7.0,
        garp_master_repeat=2,
        garp_master_refresh=60.0,
        garp_master_refresh_repeat=3,
        garp_lower_prio_delay=8.0,
        garp_lower_prio_repeat=0,
        lower_prio_no_advert=True,
        higher_prio_send_advert=True,
        dont_track_primary=True,
    )


@pytest.mark.parametrize(
    ("extra", "state", "priority"),
    [
        ("", VrrpState.BACKUP, 100),
        ("state MASTER", VrrpState.MASTER, 255),
        ("priority 255", VrrpState.MASTER, 255),
        ("state BACKUP\n priority 255", VrrpState.BACKUP, 255),
        ("state MASTER\n priority 90", VrrpState.MASTER, 90),
        ("state MASTER\n state BACKUP\n priority 90", VrrpState.MASTER, 90),
        ("state MASTER\n priority 300", VrrpState.MASTER, 100),
        ("priority 90\n priority 80", VrrpState.BACKUP, 80),
    ],
)
def test_state_and_priority(parse: Parse, extra: str, state: VrrpState, priority: int) -> None:
    found = only(parse(instance(extra)))
    assert (found.state, found.priority) == (state, priority)


@pytest.mark.parametrize(
    ("extra", "addresses", "version"),
    [
        ("", "10.0.0.1", 2),
        ("version 3", "10.0.0.1", 3),
        ("", "fe80::1", 3),
        ("version 2", "fe80::1", 3),
    ],
)
def test_version(parse: Parse, extra: str, addresses: str, version: int) -> None:
    assert only(parse(instance(extra, addresses))).version == version


@pytest.mark.parametrize(
    ("version", "given", "used"),
    [
        (2, "0.4", 1.0),
        (2, "1.6", 2.0),
        (2, "255", 255.0),
        (3, "0.015", 0.02),
        (3, "0.1", 0.1),
        (3, "50", 40.95),
    ],
)
def test_advert_int(parse: Parse, version: int, given: str, used: float) -> None:
    assert only(parse(instance(f"version {version}\n advert_int {given}"))).advert_int == used


def test_global_defaults_reach_the_instances(parse: Parse) -> None:
    loaded = parse(
        "global_defs {\n vrrp_version 3\n vrrp_garp_master_delay 9\n vrrp_garp_master_repeat 4\n"
        " vrrp_down_timer_adverts 5\n vrrp_lower_prio_no_advert\n}\n"
        "global_defs {\n router_id lb\n lvs_timeouts tcp 900 udp 30\n}\n" + instance("garp_master_repeat 6")
    )
    assert loaded.diagnostics == ()
    found = only(loaded)
    assert (found.version, found.down_timer_adverts, found.lower_prio_no_advert) == (3, 5, True)
    assert (found.garp_master_delay, found.garp_master_repeat) == (9.0, 6)
    assert (found.garp_lower_prio_delay, found.garp_lower_prio_repeat) == (9.0, 6)
    assert loaded.config is not None
    assert loaded.config.global_defs == GlobalDefs(router_id="lb", lvs_timeout_tcp=900, lvs_timeout_udp=30)


def test_vrrp_min_garp(parse: Parse) -> None:
    found = only(parse("global_defs {\n vrrp_min_garp\n}\n" + instance()))
    assert (found.garp_master_repeat, found.garp_master_delay) == (1, 0.0)
    assert (found.garp_lower_prio_repeat, found.garp_lower_prio_delay) == (1, 0.0)


def test_more_addresses_than_an_advert_holds_are_excluded(parse: Parse) -> None:
    loaded = parse(instance("", "\n".join(f"10.0.{n // 250}.{n % 250}" for n in range(300))))
    found = only(loaded)
    assert (len(found.virtual_ipaddress), len(found.virtual_ipaddress_excluded)) == (255, 45)
    assert [d.code for d in loaded.diagnostics] == ["LB0202"]


def test_sync_groups_and_tracked_interfaces(parse: Parse) -> None:
    loaded = parse(
        "vrrp_sync_group G {\n group {\n V W\n }\n track_interface {\n eth1\n }\n}\n"
        + instance("track_interface {\n eth2 weight -20 reverse\n }")
        + instance(name="W", vrid=6)
    )
    assert {d.code for d in loaded.diagnostics} == {"LB0325"}
    assert loaded.config is not None
    assert loaded.config.vrrp_sync_groups == (
        VrrpSyncGroup(name="G", members=("V", "W"), track_interface=(TrackedInterface(interface="eth1"),)),
    )
    assert loaded.config.vrrp_instances[0].track_interface == (
        TrackedInterface(interface="eth2", weight=0, reverse=True),
    )


def test_ah_begins_as_backup(parse: Parse) -> None:
    loaded = parse(
        instance("state MASTER\n priority 100\n authentication {\n auth_type AH\n auth_pass x\n }")
    )
    assert only(loaded).state is VrrpState.BACKUP
    assert (only(loaded).auth_type, only(loaded).auth_pass) == (Authentication.AH, b"x")
    assert "LB0307" in {d.code for d in loaded.diagnostics}
    assert loaded.exit_code == 5


def test_an_instance_belongs_to_one_sync_group(parse: Parse) -> None:
    groups = "vrrp_sync_group G {\n group {\n V\n W\n }\n}\nvrrp_sync_group H {\n group {\n V\n X\n }\n}\n"
    loaded = parse(groups + instance() + instance(name="W", vrid=6) + instance(name="X", vrid=7))
    assert [(d.code, d.line, d.column) for d in loaded.diagnostics] == [("LB0310", 9, 2)]
    assert loaded.config is not None
    assert [group.members for group in loaded.config.vrrp_sync_groups] == [("V", "W"), ("X",)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (instance().replace("eth0", "nosuch0"), (2, 12)),
        (instance("", "10.0.0.1/24 dev nosuch0"), (6, 18)),
        (instance("track_interface {\n nosuch0\n }"), (5, 2)),
    ],
)
def test_a_missing_interface_refuses_the_start(parse: Parse, text: str, place: tuple[int, int]) -> None:
    loaded = parse(text, interfaces=["lo", "eth0"])
    found = [d for d in loaded.diagnostics if d.code == "LB0304"]
    assert [(d.line, d.column) for d in found] == [place]
    assert loaded.config is None
    assert loaded.exit_code == 5


def test_dynamic_interfaces_may_be_missing(parse: Parse) -> None:
    loaded = parse("global_defs {\n dynamic_interfaces\n}\n" + instance(), interfaces=[])
    assert loaded.diagnostics == ()
    assert loaded.config is not None


def test_nobody_looked_for_interfaces(parse: Parse) -> None:
    assert parse(instance().replace("eth0", "nosuch0")).config is not None
