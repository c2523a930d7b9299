# SPDX-License-Identifier: Apache-2.0
"""Lines of virtual_routes, virtual_rules and virtual_ipaddress, as values and as messages.

The exit codes are those of keepalived 2.2.7 for the same lines (interfaces eth0 and eth1), unless a line says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lbd.confparser import Loaded, load
from lbd.model import Encap, NextHop, Route, Rule, VirtualAddress, VrrpInstance

Parse = Callable[[str], Loaded]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    def run(text: str) -> Loaded:
        file = tmp_path / "keepalived.conf"
        file.write_text(text)
        return load(str(file), config_id="host", interfaces=["lo", "eth0", "eth1"])

    return run


def block(name: str, *lines: str) -> str:
    inner = "\n".join(lines)
    return (
        "vrrp_instance V {\n interface eth0\n virtual_router_id 5\n"
        f" virtual_ipaddress {{\n 10.0.0.5/24\n }}\n {name} {{\n {inner}\n }}\n}}\n"
    )


def only(loaded: Loaded) -> VrrpInstance:
    assert loaded.config is not None
    (found,) = loaded.config.vrrp_instances
    return found


def codes(loaded: Loaded) -> list[str]:
    """Without what is only not there yet."""
    return [found.code for found in loaded.diagnostics if found.code not in ("LB0115", "LB0116")]


def route(destination: str, **more: object) -> Route:
    return Route(destination=destination, **more)  # type: ignore[arg-type]


ROUTES = [
    ("10.9.0.0/16 via 10.0.0.1 dev eth0", route("10.9.0.0/16", via="10.0.0.1", dev="eth0")),
    ("to 10.9.0.0/16 gw 10.0.0.1 dev eth0", route("10.9.0.0/16", via="10.0.0.1", dev="eth0")),
    ("default via 10.0.0.1 oif eth0 metric 100 onlink",
     route("0.0.0.0/0", via="10.0.0.1", dev="eth0", metric=100, onlink=True)),
    ("default via fd00::1 dev eth0", route("::/0", via="fd00::1", dev="eth0")),
    ("default6 dev eth0", route("::/0", dev="eth0")),
    ("blackhole 10.9.0.0/16 no_track", route("10.9.0.0/16", type="blackhole", no_track=True)),
    ("10.9.0.0/16 dev eth0 table 100 scope link tos 0x10 protocol 18",
     route("10.9.0.0/16", dev="eth0", table=100, scope=253, tos=16)),
    ("10.9.0.0/16 dev eth0 no_track protocol static",
     route("10.9.0.0/16", dev="eth0", no_track=True, protocol=4)),
    ("10.9.0.0/16 no_track nexthop via 10.0.0.1 weight 2 nexthop via 10.0.0.2 dev eth1 onlink",
     route("10.9.0.0/16", no_track=True, nexthops=(
         NextHop(via="10.0.0.1", weight=2), NextHop(via="10.0.0.2", dev="eth1", onlink=True)))),
    ("10.9.0.0/16 dev eth0 mtu lock 1400 advmss 1300 rtt 100ms rttvar 2 rto_min 1s window 3 congctl lock cubic",
     route("10.9.0.0/16", dev="eth0", mtu=1400, advmss=1300, rtt=800, rttvar=2, rto_min=1000, window=3,
           congctl="cubic", lock=("mtu", "congctl"))),
    ("10.9.0.0/16 dev eth0 features ecn quickack 1 fastopen_no_cookie 0 ttl-propagate enabled append",
     route("10.9.0.0/16", dev="eth0", features=("ecn",), quickack=True, fastopen_no_cookie=False,
           ttl_propagate=True, placement="append")),
    ("10.9.0.0/16 dev eth0 realms 3/4 initcwnd 10 hoplimit 9 src 10.0.0.5",
     route("10.9.0.0/16", dev="eth0", realms=3 << 16 | 4, initcwnd=10, hoplimit=9, src="10.0.0.5")),
    ("fd01::/64 from fd02::/64 dev eth0 pref high expires 60",
     route("fd01::/64", source="fd02::/64", dev="eth0", pref=1, expires=60)),
    ("10.9.0.0/16 dev eth0 encap ip id 5 dst 10.0.0.3 ttl 4 tos 0x8",
     route("10.9.0.0/16", dev="eth0", encap=Encap(kind="ip", id=5, dst="10.0.0.3", ttl=4, tos=8))),
    ("10.9.0.0/16 dev eth0 encap mpls 100/200",
     route("10.9.0.0/16", dev="eth0", encap=Encap(kind="mpls", labels=(100, 200)))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"), ROUTES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_route(parse: Parse, line: str, expected: Route) -> None:
    loaded = parse(block("virtual_routes", line))
    assert only(loaded).virtual_routes == (expected,)
    assert codes(loaded) == (["LB0114"] if " gw " in line else [])


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("via 10.0.0.1 dev eth0", "LB0319"),
        ("10.9.0.0/16 dev eth9", "LB0319"),
        ("10.9.0.0/16 via fd00::1 dev eth0", "LB0319"),
        ("10.9.0.0/16 dev eth0 expires 5", "LB0319"),
        ("fd00::/64 dev eth0 realms 5", "LB0319"),
        ("inet 10.9.0.0/16 dev eth0", "LB0319"),
        ("10.9.0.0/16 dev eth0 bogus 3", "LB0201"),
        ("10.9.0.0/16 dev eth0 table nosuch", "LB0201"),
        ("10.9.0.0/16 dev eth0 metric x", "LB0201"),
        ("10.9.0.0/33 dev eth0", "LB0201"),
        ("10.9.0.0/16 dev eth0 track_group G", "LB0201"),
    ],
)
def test_what_is_no_route_is_left_out(parse: Parse, line: str, code: str) -> None:
    loaded = parse(block("virtual_routes", line, "10.8.0.0/16 dev eth0"))
    assert only(loaded).virtual_routes == (route("10.8.0.0/16", dev="eth0"),)
    assert code in codes(loaded)
    assert loaded.exit_code == 5


def test_a_word_without_its_value_ends_it_all(parse: Parse) -> None:
    """As in keepalived, which ends at once."""
    for name, line in (("virtual_routes", "10.9.0.0/16 dev"), ("virtual_rules", "table")):
        loaded = parse(block(name, line))
        assert (codes(loaded), loaded.exit_code, loaded.config) == (["LB0109"], 2, None)


def test_a_route_without_interface_is_not_tracked(parse: Parse) -> None:
    loaded = parse(block("virtual_routes", "10.9.0.0/16 via 10.0.0.1"))
    assert only(loaded).virtual_routes == (route("10.9.0.0/16", via="10.0.0.1", no_track=True),)
    assert (codes(loaded), loaded.exit_code) == (["LB0320"], 5)


def test_the_old_or_makes_two_nexthops(parse: Parse) -> None:
    loaded = parse(block("virtual_routes", "10.9.0.0/16 via 10.0.0.1 or 10.0.0.2 dev eth0"))
    hops = (NextHop(via="10.0.0.1"), NextHop(via="10.0.0.2"))
    assert only(loaded).virtual_routes == (route("10.9.0.0/16", dev="eth0", nexthops=hops),)
    assert codes(loaded) == ["LB0114"]


RULES = [
    ("from 10.1.0.0/24 table 1 priority 5",
     Rule(family="inet", action="table", table=1, preference=5, source="10.1.0.0/24")),
    ("to fd00::/64 lookup main order 0x10 not",
     Rule(family="inet6", action="table", table=254, preference=16, destination="fd00::/64", invert=True)),
    ("from all blackhole preference 7", Rule(family="inet", action="blackhole", preference=7)),
    ("inet6 word type prohibit preference 7", Rule(family="inet6", action="prohibit", preference=7)),
    ("fwmark 0x5/0xff iif eth0 table 9 preference 8",
     Rule(family="inet", action="table", table=9, preference=8, fwmark=5, fwmask=255, iif="eth0")),
    ("goto 50 preference 4", Rule(family="inet", action="goto", goto=50, preference=4)),
    ("l3mdev preference 4", Rule(family="inet", action="l3mdev", l3mdev=True, preference=4)),
    ("sport 1-2 dport 3-4 ipproto tcp uidrange 0-9 tunnel-id 6 table 9 preference 8",
     Rule(family="inet", action="table", table=9, preference=8, sport=(1, 2), dport=(3, 4), ipproto=6,
          uidrange=(0, 9), tunnel_id=6)),
    ("suppress_prefixlength 0 sup_group default realms 4 dsfield 0x8 table 9 preference 8",
     Rule(family="inet", action="table", table=9, preference=8, suppress_prefixlength=0, suppress_ifgroup=0,
          realms=4, tos=8)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"), RULES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_rule(parse: Parse, line: str, expected: Rule) -> None:
    loaded = parse(block("virtual_rules", line))
    assert only(loaded).virtual_rules == (expected,)
    assert codes(loaded) == (["LB0108"] if "word" in line else [])


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("from 10.0.0.0/8 preference 4", "LB0319"),
        ("table 5 blackhole preference 4", "LB0319"),
        ("table 0 preference 4", "LB0319"),
        ("goto 3 preference 4", "LB0319"),
        ("goto 3", "LB0319"),
        ("from 10.0.0.0/8 to fd00::/8 table 5 preference 4", "LB0319"),
        ("blackhole realms 4 preference 4", "LB0319"),
        ("iif eth9 table 5 preference 4", "LB0319"),
        ("type throw preference 4", "LB0201"),
        ("fwmark -1 table 5 preference 4", "LB0201"),
        ("uidrange 5 table 5 preference 4", "LB0201"),
        ("bogus", "LB0201"),
    ],
)
def test_what_is_no_rule_is_left_out(parse: Parse, line: str, code: str) -> None:
    loaded = parse(block("virtual_rules", line))
    assert only(loaded).virtual_rules == ()
    assert (codes(loaded), loaded.exit_code) == ([code], 5)


def test_rules_without_preference_count_down_by_family(parse: Parse) -> None:
    static = "static_rules {\n table 3\n}\n"
    loaded = parse(block("virtual_rules", "table 1", "inet6 x table 1", "table 2") + static)
    assert [rule.preference for rule in only(loaded).virtual_rules] == [16384, 16384, 16383]
    assert loaded.config is not None
    assert [rule.preference for rule in loaded.config.static_rules] == [16382]


def test_a_single_port_is_that_port_and_is_said(parse: Parse) -> None:
    loaded = parse(block("virtual_rules", "dport 80 table 5 preference 4"))
    assert only(loaded).virtual_rules[0].dport == (80, 80)
    assert (codes(loaded), loaded.exit_code) == (["LB0320"], 5)


def address(text: str, prefix: int, **more: object) -> VirtualAddress:
    return VirtualAddress(address=text, prefix=prefix, **{"dev": "eth0", **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "expected", "said"),
    [
        ("10.0.0.9 dev eth1 label eth1:1 scope link no_track",
         address("10.0.0.9", 32, dev="eth1", label="eth1:1", scope="link", no_track=True), []),
        ("10.0.0.9/24 brd +", address("10.0.0.9", 24, brd="+"), []),
        ("10.0.0.9 brd +", address("10.0.0.9", 32), ["LB0201"]),
        ("10.0.0.9 peer 10.0.0.10", address("10.0.0.9", 32, peer="10.0.0.10", peer_prefix=32), []),
        ("10.0.0.9/24 peer 10.0.0.10", address("10.0.0.9", 24, peer="10.0.0.10", peer_prefix=32), ["LB0201"]),
        ("10.0.0.9 peer fd00::1", address("10.0.0.9", 32), ["LB0201"]),
        ("fd00::9/64 home -nodad mngtmpaddr noprefixroute autojoin preferred_lft forever use_vmac",
         address("fd00::9", 64, home=True, nodad=False, mngtmpaddr=True, noprefixroute=True, autojoin=True,
                 preferred_lft=-1, use_vmac=True), []),
        ("fd00::9/64 label x scope link", address("fd00::9", 64), ["LB0201", "LB0201"]),
        ("10.0.0.9 preferred_lft 60 track_group G", address("10.0.0.9", 32, preferred_lft=60), ["LB0201", "LB0201"]),
        ("fd00::9/64 brd fd00::ff", None, ["LB0201"]),
    ],
)  # fmt: skip
def test_an_address(parse: Parse, line: str, expected: VirtualAddress | None, said: list[str]) -> None:
    loaded = parse(block("virtual_ipaddress_excluded", line))
    assert only(loaded).virtual_ipaddress_excluded == ((expected,) if expected is not None else ())
    assert codes(loaded) == said
    assert loaded.exit_code == (5 if said else 0)


def test_static_items_and_their_group(parse: Parse) -> None:
    text = (
        "global_defs {\n default_interface eth1\n}\ntrack_group G {\n group {\n V\n W\n }\n}\n"
        "static_ipaddress {\n 10.3.0.1/24 track_group G\n 10.3.0.2/24 dev eth0 track_group H\n}\n"
        "static_routes {\n 10.4.0.0/16 dev eth0 track_group G\n 10.5.0.0/16 no_track track_group G\n}\n"
    )
    loaded = parse(text + block("virtual_routes", "10.9.0.0/16 dev eth0"))
    assert loaded.config is not None
    first, second = loaded.config.static_ipaddress
    assert (first.dev, first.track_group, second.dev) == ("eth1", "G", "eth0")
    assert [found.track_group for found in loaded.config.static_routes] == ["G", None]
    assert loaded.config.track_groups[0].members == ("V",)
    assert sorted(codes(loaded)) == ["LB0309", "LB0315", "LB0320"]
