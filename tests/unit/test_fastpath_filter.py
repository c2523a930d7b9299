# SPDX-License-Identifier: Apache-2.0
"""The port's filter, run frame by frame by a small interpreter of classic BPF: never too little is admitted."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.layers.l2 import ARP, Ether

from lbd.fastpath.port.bpf import LONGEST
from lbd.fastpath.port.packet import packet_filter
from tests.classic_bpf import run

OURS = ("10.0.0.100", "10.0.0.21", "10.1.0.51", "fd00::100", "fd00::21")


def quoting(source: str, destination: str) -> IP | IPv6:
    """An ICMP error from a router about a packet from source to destination."""
    if ":" in source:
        return (
            IPv6(src="fd00::1", dst=source)
            / ICMPv6DestUnreach()
            / bytes(IPv6(src=source, dst=destination) / UDP())
        )
    return IP(src="10.0.0.1", dst=source) / ICMP(type=3) / bytes(IP(src=source, dst=destination) / UDP())


ADMITTED = {
    "to a service": IP(src="192.0.2.1", dst="10.0.0.100") / TCP(),
    "to a local address": IP(src="10.1.0.51", dst="10.0.0.21") / UDP(),
    "from a NAT server": IP(src="10.1.0.51", dst="192.0.2.1") / TCP(),
    "with options": IP(src="192.0.2.1", dst="10.0.0.100", options=b"\x01" * 8) / TCP(),
    "a later fragment": IP(src="192.0.2.1", dst="10.0.0.100", frag=100),
    "to a service, IPv6": IPv6(src="2001:db8::1", dst="fd00::100") / TCP(),
    "from a local address, IPv6": IPv6(src="fd00::21", dst="2001:db8::1") / TCP(),
    "an error about a NAT server's packet": quoting("192.0.2.1", "10.1.0.51"),
    "an error about an answer": quoting("10.0.0.100", "192.0.2.1"),
    "an error about an answer, IPv6": quoting("fd00::100", "2001:db8::1"),
}
REJECTED = {
    "other IPv4": IP(src="192.0.2.1", dst="10.0.0.101") / TCP(),
    "other IPv6": IPv6(src="2001:db8::1", dst="fd00::101") / TCP(),
    "ARP": ARP(),
}


@pytest.mark.parametrize("name", ADMITTED)
def test_admitted(name):
    frame = bytes(Ether() / ADMITTED[name])
    assert run(packet_filter(OURS), frame)
    assert not run(packet_filter(OURS), frame, tagged=True)


@pytest.mark.parametrize("name", REJECTED)
def test_rejected(name):
    assert not run(packet_filter(OURS), bytes(Ether() / REJECTED[name]))


def test_runts_are_rejected():
    frame = bytes(Ether() / ADMITTED["to a service"])
    assert not any(run(packet_filter(OURS), frame[:n]) for n in range(30))


def test_nothing_is_admitted_without_addresses():
    for frame in (*ADMITTED.values(), *REJECTED.values()):
        assert not run(packet_filter(()), bytes(Ether() / frame))


def test_more_addresses_than_a_program_holds_admit_all_ip():
    many = [f"10.{n >> 8}.{n & 255}.1" for n in range(3000)]
    program = packet_filter(many)
    assert len(program) <= LONGEST
    assert run(program, bytes(Ether() / REJECTED["other IPv4"]))
    assert not run(program, bytes(Ether() / ARP()))
