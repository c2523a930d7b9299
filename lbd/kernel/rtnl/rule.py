# SPDX-License-Identifier: Apache-2.0
"""ip-rule(8): all the words of a routing rule that keepalived knows."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from lbd.kernel.rtnl.wire import CREATE, EXCL, Request, attribute, text, u8, u32
from lbd.model.net import packed
from lbd.model.route import Rule

RTM_NEWRULE, RTM_DELRULE = 32, 33
DST, SRC, IIFNAME, GOTO, PRIORITY, FWMARK, FLOW, TUN_ID = 1, 2, 3, 4, 6, 10, 11, 12
SUPPRESS_IFGROUP, SUPPRESS_PREFIXLEN, TABLE, FWMASK, OIFNAME = 13, 14, 15, 16, 17
L3MDEV, UID_RANGE, PROTOCOL, IP_PROTO, SPORT_RANGE, DPORT_RANGE = 19, 20, 21, 22, 23, 24
INVERT = 2
ACTIONS = {
    "table": 1, "l3mdev": 1, "goto": 2, "nop": 3, "blackhole": 6, "unreachable": 7, "prohibit": 8,
}  # fmt: skip


def add(rule: Rule) -> Request:
    """EEXIST where an equal one is there."""
    return Request(RTM_NEWRULE, CREATE | EXCL, _body(rule), f"rule {rule.preference} cannot be set")


def remove(rule: Rule) -> Request:
    """ENOENT where it is not there."""
    return Request(RTM_DELRULE, 0, _body(rule), f"rule {rule.preference} cannot be removed")


def _body(rule: Rule) -> bytes:
    """struct fib_rule_hdr and its attributes."""
    table = rule.table or 0
    head = struct.pack(
        "=BBBBBBBBI",
        socket.AF_INET6 if rule.family == "inet6" else socket.AF_INET,
        _length(rule.destination),
        _length(rule.source),
        rule.tos,
        table if table < 256 else 0,
        0,
        0,
        ACTIONS[rule.action],
        INVERT if rule.invert else 0,
    )
    return head + b"".join([*_match(rule), *_act(rule)])


def _match(rule: Rule) -> Iterator[bytes]:
    yield u32(PRIORITY, rule.preference)
    for kind, network in ((DST, rule.destination), (SRC, rule.source)):
        if network:
            yield attribute(kind, packed(network.partition("/")[0]))
    for kind, name in ((IIFNAME, rule.iif), (OIFNAME, rule.oif)):
        if name:
            yield text(kind, name)
    for kind, number in ((FWMARK, rule.fwmark), (FWMASK, rule.fwmask), (FLOW, rule.realms)):
        if number is not None:
            yield u32(kind, number)
    if rule.tunnel_id is not None:
        yield attribute(TUN_ID, struct.pack("!Q", rule.tunnel_id))
    if rule.uidrange is not None:
        yield attribute(UID_RANGE, struct.pack("=II", *rule.uidrange))
    if rule.ipproto is not None:
        yield u8(IP_PROTO, rule.ipproto)
    for kind, ports in ((SPORT_RANGE, rule.sport), (DPORT_RANGE, rule.dport)):
        if ports is not None:
            yield attribute(kind, struct.pack("=HH", *ports))


def _act(rule: Rule) -> Iterator[bytes]:
    yield u8(PROTOCOL, rule.protocol)
    if rule.table is not None:
        yield u32(TABLE, rule.table)
    if rule.goto is not None:
        yield u32(GOTO, rule.goto)
    if rule.l3mdev or rule.action == "l3mdev":
        yield u8(L3MDEV, 1)
    if rule.suppress_prefixlength is not None:
        yield u32(SUPPRESS_PREFIXLEN, rule.suppress_prefixlength)
    if rule.suppress_ifgroup is not None:
        yield u32(SUPPRESS_IFGROUP, rule.suppress_ifgroup)


def _length(network: str | None) -> int:
    return int(network.partition("/")[2]) if network else 0
