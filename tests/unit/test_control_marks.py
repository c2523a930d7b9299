# SPDX-License-Identifier: Apache-2.0
"""The host's marking rules as programs: what each packet gets, and what cannot be compiled."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lbd.control.marks import Program, compiled, unset
from lbd.kernel.firewall import ipset, iptables
from tests.marks_program import Packet, mark_of

SETS = ipset.sets("""create admins hash:net family inet
add admins 10.1.0.0/16
add admins 10.2.0.1
create web hash:ip,port family inet
add web 10.0.0.1,tcp:80
add web 10.0.0.1,udp:443
create both list:set size 8
add both admins
create odd hash:net,iface family inet
""")


def program(*rules: str, chains: str = "", family: int = 4) -> Program:
    named = "".join(f":{name} - [0:0]\n" for name in chains.split())
    text = f"*mangle\n:PREROUTING ACCEPT [0:0]\n{named}" + "".join(f"-A {r}\n" for r in rules) + "COMMIT\n"
    return compiled(iptables.tables(text, source="iptables-nft", family=family, sets=SETS))


def packet(
    dport: int = 80,
    daddr: str = "10.0.0.1",
    saddr: str = "10.1.2.3",
    protocol: int = 6,
    iif: str = "eth0",
    sport: int = 40000,
    mac: str = "02:00:00:00:00:01",
) -> Packet:
    return Packet(saddr, daddr, protocol, sport, dport, iif, mac)


def test_the_two_lines_of_the_lvs_howto():
    """LVS-HOWTO, fwmarks: FTP (21 and the passive ports), and 80 with 443 as one service."""
    ftp = program(
        "PREROUTING -d 10.0.0.1/32 -p tcp -m multiport --dports 21,1024:65535 -j MARK --set-xmark 0x1/0xffffffff"
    )
    assert ftp.problems == ()
    assert [mark_of(ftp.steps, packet(port)) for port in (20, 21, 1024, 65535, 80)] == [0, 1, 1, 1, 0]
    web = program(
        "PREROUTING -d 10.0.0.1/32 -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x2/0xffffffff",
        "PREROUTING -d 10.0.0.1/32 -p tcp -m tcp --dport 443 -j MARK --set-xmark 0x2/0xffffffff",
    )
    assert [mark_of(web.steps, packet(port)) for port in (80, 443, 81)] == [2, 2, 0]
    assert mark_of(web.steps, packet(80, protocol=17)) == 0
    assert mark_of(web.steps, packet(80, daddr="10.0.0.2")) == 0


@pytest.mark.parametrize(
    ("rule", "yes", "no"),
    [
        ("-s 10.1.0.0/16", packet(), packet(saddr="10.2.0.1")),
        ("! -s 10.1.0.0/16", packet(saddr="10.2.0.1"), packet()),
        ("-p udp", packet(protocol=17), packet()),
        ("! -p udp", packet(), packet(protocol=17)),
        ("-i eth+", packet(), packet(iif="wg0")),
        ("! -i eth0", packet(iif="eth1"), packet()),
        ("-p tcp -m tcp ! --dport 80", packet(81), packet(80)),
        ("-p tcp -m multiport --ports 80,40000", packet(1, sport=40000), packet(1, sport=2)),
        ("-p tcp -m multiport ! --ports 80", packet(81), packet(80)),
        ("-m iprange --src-range 10.1.2.0-10.1.2.9", packet(), packet(saddr="10.1.2.10")),
        ("-m mac --mac-source 02:00:00:00:00:01", packet(), packet(mac="02:00:00:00:00:02")),
        ("-m set --match-set admins src", packet(), packet(saddr="10.2.0.2")),
        ("-m set ! --match-set admins src", packet(saddr="10.2.0.2"), packet()),
        ("-m set --match-set both src", packet(saddr="10.2.0.1"), packet(saddr="10.3.0.1")),
        ("-m set --match-set web dst,dst", packet(80), packet(443)),
        ("-m set --match-set web dst,dst", packet(443, protocol=17), packet(80, protocol=17)),
        ("-m addrtype --dst-type LOCAL", packet(), Packet("1.1.1.1", "2.2.2.2", 6, 1, 2, "eth0", "", False)),
        ("-m conntrack --ctstate NEW -d 10.0.0.1/32", packet(), packet(daddr="10.0.0.2")),
        ('-m comment --comment "the -j DROP of old" -p tcp', packet(), packet(protocol=17)),
        ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", packet(), packet(protocol=17)),
    ],
)
def test_matches(rule, yes, no):
    made = program(f"PREROUTING {rule} -j MARK --set-xmark 0x7/0xffffffff")
    assert made.problems == ()
    assert (mark_of(made.steps, yes), mark_of(made.steps, no)) == (7, 0)


@pytest.mark.parametrize(
    "rule",
    [
        "-m conntrack --ctstate ESTABLISHED,RELATED",
        "-p tcp -m tcp --tcp-flags SYN,ACK SYN,ACK",
        "-f",
        "-m connmark ! --mark 0x0",
    ],
)
def test_what_is_never_the_first_packet_of_a_connection(rule):
    assert program(f"PREROUTING {rule} -j MARK --set-xmark 0x7/0xffffffff") == Program()


class TestTheOrderOfRules:
    def test_the_last_mark_counts_and_masks_add(self):
        made = program(
            "PREROUTING -p tcp -j MARK --set-xmark 0x1/0xffffffff",
            "PREROUTING -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x100/0x100",
            "PREROUTING -p tcp -m tcp --dport 81 -j MARK --set-xmark 0x2/0xffffffff",
        )
        assert [mark_of(made.steps, packet(port)) for port in (79, 80, 81)] == [1, 0x101, 2]

    def test_accept_and_return_end_the_chain(self):
        for word in ("ACCEPT", "RETURN"):
            made = program(
                f"PREROUTING -s 10.1.0.0/16 -j {word}", "PREROUTING -j MARK --set-xmark 0x1/0xffffffff"
            )
            assert [mark_of(made.steps, packet(saddr=a)) for a in ("10.1.0.1", "10.2.0.1")] == [0, 1]

    def test_chains_are_entered_and_left(self):
        made = program(
            "PREROUTING -p tcp -j WEB",
            "PREROUTING -d 10.0.0.9/32 -j MARK --set-xmark 0x9/0xffffffff",
            "WEB -s 10.1.9.0/24 -j RETURN",
            "WEB -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x1/0xffffffff",
            chains="WEB",
        )
        assert mark_of(made.steps, packet()) == 1
        assert mark_of(made.steps, packet(saddr="10.1.9.1")) == 0
        assert mark_of(made.steps, packet(saddr="10.1.9.1", daddr="10.0.0.9")) == 9
        assert mark_of(made.steps, packet(protocol=17)) == 0

    def test_goto_does_not_come_back(self):
        made = program(
            "PREROUTING -p tcp -g WEB",
            "PREROUTING -j MARK --set-xmark 0x9/0xffffffff",
            "WEB -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x1/0xffffffff",
            chains="WEB",
        )
        assert [mark_of(made.steps, packet(port)) for port in (80, 81)] == [1, 0]
        assert mark_of(made.steps, packet(protocol=17)) == 9

    def test_a_chain_for_the_unmarked_changes_the_mark_and_goes_on(self):
        made = program(
            "PREROUTING -m mark --mark 0x0 -j FIRST",
            "FIRST -j MARK --set-xmark 0x1/0xffffffff",
            "FIRST -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x2/0xffffffff",
            chains="FIRST",
        )
        assert [mark_of(made.steps, packet(port)) for port in (80, 81)] == [2, 1]

    def test_raw_comes_before_mangle(self):
        text = (
            "*mangle\n:PREROUTING ACCEPT [0:0]\n"
            "-A PREROUTING -m mark --mark 0x5 -j MARK --set-xmark 0x6/0xffffffff\nCOMMIT\n"
            "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j MARK --set-xmark 0x5/0xffffffff\nCOMMIT\n"
        )
        made = compiled(iptables.tables(text, source="iptables-legacy", family=4, sets={}))
        assert mark_of(made.steps, packet()) == 6


class TestWhatCannotBeCompiled:
    def test_it_is_named_with_the_words_that_are_in_the_way(self):
        made = program(
            "PREROUTING -p tcp -m statistic --mode random --probability 0.5 -j MARK --set-xmark 0x1/0xffffffff"
        )
        assert made.steps == ()
        (text,) = made.problems
        assert text == (
            "iptables-nft: mangle PREROUTING: the rule “-p tcp -m statistic --mode random --probability 0.5 -j MARK "
            "--set-xmark 0x1/0xffffffff” is not followed for marks: lbd does not know what “--mode random” asks"
        )

    def test_a_set_of_a_kind_that_nobody_knows(self):
        made = program("PREROUTING -m set --match-set odd src,src -j MARK --set-xmark 0x1/0xffffffff")
        assert "--match-set odd src,src" in made.problems[0]

    def test_a_target_that_nobody_knows(self):
        made = program("PREROUTING -j STRANGE --very", "PREROUTING -p udp -j MARK --set-xmark 0x1/0xffffffff")
        assert "what STRANGE --very does is not known" in made.problems[0]
        assert mark_of(made.steps, packet(protocol=17)) == 1

    def test_what_marks_nothing_is_no_business_of_ours(self):
        assert program("PREROUTING -m limit --limit 3/min -j ACCEPT") == Program()

    def test_chains_that_double_at_each_level_are_too_long(self):
        names = [f"C{n}" for n in range(14)]
        rules = [f"{a} -s 10.1.{n}.0/24 -j {b}" for a, b in pairwise(names) for n in (1, 1)]
        made = program(
            "PREROUTING -j C0", *rules, "C13 -j MARK --set-xmark 0x1/0xffffffff", chains=" ".join(names)
        )
        assert "more than 4096 steps" in made.problems[-1]


def test_marks_that_nothing_sets():
    steps = program(
        "PREROUTING -p tcp -j MARK --set-xmark 0x1/0xffffffff",
        "PREROUTING -p udp -j MARK --set-xmark 0x20/0xf0",
    ).steps
    assert unset([1, 0x20, 0x25], steps) == ()
    (text,) = unset([2], steps[:1])
    assert text.startswith(
        "no rule of the host's firewall sets mark 2: its virtual_server gets no connection"
    )
