# SPDX-License-Identifier: Apache-2.0
"""``lbctl doctor``: facts of machines that there are, and the sentence about each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lbd.control.doctor import Finding, Machine, Needs, State, examine, needs_of
from lbd.kernel.abilities import Memory, Tables
from lbd.kernel.setting_table import CHANGED, TABLE, Place, Row, rows
from lbd.kernel.settings import Setting
from lbd.kernel.values import Link
from lbd.model import Config, ForwardingMethod, Protocol, RealServer, VirtualServer
from lbd.model.service import ServiceAddress

ROOT = Path(__file__).resolve().parents[2]
ETH0 = Link(2, "eth0", bytes(6), 1500, True, True)
SOUND = Machine(memory=Memory(512, 4096), tables=Tables(links=(ETH0,)))
BALANCES = Needs(balances=True, servers4=2)


def found(subject: str, needs: Needs = BALANCES, **facts: Any) -> Finding:
    machine = msgspec.structs.replace(SOUND, **facts)
    return next(one for one in examine(machine, needs) if one.subject == subject)


def config(method: ForwardingMethod, address: str = "10.0.0.1", server: str = "10.0.1.1") -> Config:
    service = VirtualServer(
        name="one",
        addresses=(ServiceAddress(address, 80, Protocol.TCP),),
        real_servers=(RealServer(address=server, port=80, method=method),),
    )
    return Config(virtual_servers=(service,))


def test_a_sound_machine_has_nothing_but_fine():
    sound = msgspec.structs.replace(SOUND, settings={"net.ipv4.neigh.default.gc_thresh3": "1024"})
    assert {one.state for one in examine(sound, BALANCES)} == {State.FINE}


@pytest.mark.parametrize(
    ("subject", "facts", "state", "words"),
    [
        ("capabilities", {"capabilities": ("NET_ADMIN",)}, State.FAULT, "lacks NET_ADMIN: run lbd"),
        ("libdpdk", {"dpdk": "librte_eal.so.23: no such file"}, State.FAULT, "install libdpdk-dev"),
        ("packet sockets", {"packets": "Operation not permitted"}, State.FAULT, "CAP_NET_RAW"),
        ("nftables", {"guard": "there is no nft"}, State.FAULT, "(there is no nft).*install nftables"),
        ("nftables", {"owner": "Not supported"}, State.NOTE, "not as a table with an owner"),
        ("lbd0", {"tap": "load the module tun"}, State.FAULT, "load the module tun"),
        ("memory", {"memory": Memory(0, 4096)}, State.NOTE, "vm.nr_hugepages=128"),
        ("memory", {"memory": Memory(0, 100)}, State.FAULT, "100 MiB are available"),
        ("ports", {"tables": Tables()}, State.FAULT, "no Ethernet interface is up"),
    ],
)
def test_what_a_machine_lacks(subject, facts, state, words):
    one = found(subject, **facts)
    assert one.state is state
    assert re.search(words, one.text)


def test_vrrp_alone_needs_no_dataplane():
    machine = msgspec.structs.replace(SOUND, dpdk="none", guard="none", tap="none", memory=Memory(0, 1))
    assert {one.state for one in examine(machine, Needs())} == {State.FINE}


def test_ports_of_different_mtu_and_one_too_small_for_ipv6():
    links = (ETH0, Link(3, "eth1", bytes(6), 9000, True, True), Link(4, "eth2", bytes(6), 1000, True, True))
    texts = [
        f"{one.state.value} {one.text}"
        for one in examine(
            msgspec.structs.replace(SOUND, tables=Tables(links=links)), Needs(balances=True, servers6=1)
        )
        if one.subject == "MTU"
    ]
    assert texts[0] == "fault eth2 has an MTU of 1000: no IPv6 works on it"
    assert texts[1].startswith("note ports have different MTUs (1000: eth2; 1500: eth0; 9000: eth1)")


class TestWhatIsReliedOn:
    def test_forwarding_is_asked_for_by_nat_alone(self):
        off = {"net.ipv4.ip_forward": "0"}
        one = found("net.ipv4.ip_forward", needs_of(config(ForwardingMethod.NAT)), settings=off)
        assert one.state is State.NOTE
        assert one.text.startswith("is 0 and should be 1")
        assert "sysctl -w net.ipv4.ip_forward=1" in one.text
        machine = msgspec.structs.replace(SOUND, settings=off)
        said = [x.subject for x in examine(machine, needs_of(config(ForwardingMethod.DR)))]
        assert "net.ipv4.ip_forward" not in said

    def test_neighbours_grow_with_the_servers(self):
        name, small = "net.ipv4.neigh.default.gc_thresh3", {"net.ipv4.neigh.default.gc_thresh3": "1024"}
        assert found(name, Needs(balances=True, servers4=500), settings=small).state is State.FINE
        one = found(name, Needs(balances=True, servers4=1000), settings=small)
        assert one.text.startswith("is 1024 and should be 1512 or more")
        assert one.text.endswith("sysctl -w net.ipv4.neigh.default.gc_thresh3=3024")
        assert "first one" in found(name, Needs(balances=True, servers4=1)).text

    def test_arp_counts_where_the_virtual_address_is_on_lo(self):
        needs = needs_of(config(ForwardingMethod.DR))
        loud = {"net.ipv4.conf.all.arp_ignore": "0", "net.ipv4.conf.all.arp_announce": "2"}
        machine = msgspec.structs.replace(SOUND, settings=loud)
        assert not [one for one in examine(machine, needs) if "arp" in one.subject]
        tables = Tables(links=(ETH0,), on_loopback=frozenset({"10.0.0.1"}))
        assert found("net.ipv4.conf.all.arp_ignore", needs, settings=loud, tables=tables).state is State.NOTE
        assert (
            found("net.ipv4.conf.all.arp_announce", needs, settings=loud, tables=tables).state is State.FINE
        )


def test_what_lbd_changed_is_shown_with_what_became_of_it():
    name = "net.ipv4.conf.lbd0.rp_filter"
    changed = (Setting(name, "2", "1", "what is punted came in elsewhere"),)
    assert "will be 1 again" in found(name, changed=changed, settings={name: "2"}).text
    assert "somebody has changed it since" in found(name, changed=changed, settings={name: "0"}).text
    assert "is gone with its interface" in found(name, changed=changed).text


class TestTheTable:
    def test_an_interface_with_a_dot(self):
        row = Row(Place.BELOW, "net.ipv4.conf.*.arp_filter", "1", "")
        assert row.name("eth0.7") == "net.ipv4.conf.eth0/7.arp_filter"

    def test_what_is_relied_on_says_what_goes_wrong_and_what_is_changed_has_an_interface(self):
        for row in TABLE:
            assert row.reason
            assert bool(row.otherwise) == (row.place not in CHANGED)
            assert ("*" in row.pattern) == (row.place in CHANGED)
        assert {row.place for row in TABLE} == set(Place)
        assert len({(row.place, row.pattern) for row in TABLE}) == len(TABLE)

    def test_no_setting_is_named_anywhere_else(self):
        """Who changes one takes it from the table."""
        named = [
            str(path)
            for path in (ROOT / "lbd").rglob("*.py")
            if path.name != "setting_table.py" and re.search(r'"net\.(ipv4|ipv6|core)\.', path.read_text())
        ]
        assert named == []

    def test_rows(self):
        assert [row.value for row in rows(Place.INSTANCE)] == ["1"]
