# SPDX-License-Identifier: Apache-2.0
"""Gratuitous ARP and unsolicited NA at a pace: by interface, by group, by family, and never after the state is left."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from lbd.model import Config, GarpGroup, GlobalDefs
from lbd.vrrp.io.garp import Announcer


class Recorder(Announcer):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str, float]] = []

    def _send(self, interface: str, ifindex: int, mac: bytes, address: str) -> None:
        self.sent.append((interface, address, asyncio.get_running_loop().time()))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def announce(recorder: Recorder, interface: str, *addresses: str, still: bool = True) -> None:
    for address in addresses:
        recorder.announce(interface, 2, bytes(6), address, lambda: still)


async def test_without_a_pace_they_leave_at_once(recorder):
    announce(recorder, "eth0", "10.0.0.1", "10.0.0.2", "fd00::1")
    assert [address for _, address, _ in recorder.sent] == ["10.0.0.1", "10.0.0.2", "fd00::1"]


async def test_each_family_and_interface_has_its_own_pace(recorder):
    recorder.pace(Config(global_defs=GlobalDefs(vrrp_garp_interval=0.05)))
    announce(recorder, "eth0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1")
    announce(recorder, "eth1", "10.0.1.1")
    assert [address for _, address, _ in recorder.sent] == ["fd00::1"]
    async with asyncio.timeout(5):
        while len(recorder.sent) < 5:
            await asyncio.sleep(0.01)
    on = [(address, at) for interface, address, at in recorder.sent if interface == "eth0"][1:]
    assert [address for address, _ in on] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert all(later - earlier >= 0.045 for (_, earlier), (_, later) in itertools.pairwise(on))


async def test_a_group_shares_one(recorder):
    group = GarpGroup(interfaces=("eth0", "eth1"), garp_interval=0.05)
    recorder.pace(Config(garp_groups=(group,)))
    announce(recorder, "eth0", "10.0.0.1")
    announce(recorder, "eth1", "10.0.1.1")
    announce(recorder, "eth2", "10.0.2.1")
    async with asyncio.timeout(5):
        while len(recorder.sent) < 3:
            await asyncio.sleep(0.01)
    at = {interface: when for interface, _, when in recorder.sent}
    assert at["eth1"] - at["eth0"] >= 0.045
    assert at["eth2"] <= at["eth0"]


async def test_what_waits_is_dropped_where_it_is_no_longer_true(recorder):
    recorder.pace(Config(global_defs=GlobalDefs(vrrp_garp_interval=0.01)))
    announce(recorder, "eth0", "10.0.0.1", "10.0.0.2", still=False)
    announce(recorder, "eth0", "10.0.0.3")
    async with asyncio.timeout(5):
        while not recorder.sent:
            await asyncio.sleep(0.01)
    assert [address for _, address, _ in recorder.sent] == ["10.0.0.3"]
