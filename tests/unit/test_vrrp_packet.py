# SPDX-License-Identifier: Apache-2.0
"""Adverts to the byte: what scapy, written by others from the same RFCs, makes of them and makes itself."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.vrrp import VRRP, VRRPv3

from lbd.model import Authentication, VirtualAddress, VrrpInstance
from lbd.vrrp.advert import GROUP4, GROUP6
from lbd.vrrp.io.garp import gratuitous_arp, neighbour_advertisement
from lbd.vrrp.packet import Security, decode, encode
from tests.machines.wire import datagram


def conf(*addresses: str, **more: object) -> VrrpInstance:
    virtual = tuple(VirtualAddress(address=a, prefix=32, dev="eth0") for a in addresses)
    return VrrpInstance(
        name="VI_1", interface="eth0", virtual_router_id=51, virtual_ipaddress=virtual, **more
    )


def test_v2():
    made = encode(conf("10.0.0.100", "10.0.0.101"), 150, "10.0.0.1", GROUP4)
    theirs = VRRP(vrid=51, priority=150, addrlist=["10.0.0.100", "10.0.0.101"], adv=1)
    assert made == bytes(theirs)


def test_v2_with_a_password():
    made = encode(
        conf("10.0.0.100", auth_type=Authentication.PASS, auth_pass=b"secret"), 150, "10.0.0.1", GROUP4
    )
    theirs = VRRP(
        vrid=51, priority=150, addrlist=["10.0.0.100"], authtype=1, auth1=0x73656372, auth2=0x65740000
    )
    assert made == bytes(theirs)


def test_v3():
    made = encode(conf("10.0.0.100", version=3, advert_int=0.5), 150, "10.0.0.1", GROUP4)
    theirs = IP(src="10.0.0.1", dst=GROUP4, proto=112) / VRRPv3(
        vrid=51, priority=150, addrlist=["10.0.0.100"], adv=50
    )
    assert made == bytes(IP(bytes(theirs)).payload)


def test_v3_ipv6():
    made = encode(conf("fe80::100", "fd00::1", version=3), 150, "fe80::1", GROUP6)
    theirs = IPv6(src="fe80::1", dst=GROUP6, nh=112) / VRRPv3(
        vrid=51, priority=150, addrlist=["fe80::100", "fd00::1"], adv=100, ipcount=2
    )
    assert made == bytes(theirs)[40:]


@pytest.mark.parametrize("as_v2", [False, True])
def test_v3_without_pseudo_header(as_v2):
    """v3_checksum_as_v2: left out on send, and a checksum of either kind is taken."""
    ours = conf("10.0.0.100", version=3, v3_checksum_as_v2=as_v2)
    other = conf("10.0.0.100", version=3, v3_checksum_as_v2=not as_v2)
    assert encode(ours, 1, "10.0.0.1", GROUP4) != encode(other, 1, "10.0.0.1", GROUP4)
    if as_v2:
        assert decode(ours, datagram(other, 1, "10.0.0.1"), Security()).priority == 1


def test_round_trip_and_padding():
    """To 46 bytes, Ethernet's least payload, or four less for each VLAN tag that was taken off."""
    ours = conf("10.0.0.100", "10.0.0.101", version=3, advert_int=40.95)
    for padding in (0, 2, 6, 10):
        got = datagram(ours, 7, "10.0.0.1", change=lambda pdu, n=padding: pdu + bytes(n))
        advert = decode(ours, got, Security())
        assert (advert.priority, advert.advert_int, advert.virtual_router_id) == (7, 40.95, 51)
        assert advert.addresses == ("10.0.0.100", "10.0.0.101")


def test_gratuitous_arp():
    from scapy.layers.l2 import ARP, Ether

    frame = Ether(gratuitous_arp(bytes.fromhex("020000000001"), "10.0.0.100"))
    assert frame.dst == "ff:ff:ff:ff:ff:ff"
    arp = frame[ARP]
    assert (arp.op, arp.psrc, arp.pdst, arp.hwsrc) == (1, "10.0.0.100", "10.0.0.100", "02:00:00:00:00:01")


def test_neighbour_advertisement():
    from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr

    message = ICMPv6ND_NA(neighbour_advertisement(bytes.fromhex("020000000001"), "fd00::100", router=True))
    assert (message.tgt, message.R, message.S, message.O) == ("fd00::100", 1, 0, 1)
    assert message[ICMPv6NDOptDstLLAddr].lladdr == "02:00:00:00:00:01"
