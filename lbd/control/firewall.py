# SPDX-License-Identifier: Apache-2.0
"""What the host's firewall would do to what lbd balances, and does not: a shared port takes its frames before. Pure.

For each base chain that such a packet would pass, its rules are followed in order until one settles the matter for all
packets to the service. What would be dropped or sent elsewhere on the way is a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

import msgspec

from lbd.control.marks import base_chains, shown
from lbd.kernel.firewall.rule import (
    WITH_PORTS,
    Accept,
    Action,
    Chain,
    Divert,
    Drop,
    Interfaces,
    Jump,
    Match,
    Return,
    Ruleset,
    Table,
    Unknown,
)
from lbd.kernel.firewall.spans import contains, union

Triple = tuple[str, int, int]
"""Address, IP protocol, port."""

SHOWN_RULES = 20
SHOWN_SERVICES = 3
DEEPEST = 16
"""As many jumps as the kernel follows (NFT_JUMP_STACK_SIZE)."""
MOST_SERVICES = 500
NAMES = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}

NOT_YET = "which this version does not carry out yet: filter before this machine"
DENY = f"here it is deny_address_group and daddr_group_name that keep clients out, {NOT_YET}"
ALLOW = f"here it is allow_address_group and waddr_group_name that let only some clients in, {NOT_YET}"
RATE = "lbd has no directive for that: limit it before this machine"
ELSEWHERE = "lbd balances it instead: take that rule or the virtual_server away"


class Finding(msgspec.Struct, frozen=True):
    """A rule, or the policy of a chain, that is passed by."""

    rule: str
    does: str
    instead: str


def findings(ruleset: Ruleset, services: Iterable[Triple], ports: Iterable[str]) -> tuple[str, ...]:
    """Sentences, one for each rule that matters. ports: the interfaces whose frames lbd takes.

    All services are tried as one first, so that ten thousand of them and a firewall that lets them in cost one walk.
    """
    here = Interfaces(tuple(sorted(ports)))
    boxes = {service: _box(service, here) for service in sorted(set(services))} if here.names else {}
    chains = list(base_chains(ruleset))
    if not any(_walks(chains, _whole(boxes, here, family)) for family in (4, 6)):
        return ()
    found: dict[Finding, list[Triple]] = {}
    for service, box in list(boxes.items())[:MOST_SERVICES]:
        for finding in dict.fromkeys(_walks(chains, box)):
            found.setdefault(finding, []).append(service)
    said = _sentences(found)
    if len(boxes) > MOST_SERVICES:
        said += (f"the host's firewall was compared with the first {MOST_SERVICES} services only",)
    return said


def _walks(chains: Iterable[tuple[Table, Chain]], box: Match | None) -> list[Finding]:
    found: list[Finding] = []
    for table, chain in chains:
        devices = (Interfaces(chain.devices),) if chain.devices else ()
        one = None if box is None else box.both(Match(interfaces=devices))
        if one is not None:
            found += _of_chain(table, chain, one)
    return found


def _box(service: Triple, here: Interfaces) -> Match:
    """Port 0 is all of them; what is no port (of ICMP) is not asked for as one."""
    address, protocol, port = service
    raw = ip_address(address)
    return Match(
        family=raw.version,
        daddr=((int(raw), int(raw)),),
        protocols=((protocol, protocol),),
        dport=((port, port),) if port and contains(WITH_PORTS, ((protocol, protocol),)) else None,
        interfaces=(here,),
        local=True,
    )


def _whole(boxes: Mapping[Triple, Match], here: Interfaces, family: int) -> Match | None:
    mine = [box for box in boxes.values() if box.family == family]
    if not mine:
        return None
    dports = [box.dport for box in mine]
    return Match(
        family=family,
        daddr=union(span for box in mine for span in box.daddr or ()),
        protocols=union(span for box in mine for span in box.protocols or ()),
        dport=None if None in dports else union(span for spans in dports for span in spans or ()),
        interfaces=(here,),
        local=True,
    )


def _of_chain(table: Table, chain: Chain, box: Match) -> list[Finding]:
    walk = _Walk(table)
    accepted, settled = walk.follow(chain, box, 0)
    if chain.drops and not settled:
        does, instead = ("what no rule accepts", ALLOW) if accepted else ("all", DENY)
        walk.found.append(Finding(f"the policy of {table.where(chain)}", f"would drop {does} of", instead))
    return walk.found


class _Walk:
    """Through the chains of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.found: list[Finding] = []

    def follow(self, chain: Chain, box: Match, depth: int) -> tuple[bool, bool]:
        """Whether any packet of the box is accepted, and whether all of them are settled."""
        accepted = False
        for rule in chain.rules:
            for match, actions in rule.parts:
                here = box.both(match)
                if here is None:
                    continue
                every = match.has_all_of(box)
                name = f"“{shown(rule.text)}” of {self._table.where(chain)}"
                for action in actions:
                    if isinstance(action, Jump):
                        inner, settled = self._jump(action, here, depth)
                        accepted |= inner
                        if every and (settled or not action.back):
                            return accepted, settled
                        continue
                    self._note(action, name, here, every)
                    accepted |= isinstance(action, Accept)
                    if every and isinstance(action, Accept | Drop | Divert | Return):
                        return accepted, not isinstance(action, Return)
        return accepted, False

    def _jump(self, jump: Jump, here: Match, depth: int) -> tuple[bool, bool]:
        to = self._table.chains.get(jump.chain)
        return (False, False) if to is None or depth == DEEPEST else self.follow(to, here, depth + 1)

    def _note(self, action: Action, name: str, here: Match, every: bool) -> None:
        much = "all" if every else "some"
        match action:
            case Drop(word):
                instead = RATE if here.unknown else DENY
                self.found.append(Finding(name, f"would {word.lower()} {much} of", instead))
            case Divert(word):
                self.found.append(
                    Finding(name, f"would send {much} elsewhere ({word.lower()}) of", ELSEWHERE)
                )
            case Unknown(word):
                self.found.append(Finding(name, f"might ({word}) keep out some of", RATE))


def _sentences(found: dict[Finding, list[Triple]]) -> tuple[str, ...]:
    said = [
        f"the host's firewall: {one.rule} {one.does} {_listed(services)}, which lbd takes before it; {one.instead}"
        for one, services in found.items()
    ]
    if len(said) > SHOWN_RULES:
        said[SHOWN_RULES:] = [f"the host's firewall: {len(said) - SHOWN_RULES} more such rules"]
    return tuple(said)


def _listed(services: list[Triple]) -> str:
    shown_ = [f"{NAMES.get(p, p)} {f'[{a}]' if ':' in a else a}:{n}" for a, p, n in services[:SHOWN_SERVICES]]
    more = len(services) - SHOWN_SERVICES
    return ", ".join(shown_) + (f" and {more} more" if more > 0 else "")
