# SPDX-License-Identifier: Apache-2.0
"""What instances are told of the kernel where this one cannot show it: ipvlan, and routes of a VRF."""

from __future__ import annotations

from typing import Any

import pytest

from lbd.daemon.vrrp_kernel import KernelFace
from lbd.kernel.values import Addr, Link
from lbd.model import Config, Ipvlan, VirtualAddress, VrrpInstance
from lbd.model.route import Route


class Machine:
    """In the place of a Mirror."""

    def __init__(self, *links: Link) -> None:
        self.links = {link.ifindex: link for link in links}
        self.addresses = {(1, "10.0.0.1"): Addr(1, "10.0.0.1", 24, 0)}

    def by_name(self, name: str) -> Link | None:
        return next((link for link in self.links.values() if link.name == name), None)


def link(index: int, name: str, vrf: int = 0) -> Link:
    return Link(index, name, bytes(6), 1500, True, True, vrf=vrf)


def instance(**more: Any) -> VrrpInstance:
    held = (VirtualAddress(address="10.0.0.100", prefix=24, dev="eth0"),)
    return VrrpInstance(name="A", interface="eth0", virtual_router_id=7, virtual_ipaddress=held, **more)


@pytest.fixture
def face(tmp_path) -> KernelFace:
    machine: Any = Machine(link(1, "eth0"), link(2, "vrrp.7"), link(3, "red", vrf=10))
    return KernelFace(machine, str(tmp_path / "settings"))


@pytest.mark.parametrize(
    ("said", "source", "held"),
    [
        (Ipvlan(address="10.0.0.7", prefix=24), "10.0.0.7", ("10.0.0.7", 24)),
        (Ipvlan(address="10.0.0.7"), "10.0.0.7", ("10.0.0.7", 32)),
        (Ipvlan(), "10.0.0.1", None),
    ],
)
def test_an_ipvlan_sends_from_its_own_address(face, said, source, held):
    conf = instance(use_ipvlan=said)
    face.know(Config(vrrp_instances=(conf,)))
    way = face.way(conf)
    assert way is not None
    assert (way.name, way.ipv4) == ("vrrp.7", source)
    put = [(one.address, one.prefix) for one in face._source_of(conf)]
    assert put == ([held] if held else [])
    assert {one.dev for one in (*face._source_of(conf), *face.placed(conf))} == {"vrrp.7"}


def test_a_route_of_a_vrf_stands_in_its_table(face, caplog):
    plain = Route(destination="10.1.0.0/16", dev="eth0")
    inside = Route(destination="10.2.0.0/16", dev="eth0", vrf="red")
    nowhere = Route(destination="10.3.0.0/16", dev="eth0", vrf="blue")
    found = face._in_their_tables((plain, inside, nowhere))
    assert [(one.destination, one.table) for one in found] == [("10.1.0.0/16", 254), ("10.2.0.0/16", 10)]
    assert "there is no VRF blue" in caplog.text
