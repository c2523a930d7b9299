# SPDX-License-Identifier: Apache-2.0
"""The benchmarks through owned ports: their files hold one good frame of each flow, and both programs take turns."""

from __future__ import annotations

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap

from benchmarks.capture import Captures
from benchmarks.hugepages import eal_memory
from benchmarks.owned import DpdkTestpmd, Lbd, Peer, megabytes
from tests.packets.bench import addresses, sums_made_anew

FLOWS = 600


def test_capture_has_one_good_frame_of_each_flow(family, tmp_path):
    packets = rdpcap(str(Captures(family, FLOWS, tmp_path).file(FLOWS // 2)))
    assert len({addresses(packet) for packet in packets}) == len(packets) == FLOWS // 2
    assert all(Ether(bytes(packet)) == sums_made_anew(packet) for packet in packets)


def test_small_pages_need_more_memory():
    assert megabytes(1000) >= megabytes(1000, huge=True)
    assert eal_memory(1 << 40)[:2] == ["--no-huge", "--no-shconf"]


@pytest.mark.parametrize("method", ["fnat", "dr"])
def test_both_programs_take_turns(family, method, tmp_path):
    capture = Captures(family, FLOWS, tmp_path).file(FLOWS)
    with DpdkTestpmd(capture, FLOWS) as testpmd, Lbd(capture, FLOWS, method, family) as lbd:
        measured = [lbd.measure(), testpmd.measure("io"), lbd.measure(), testpmd.measure("5tswap")]
    assert all(each > 0 for each in measured)


def test_what_a_program_says_at_its_end_is_told():
    with pytest.raises(RuntimeError, match="ended: no such flow"):
        Peer(["echo", "-n", "no such flow"], prompt="ready", last="")
