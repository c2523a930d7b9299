# SPDX-License-Identifier: Apache-2.0
"""An owned port: a device of DPDK behind the same four functions. net_ring gives back what is sent to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lbd.fastpath.forwarding import Link
from tests.packets.bench import NETS, Bench, request, sums_made_anew

NET = NETS[4]


@pytest.fixture(scope="module")
def ring(eal: None) -> Iterator[Bench]:
    """Port 1 is a ring; the real server has the ring's own MAC address, so what is sent to it comes in again."""
    bench = Bench()
    bench.dp.detach_port(1)
    address = bench.dp.add_ethdev_port(2, "net_ring_lbd", "", 1500)
    bench.forwarding.set_ports({1: bench.links[1], 2: Link("ring", address, 1500)}, {1: 0, 2: 2})
    bench.neighbour(2, NET.real1, address.hex(":"))
    bench.neighbour(2, NET.real2, address.hex(":"))
    try:
        yield bench
    finally:
        bench.dp.close()


def test_frame_goes_out_and_comes_in(ring):
    ring.service("fnat", 4, "UDP")
    fed = ring.feed(request(NET, "UDP", payload=b"round"))
    assert fed.verdicts == ["tx"]
    assert ring.dp.turn(ring.now) == 1
    attached, rx, tx, failed = ring.dp.port_counts(2)
    assert (attached, rx, tx, failed) == (True, 1, 1, 0)
    # to the real server's address and our MAC: nobody's claim, so the kernel's; its face of an owned port is lbd0
    assert ring.counts()["pass.not_claimed"] == 1
    (punted,) = ring.feed().punted
    assert punted.getlayer(1).dst == NET.real1
    ring.check_sums()


def test_partial_checksum_is_completed(ring):
    """A device gets no virtio header: what another port left to be made is made before it."""
    frame = bytearray(bytes(request(NET, "UDP", sport=7, payload=b"data")))
    frame[40:42] = b"\0\0"
    words = bytes(frame[26:34]) + (17).to_bytes(2, "big") + (12).to_bytes(2, "big")
    total = sum(int.from_bytes(words[i : i + 2], "big") for i in range(0, len(words), 2))
    total = (total & 0xFFFF) + (total >> 16)
    frame[40:42] = ((total & 0xFFFF) + (total >> 16)).to_bytes(2, "big")
    header = bytes([1, 0, 0, 0, 0, 0, 34, 0, 6, 0])
    assert ring.feed(bytes(frame), header=header).verdicts == ["tx"]
    assert ring.dp.turn(ring.now) == 1
    (punted,) = ring.feed().punted
    assert punted == sums_made_anew(punted)
    ring.check_sums()


def test_super_frame_is_refused_by_name(ring):
    header = bytes([1, 1, 66, 0, 200, 0, 34, 0, 6, 0])
    ring.feed(request(NET, "UDP", sport=8, payload=bytes(1000)), header=header)
    assert ring.counts()["drop.tx_refused"] == 1
    ring.check_sums()
