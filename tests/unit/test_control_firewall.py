# SPDX-License-Identifier: Apache-2.0
"""What hosts' firewalls would do to a service: those of ufw, fail2ban, docker and of administrators."""

from __future__ import annotations

import time

import pytest

from lbd.confparser import docs
from lbd.control import firewall
from lbd.control.firewall import findings
from lbd.kernel.firewall import iptables, nft

WEB, DNS = ("10.0.0.1", 6, 80), ("10.0.0.1", 17, 53)


def said(
    *rules: str, policy: str = "ACCEPT", chains: str = "", table: str = "filter", services=(WEB,)
) -> list[str]:
    hook = "PREROUTING" if table in ("nat", "raw", "mangle") else "INPUT"
    named = "".join(f":{name} - [0:0]\n" for name in chains.split())
    text = f"*{table}\n:{hook} {policy} [0:0]\n{named}" + "".join(f"-A {r}\n" for r in rules) + "COMMIT\n"
    ruleset = iptables.tables(text, source="iptables-nft", family=4, sets={})
    return list(findings(ruleset, services, ["eth0"]))


def native(
    *rules: dict, policy: str = "accept", sets: tuple[dict, ...] = (), hook: str = "input", **chain
) -> list[str]:
    listing = {
        "nftables": [
            {"table": {"family": "inet", "name": "fw", "handle": 1}},
            {
                "chain": {
                    "family": "inet", "table": "fw", "name": "in", "handle": 1, "type": "filter", "hook": hook,
                    "prio": 0, "policy": policy, **chain,
                }
            },
            *({"set": {"family": "inet", "table": "fw", **one}} for one in sets),
            *(
                {"rule": {"family": "inet", "table": "fw", "chain": "in", "handle": n, "expr": expr["expr"]}}
                for n, expr in enumerate(rules, 2)
            ),
        ]
    }  # fmt: skip
    tables, _ = nft.tables(listing, {("inet", "fw", "in", 2): "rule two"})
    return list(findings(tables, [WEB], ["eth0"]))


def match(left: dict, right: object, op: str = "==") -> dict:
    return {"match": {"op": op, "left": left, "right": right}}


DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
SADDR = {"payload": {"protocol": "ip", "field": "saddr"}}


def test_a_drop_of_some_clients_is_named_with_rule_and_directive():
    (text,) = said("INPUT -s 192.0.2.0/24 -p tcp -j DROP")
    assert text == (
        "the host's firewall: “-s 192.0.2.0/24 -p tcp -j DROP” of iptables-nft: filter INPUT would drop some of "
        "TCP 10.0.0.1:80, which lbd takes before it; here it is deny_address_group and daddr_group_name that keep "
        "clients out, which this version does not carry out yet: filter before this machine"
    )


def test_what_this_version_carries_out_is_what_the_schema_says():
    """The sentence has to change with it."""
    for word, text in (("daddr_group_name", firewall.DENY), ("waddr_group_name", firewall.ALLOW)):
        page, found = docs.keyword(f"virtual_server/{word}")
        assert found
        assert ("not yet" in page) == ("does not carry out yet" in text)


@pytest.mark.parametrize(
    "rules",
    [
        ("INPUT -p tcp -m tcp --dport 22 -j DROP",),
        ("INPUT -d 10.0.0.2/32 -j DROP",),
        ("INPUT -i lo -j DROP",),
        ("INPUT -p udp -j REJECT",),
        ("INPUT -m conntrack --ctstate INVALID -j DROP",),
        ("INPUT -p tcp -m tcp --dport 80 -j ACCEPT", "INPUT -j DROP"),
        ("INPUT -p tcp -m tcp --dport 80:90 -j ACCEPT", "INPUT -s 192.0.2.1/32 -j DROP"),
        ("INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP",),
        ("INPUT -m addrtype --dst-type BROADCAST -j DROP",),
    ],
)
def test_what_filters_nothing_that_is_balanced(rules):
    assert said(*rules) == []


def test_a_policy():
    (text,) = said(policy="DROP")
    assert text.startswith(
        "the host's firewall: the policy of iptables-nft: filter INPUT would drop all of TCP"
    )
    (text,) = said("INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j ACCEPT", policy="DROP")
    assert "would drop what no rule accepts of TCP 10.0.0.1:80" in text
    assert "allow_address_group and waddr_group_name" in text
    assert said("INPUT -p tcp -m tcp --dport 80 -j ACCEPT", policy="DROP") == []


def test_fail2ban():
    """Its chain returns for those who are not banned; the ban is what matters."""
    chain = "INPUT -p tcp -m multiport --dports 80,443 -j f2b-web"
    back = "f2b-web -j RETURN"
    assert said(chain, back, chains="f2b-web") == []
    ban = "f2b-web -s 192.0.2.7/32 -j REJECT --reject-with icmp-port-unreachable"
    (text,) = said(chain, ban, back, chains="f2b-web")
    assert "of iptables-nft: filter f2b-web would reject some of TCP 10.0.0.1:80" in text


def test_ufw():
    """``ufw allow 80/tcp`` in its chains is found through two jumps; without it the policy is."""
    chains = "ufw-before-input ufw-user-input ufw-track-input"
    rules = [
        "INPUT -j ufw-before-input",
        "INPUT -j ufw-user-input",
        "ufw-before-input -i lo -j ACCEPT",
        "ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "ufw-before-input -m conntrack --ctstate INVALID -j DROP",
    ]
    assert len(said(*rules, policy="DROP", chains=chains)) == 1
    allow = "ufw-user-input -p tcp -m tcp --dport 80 -j ACCEPT"
    assert said(*rules, allow, policy="DROP", chains=chains) == []


def test_docker_publishes_a_port_that_is_balanced():
    (text,) = said(
        "PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80",
        chains="DOCKER",
        table="nat",
    )
    assert "of iptables-nft: nat DOCKER would send all elsewhere (dnat) of TCP 10.0.0.1:80" in text
    assert "lbd balances it instead: take that rule or the virtual_server away" in text


def test_a_limit_has_no_directive():
    (text,) = said("INPUT -p tcp -m connlimit --connlimit-above 20 -j REJECT")
    assert text.endswith("lbd has no directive for that: limit it before this machine")


def test_services_of_one_rule_are_listed_together():
    services = [(f"10.0.0.{n}", 6, 80) for n in range(1, 6)]
    (text,) = said("INPUT -s 192.0.2.1/32 -j DROP", services=services)
    assert "some of TCP 10.0.0.1:80, TCP 10.0.0.2:80, TCP 10.0.0.3:80 and 2 more, which" in text


def test_many_services_behind_a_firewall_that_lets_them_in_cost_one_walk():
    services = [(f"10.{n // 250}.{n % 250}.1", 6, 80) for n in range(10_000)]
    rules = [f"INPUT -s 192.0.2.{n}/32 -p tcp -m tcp --dport {n + 1000} -j DROP" for n in range(200)]
    began = time.process_time()
    assert said(*rules, services=services) == []
    assert time.process_time() - began < 2


class TestNft:
    def test_a_set_of_banned_clients(self):
        rule = {"expr": [match(DPORT, {"set": [80, 443]}), match(SADDR, "@bad"), {"drop": None}]}
        bad = {"name": "bad", "type": "ipv4_addr", "handle": 9, "elem": [{"elem": {"val": "192.0.2.1"}}]}
        (text,) = native(rule, sets=(bad,))
        assert "“rule two” of nft: inet fw in would drop some of TCP 10.0.0.1:80" in text
        assert native(rule, sets=({**bad, "elem": []},)) == []

    def test_verdict_maps_and_states(self):
        state = {
            "vmap": {
                "key": {"ct": {"key": "state"}},
                "data": {"set": [["established", {"accept": None}], ["invalid", {"drop": None}]]},
            }
        }
        ports = {"vmap": {"key": DPORT, "data": {"set": [[22, {"accept": None}], [80, {"drop": None}]]}}}
        assert native({"expr": [state]}) == []
        (text,) = native({"expr": [ports]})
        assert "would drop some of" in text or "would drop all of" in text

    def test_what_nobody_knows_may_not_settle_the_matter(self):
        odd = match({"meta": {"key": "time"}}, "2026-01-01", "<")
        (text,) = native({"expr": [odd, {"accept": None}]}, policy="drop")
        assert "the policy of nft: inet fw in" in text

    def test_an_ingress_chain_counts_for_its_device(self):
        drop = {"expr": [match(DPORT, 80), {"drop": None}]}
        assert len(native(drop, hook="ingress", dev="eth0")) == 1
        assert native(drop, hook="ingress", dev="eth1") == []

    def test_ping_and_other_families_are_none_of_a_tcp_services(self):
        icmp = {
            "expr": [
                match({"payload": {"protocol": "icmp", "field": "type"}}, "echo-request"),
                {"drop": None},
            ]
        }
        six = {"expr": [match({"meta": {"key": "nfproto"}}, "ipv6"), {"drop": None}]}
        assert native(icmp) == native(six) == []
