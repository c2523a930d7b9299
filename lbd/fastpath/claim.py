# SPDX-License-Identifier: Apache-2.0
"""What is ours: one value, two renderings.

``Claims`` says which frames the fastpath takes. ``ruleset`` renders it for the kernel (the guard, which keeps the
kernel from answering them), ``stage/claim.pxd`` asks the same of the directory. Both claim a frame if it is untagged
IPv4 or IPv6 to a MAC address of the port, and

- goes to a service whose address the kernel has (on the interface asked for), or
- to a port of a local address, or
- comes from a NAT real server and is not for this machine itself (of ICMP, echo requests go to a service, and replies
  with an identifier to a local address's port of that number; identifier 0 is the kernel's), or
- is what a service by match takes: of that protocol, from there, to there, not to this machine but routed by it, or
- is a fragment, or an ICMP error quoting a packet, of one of these addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

import msgspec

from lbd.fastpath.api import Protocol, ServiceKey, Span

Triple = tuple[str, int, int]
"""Address, IP protocol, port; port 0: all of them."""

ICMP = (1, 58)
"""Protocols without ports."""
TABLE = "lbd"
PRIORITY = -500
"""Before every other netdev chain of the ingress hook that keeps to nftables' named priorities."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    services: frozenset[Triple] = frozenset()
    """Claimed while the address is local at all."""
    services_here: frozenset[Triple] = frozenset()
    """Claimed while the interface of the frame has the address."""
    locals: frozenset[tuple[str, int, int]] = frozenset()
    """Address, first and last port."""
    nat: frozenset[Triple] = frozenset()
    matches: frozenset[ServiceKey] = frozenset()
    """Services by match, whatever their ports' indexes are."""

    def addresses(self) -> frozenset[str]:
        """Claimed for fragments and ICMP errors."""
        return frozenset(a for a, _, _ in self.services | self.services_here | self.locals)

    def sources(self) -> frozenset[tuple[str, str]]:
        """First and last address of where services by match take packets from."""
        any_ = {"0.0.0.0": "255.255.255.255", "::": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}
        spans = (
            (k.match.source.first or k.address, k.match.source.last or any_[k.address]) for k in self.matches
        )
        return frozenset(spans)

    def nat_addresses(self) -> frozenset[str]:
        return frozenset(a for a, _, _ in self.nat)


def _of(family: str, items: Iterable[str]) -> list[str]:
    return sorted(i for i in items if (":" in i.split(" ")[0]) == (family == "6"))


def _triples(items: Iterable[Triple]) -> list[str]:
    return [f"{address} . {proto} . {port}" for address, proto, port in items if port]


def _all_ports(items: Iterable[Triple]) -> list[str]:
    return [f"{address} . {proto}" for address, proto, port in items if not port and proto not in ICMP]


def _asked(items: Iterable[Triple]) -> list[str]:
    """The addresses of ICMP services."""
    return [address for address, proto, _ in items if proto in ICMP]


def _elements(claims: Claims) -> dict[str, list[str]]:
    """The elements of every set, in nft's words, by the name of the set."""
    out: dict[str, list[str]] = {}
    addresses, nat_addresses = claims.addresses(), claims.nat_addresses()
    ranges = [f"{a} . {lo}-{hi}" for a, lo, hi in claims.locals]
    for family in "46":
        out["service" + family] = _of(family, _triples(claims.services))
        out["here" + family] = _of(family, _triples(claims.services_here))
        out["local" + family] = _of(family, ranges)
        out["nat" + family] = _of(family, _triples(claims.nat))
        out["wide" + family] = _of(family, _all_ports(claims.services))
        out["widehere" + family] = _of(family, _all_ports(claims.services_here))
        out["widenat" + family] = _of(family, _all_ports(claims.nat))
        out["ping" + family] = _of(family, _asked(claims.services))
        out["pinghere" + family] = _of(family, _asked(claims.services_here))
        out["pong" + family] = _of(family, ranges)
        out["pongnat" + family] = _of(family, _asked(claims.nat))
        out["address" + family] = _of(family, addresses)
        out["nataddress" + family] = _of(family, nat_addresses)
    return out


def _type(name: str) -> str:
    address = f"ipv{name[-1]}_addr"
    match name[:-1]:
        case "local":
            return f"type {address} . inet_service; flags interval;"
        case "pong":
            four = name[-1] == "4"
            return f"typeof {'ip daddr . icmp id' if four else 'ip6 daddr . icmpv6 id'}; flags interval;"
        case "wide" | "widehere" | "widenat":
            return f"type {address} . inet_proto;"
        case "address" | "nataddress" | "ping" | "pinghere" | "pongnat":
            return f"type {address};"
        case _:
            return f"type {address} . inet_proto . inet_service;"


_CHAIN4 = """
  chain claim4 {
    ip frag-off & 0x3fff != 0x0 goto fragment4
    ip daddr . meta l4proto . th dport @service4 fib daddr type local counter drop
    ip daddr . meta l4proto . th dport @here4 fib daddr . iif type local counter drop
    ip daddr . meta l4proto @wide4 fib daddr type local counter drop
    ip daddr . meta l4proto @widehere4 fib daddr . iif type local counter drop
    meta l4proto { tcp, udp, sctp } ip daddr . th dport @local4 counter drop
    ip saddr . meta l4proto . th sport @nat4 fib daddr type != local counter drop
    ip saddr . meta l4proto @widenat4 fib daddr type != local counter drop
    icmp type echo-request icmp id != 0 ip daddr @ping4 fib daddr type local counter drop
    icmp type echo-request icmp id != 0 ip daddr @pinghere4 fib daddr . iif type local counter drop
    icmp type echo-reply ip daddr . icmp id @pong4 counter drop
    icmp type echo-reply icmp id != 0 ip saddr @pongnat4 fib daddr type != local counter drop
    icmp type { destination-unreachable, time-exceeded, parameter-problem } @th,136,8 { 1, 6, 17, 132 } goto error4
    jump match4
  }
  chain fragment4 {
    ip daddr @address4 fib daddr type local counter drop
    ip saddr @nataddress4 fib daddr type != local counter drop
    jump match4piece
  }
  chain error4 {
    ip daddr @address4 fib daddr type local counter drop
    ip daddr != 0.0.0.0 fib daddr type != local @th,192,32 @natquoted4 counter drop
    jump match4error
  }"""

_CHAIN6 = """
  chain claim6 {
    exthdr frag exists goto fragment6
    ip6 daddr . meta l4proto . th dport @service6 fib daddr type local counter drop
    ip6 daddr . meta l4proto . th dport @here6 fib daddr . iif type local counter drop
    ip6 daddr . meta l4proto @wide6 fib daddr type local counter drop
    ip6 daddr . meta l4proto @widehere6 fib daddr . iif type local counter drop
    meta l4proto { tcp, udp, sctp } ip6 daddr . th dport @local6 counter drop
    ip6 saddr . meta l4proto . th sport @nat6 fib daddr type != local counter drop
    ip6 saddr . meta l4proto @widenat6 fib daddr type != local counter drop
    icmpv6 type echo-request icmpv6 id != 0 ip6 daddr @ping6 fib daddr type local counter drop
    icmpv6 type echo-request icmpv6 id != 0 ip6 daddr @pinghere6 fib daddr . iif type local counter drop
    icmpv6 type echo-reply ip6 daddr . icmpv6 id @pong6 counter drop
    icmpv6 type echo-reply icmpv6 id != 0 ip6 saddr @pongnat6 fib daddr type != local counter drop
    icmpv6 type 1-4 @th,112,8 { 6, 17, 58, 132 } goto error6
    jump match6
  }
  chain fragment6 {
    ip6 daddr @address6 fib daddr type local counter drop
    ip6 saddr @nataddress6 fib daddr type != local counter drop
    jump match6piece
  }
  chain error6 {
    ip6 daddr @address6 fib daddr type local counter drop
    fib daddr type != local @th,256,128 @natquoted6 counter drop
    jump match6error
  }"""


def _number(address: str) -> str:
    return hex(int(ip_address(address)))


def _quoted(claims: Claims, family: str) -> list[str]:
    return [_number(a) for a in _of(family, claims.nat_addresses())]


def _range(field: str, first: str, last: str) -> str:
    return f"{field} {first}-{last} " if first else ""


def _span(ip: str, side: str, span: Span) -> str:
    return _range(f"{ip} {side}addr", span.first, span.last)


def _ports(key: ServiceKey) -> str:
    """Of an ICMP service: what asks, the identifier of which is its source port."""
    if key.protocol in (Protocol.ICMP, Protocol.ICMPV6):
        name = "icmp" if key.protocol is Protocol.ICMP else "icmpv6"
        low, high = max(key.match.source.first_port, 1), key.match.source.last_port
        return f"{name} type echo-request {name} id {low}-{high} "
    text = f"meta l4proto {key.protocol.value} "
    for side, span in (("s", key.match.source), ("d", key.match.destination)):
        if (span.first_port, span.last_port) != (0, 65535):
            text += f"th {side}port {span.first_port}-{span.last_port} "
    return text


def _match_rules(claims: Claims, family: str, *, fragments: bool) -> str:
    """What is routed by this machine, but link-local and multicast. ICMP errors that hosts inside send quote them."""
    ip = "ip" if family == "4" else "ip6"
    lines = []
    for key in sorted(claims.matches):
        if (":" in key.address) != (family == "6"):
            continue
        way = f'iifname "{key.match.iif}" ' if key.match.iif else ""
        way += _span(ip, "s", key.match.source) + _span(ip, "d", key.match.destination)
        out = f'fib daddr oifname "{key.match.oif}" ' if key.match.oif else ""
        what = (
            f"{'ip protocol' if family == '4' else 'meta l4proto'} {key.protocol.value} "
            if fragments
            else _ports(key)
        )
        lines.append(f"    {way}{what}fib daddr type unicast {out}counter drop")
    return "\n".join(lines)


def _match_errors(claims: Claims, family: str) -> str:
    """ICMP errors that hosts inside send quote what came to them: addresses the other way round."""
    at, bits, ip = (192, 32, "ip") if family == "4" else (256, 128, "ip6")
    lines = []
    for key in sorted(k for k in claims.matches if (":" in k.address) == (family == "6")):
        way = f'iifname "{key.match.iif}" ' if key.match.iif else ""
        first, last = key.match.source.first, key.match.source.last
        inner = f"@th,{at},{bits} >= {_number(first)} @th,{at},{bits} <= {_number(last)} " if first else ""
        out = f'fib daddr oifname "{key.match.oif}" ' if key.match.oif else ""
        to = _span(ip, "d", key.match.destination)
        lines.append(f"    {way}{to}{inner}fib daddr type unicast {out}counter drop")
    return "\n".join(lines)


def _match_rules_by_chain(claims: Claims) -> dict[str, str]:
    return {
        f"match{family}{name}": rules
        for family in "46"
        for name, rules in (
            ("", _match_rules(claims, family, fragments=False)),
            ("piece", _match_rules(claims, family, fragments=True)),
            ("error", _match_errors(claims, family)),
        )
    }


def _match_chains(claims: Claims) -> str:
    return "\n".join(
        f"  chain {name} {{\n{rules}\n  }}" for name, rules in _match_rules_by_chain(claims).items()
    )


def _set(name: str, kind: str, elements: list[str]) -> str:
    inside = f" elements = {{ {', '.join(elements)} }}" if elements else ""
    return f"  set {name} {{ {kind}{inside} }}"


def _chain(device: str) -> str:
    """A name that stays a device's, whatever others come and go, and whatever letters it has."""
    return f"ingress_{device.encode().hex()}"


def _hook(device: str) -> str:
    return f'type filter hook ingress device "{device}" priority {PRIORITY};'


def _rules(macs: Iterable[str]) -> list[str]:
    ours = ", ".join(sorted(macs))
    return [f"ether daddr {{ {ours} }} ether type {ip} jump claim{n}" for ip, n in (("ip", 4), ("ip6", 6))]


def _ingress(device: str, macs: Iterable[str]) -> str:
    rules = "\n    ".join([_hook(device), *_rules(macs)])
    return f"\n  chain {_chain(device)} {{\n    {rules}\n  }}"


def port_changes(gone: Iterable[str], came: Mapping[str, Iterable[str]]) -> str:
    """The commands that change the guard's ports alone: the others are guarded on without a moment in between.

    A device that is gone may have taken its chain along, or not (since Linux 6.16 a chain waits for its device).
    """
    lines = []
    for device in sorted(gone):
        chain = f"chain netdev {TABLE} {_chain(device)}"
        lines += [f"add {chain}", f"flush {chain}", f"delete {chain}"]
    for device, macs in sorted(came.items()):
        chain = f"{TABLE} {_chain(device)}"
        lines += [f"add chain netdev {chain} {{ {_hook(device)} }}", f"flush chain netdev {chain}"]
        lines += [f"add rule netdev {chain} {rule}" for rule in _rules(macs)]
    return "\n".join([*lines, ""])


def claim_changes(before: Claims, after: Claims) -> str:
    """The commands that make the guard of one claims that of another. Its hooks stand meanwhile.

    A table that is replaced is one transaction, too; but a packet that is between the new hook and the old one at that
    moment passes both, and the kernel answers it with a reset.
    """
    lines = []
    old, new = _all_elements(before), _all_elements(after)
    for name in old:
        for verb, items in (("delete", old[name] - new[name]), ("add", new[name] - old[name])):
            if items:
                lines.append(f"{verb} element netdev {TABLE} {name} {{ {', '.join(sorted(items))} }}")
    rules = _match_rules_by_chain(after)
    for chain, text in _match_rules_by_chain(before).items():
        if rules[chain] != text:
            lines.append(f"flush chain netdev {TABLE} {chain}")
            lines += [
                f"add rule netdev {TABLE} {chain} {rule.strip()}"
                for rule in rules[chain].splitlines()
                if rule
            ]
    return "\n".join([*lines, ""])


def _all_elements(claims: Claims) -> dict[str, set[str]]:
    sets = {name: set(items) for name, items in _elements(claims).items()}
    return sets | {f"natquoted{family}": set(_quoted(claims, family)) for family in "46"}


def ruleset(claims: Claims, ports: Mapping[str, Iterable[str]]) -> str:
    """The guard for these ports (device name -> MAC addresses), as the body of ``table netdev lbd { … }``."""
    lines = [_set(name, _type(name), items) for name, items in _elements(claims).items()]
    lines.append(_set("natquoted4", "typeof @th,192,32;", _quoted(claims, "4")))
    lines.append(_set("natquoted6", "typeof @th,256,128;", _quoted(claims, "6")))
    lines += [_match_chains(claims), _CHAIN4, _CHAIN6]
    lines += [_ingress(device, macs) for device, macs in sorted(ports.items())]
    return "\n".join(lines)
