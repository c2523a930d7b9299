# SPDX-License-Identifier: Apache-2.0
"""A group of addresses shares its servers; each of its services gets those that suit it."""

from __future__ import annotations

from lbd.control.desired import desired
from lbd.control.health import Health
from lbd.fastpath import api
from lbd.model import Config, ForwardingMethod, Protocol, RealServer, ServiceAddress, VirtualServer
from lbd.model.service import Tunnel


def table(*reals: RealServer) -> dict[tuple[str, int], list[tuple[str, int]]]:
    """Address and port of each service -> addresses and ports of its real servers."""
    places = [("10.0.0.1", 80), ("10.0.0.1", 443), ("fd00::1", 80)]
    group = VirtualServer(
        name="web",
        addresses=tuple(ServiceAddress(a, p, Protocol.TCP) for a, p in places),
        lb_algo="rr",
        real_servers=reals,
    )
    made: api.Table = desired(Config(virtual_servers=(group,)), Health())
    return {(s.key.address, s.key.port): [(r.address, r.port) for r in s.reals] for s in made.services}


def test_a_server_without_a_port_has_the_services():
    made = table(RealServer(address="10.0.0.51", port=0), RealServer(address="fd00::51", port=0))
    assert made == {
        ("10.0.0.1", 80): [("10.0.0.51", 80)],
        ("10.0.0.1", 443): [("10.0.0.51", 443)],
        ("fd00::1", 80): [("fd00::51", 80)],
    }


def test_nat_keeps_a_port_of_its_own_and_dr_cannot():
    nat = RealServer(address="10.0.0.51", port=8080, method=ForwardingMethod.NAT)
    direct = RealServer(address="10.0.0.52", port=8080, method=ForwardingMethod.DR)
    made = table(nat, direct)
    assert made["10.0.0.1", 443] == [("10.0.0.51", 8080), ("10.0.0.52", 443)]
    assert made["fd00::1", 80] == []


def test_a_tunnel_crosses_families_and_keeps_the_port():
    """``port`` of a TUN server is not used, as in keepalived; remcsum asks for what csum does."""
    kind = Tunnel(kind="gue", port=6080, checksum="remcsum")
    real = RealServer(address="fd00::51", port=8080, method=ForwardingMethod.TUN, tunnel=kind)
    made = table(real)
    assert made["10.0.0.1", 443] == [("fd00::51", 443)]
    assert made["fd00::1", 80] == [("fd00::51", 80)]
    one = VirtualServer(
        name="web", addresses=(ServiceAddress("10.0.0.1", 80, Protocol.TCP),), real_servers=(real,)
    )
    (service,) = desired(Config(virtual_servers=(one,)), Health()).services
    assert service.reals[0].tunnel == api.Tunnel(kind=api.TunnelKind.GUE, port=6080, checksum=True)
