# SPDX-License-Identifier: Apache-2.0
"""The generator of the benchmarks: its frames are packets, its answers the real server's, its stages the way."""

from __future__ import annotations

import re
from array import array
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether

from benchmarks import bench_stages
from benchmarks.frames import ACK, FIN, SYN, frame
from benchmarks.plane import ANSWER, PORT, Plane, services
from lbd.fastpath import _dp
from lbd.fastpath.forwarding import Link
from tests.packets.bench import addresses, sums_made_anew

FASTPATH = Path(_dp.__file__).parent
FLOWS = 64


@pytest.fixture
def plane(eal, method, protocol, family):
    plane = Plane()
    plane.sink()
    plane.serve(services(method, family, protocol.lower(), number=3, flows=FLOWS))
    yield plane
    plane.close()


def flows(first: int = 0) -> array[int]:
    return array("I", range(first, first + FLOWS))


TWO_WAYS = pytest.mark.parametrize("method", ["fnat", "nat"])
"""Answers do not pass a director of DR."""


@pytest.mark.parametrize("flags", [SYN, ACK])
def test_frames_are_packets(protocol, family, flags):
    packet = Ether(frame(family, protocol.lower(), flags, service=2, flow=300))
    assert packet == sums_made_anew(packet)
    assert packet.getlayer(2).name == protocol


def test_each_flow_is_a_connection(plane, protocol, family):
    plane.connect(FLOWS, frame(family, protocol.lower(), SYN), number=3)
    plane.all_sent()
    assert plane.dp.totals()[3] == FLOWS
    counted = [s.counters.connections for s in plane.conf.stats().services]
    assert sum(counted) == FLOWS
    assert all(counted)


@TWO_WAYS
def test_answers_are_the_real_servers(plane, method, protocol, family):
    """Turned round, what came out opens no other connection; sums are right at both ends."""
    answers = bytearray(FLOWS * ANSWER)
    first = frame(family, protocol.lower(), SYN)
    plane.dp.replay(first, flows(), False, answers=answers)
    kept = [Ether(bytes(answers[at : at + len(first)])) for at in range(0, len(answers), ANSWER)]
    assert all(packet == sums_made_anew(packet) for packet in kept)
    assert {addresses(packet)[1] for packet in kept} == {PORT}
    plane.dp.replay(
        frame(family, protocol.lower(), SYN | ACK), flows(), False, answers=answers, backward=True
    )
    plane.all_sent()
    assert plane.dp.totals()[3] == FLOWS
    out = sum(s.counters.out_packets for s in plane.conf.stats().services)
    assert out == FLOWS


@TWO_WAYS
@pytest.mark.parametrize("protocol", ["TCP"])
def test_a_whole_life_ends_in_time(plane, method, protocol, family):
    answers = bytearray(FLOWS * ANSWER)
    plane.dp.replay(frame(family, "tcp", SYN), flows(), False, answers=answers)
    for backward, flags in ((True, SYN | ACK), (False, ACK)):
        kept = answers if backward else None
        plane.dp.replay(frame(family, "tcp", flags), flows(), False, answers=kept, backward=backward)
    assert sum(s.counters.active for s in plane.conf.stats().services) == FLOWS
    for backward in (False, True, False):
        kept = answers if backward else None
        flags = FIN | ACK
        plane.dp.replay(frame(family, "tcp", flags), flows(), False, answers=kept, backward=backward)
    plane.all_sent()
    assert sum(s.counters.active for s in plane.conf.stats().services) == 0
    plane.dp.feed((), 200.0)
    plane.dp.feed((), 400.0)
    assert plane.dp.totals()[3] == 0


def test_straight_touches_nothing(plane, protocol, family):
    plane.dp.replay(frame(family, protocol.lower(), SYN), flows(), True)
    assert plane.dp.totals()[3] == 0


def test_stages_are_measured_in_the_order_of_the_way(plane, protocol, family):
    called = re.findall(r"^    st_(\w+)\(", (FASTPATH / "worker.pxd").read_text(), re.MULTILINE)
    measured = re.findall(r"^        st_(\w+)\(", (FASTPATH / "replay.pxd").read_text(), re.MULTILINE)
    assert measured == called
    assert (*called, "send") == bench_stages.STAGES
    spent = plane.dp.replay_stages(frame(family, protocol.lower(), SYN), flows())
    assert len(spent) == len(called) + 2
    assert all(spent[: len(called)])


def test_what_cannot_be_replayed_is_said(eal):
    plane = Plane()
    plane.sink()
    with pytest.raises(_dp.DpError, match="60 to 96 bytes"):
        plane.dp.replay(bytes(59), flows(), False)
    with pytest.raises(_dp.DpError, match="there are none"):
        plane.dp.replay(frame(4, "udp"), flows(), False, backward=True)
    plane.forwarding.set_ports({1: Link("eth0", b"\2\0\0\0\0\1", 1500)}, {1: 0})
    assert plane.dp.mbufs_in_use() == 0
    plane.close()
