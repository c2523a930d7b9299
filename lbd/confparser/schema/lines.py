# SPDX-License-Identifier: Apache-2.0
"""Rows: the words of the lines in virtual_ipaddress, virtual_routes and virtual_rules, and of the static ones."""

from __future__ import annotations

from lbd.confparser import iproute, values
from lbd.confparser.addresses import ADDRESS_SCOPE, BROADCAST, LABEL, PREFIXED
from lbd.confparser.schema.row import Keyword, Status, later, of, words, works, works_flag
from lbd.confparser.virtual_lines import convert_lifetime

_NO_OPTION = "the address is set without it"
_NO_ROUTE = "the route is not set"
_NO_RULE = "the rule is not set"
_UINT32 = values.number(0, 4294967295)
_FLAG = values.flag()
_NAME = values.text("a name")
_LIFETIME = values.Value(values.word(convert_lifetime, "seconds or forever"), "seconds or forever")


def _address(name: str, value: values.Value, default: str, meaning: str, **more: object) -> Keyword:
    return works(name, value, default, meaning, **more)


def _route(name: str, value: values.Value, default: str, meaning: str, **more: object) -> Keyword:
    return works(name, value, default, meaning, **more)


def _rule(name: str, value: values.Value, default: str, meaning: str, **more: object) -> Keyword:
    return works(name, value, default, meaning, **more)


ADDRESS_WORDS = words(*of("VirtualAddress", [
    works("(address)", PREFIXED, "/32 or /128", "the address and the length of its prefix",
          fields=("VirtualAddress.address", "VirtualAddress.prefix")),
    works("dev", values.INTERFACE, "the instance's, else default_interface", "the interface that gets the address"),
    works("scope", ADDRESS_SCOPE, "global; host on loopback", "how far the address is valid (IPv4)"),
    works("brd", BROADCAST, "none", "broadcast address; + is all ones, - all zeros (IPv4)"),
    works("broadcast", BROADCAST, "none", "brd", fields=("VirtualAddress.brd",)),
    works("label", LABEL, "none", "label of the address, as ifconfig shows it (IPv4)"),
    _address("peer", PREFIXED, "none", "the address at the other end of a point-to-point link",
             fields=("VirtualAddress.peer", "VirtualAddress.peer_prefix")),
    works_flag("home", "a home address of Mobile IPv6 (RFC 6275)"),
    works_flag("-nodad", "let the kernel look for a duplicate first (IPv6)",
               fields=("VirtualAddress.nodad",)),
    works_flag("mngtmpaddr", "temporary addresses are made from it (IPv6)"),
    works_flag("noprefixroute", "without a route to its prefix"),
    works_flag("autojoin", "join the multicast group of this address"),
    works_flag("no_track", "its removal by somebody else changes nothing"),
    _address("preferred_lft", _LIFETIME, "forever; 0 for IPv6 /128",
             "how long the kernel may choose it as a source"),
    works("track_group", _NAME, "none",
          "instances of that track_group are in FAULT while its interface is down; static_ipaddress only"),
    works_flag("use_vmac", "put it on a virtual MAC of its own; virtual addresses only"),
]))  # fmt: skip

_ROUTE_METRICS = [
    _route("mtu", iproute.metric(), "of the interface", "MTU of the path; lock keeps it from path MTU discovery"),
    _route("hoplimit", values.number(0, 255), "of the system", "TTL or hop limit of packets that take it"),
    _route("advmss", iproute.metric(), "by MTU", "MSS that TCP announces"),
    _route("rtt", iproute.time(8), "measured", "round-trip time to begin with"),
    _route("rttvar", iproute.time(4), "measured", "variance of it to begin with"),
    _route("reordering", iproute.metric(), "of the system", "reordering that TCP puts up with"),
    _route("window", _UINT32, "none", "largest window that TCP announces"),
    _route("cwnd", iproute.metric(), "none", "clamp of TCP's congestion window"),
    _route("ssthresh", iproute.metric(), "of the system", "slow start threshold of TCP"),
    _route("rto_min", iproute.time(1), "of the system", "shortest retransmission timeout of TCP"),
    _route("initcwnd", _UINT32, "of the system", "congestion window that TCP starts with"),
    _route("initrwnd", _UINT32, "of the system", "receive window that TCP starts with"),
    _route("features", values.choice("ecn"), "none", "ecn: ask for explicit congestion notification"),
    _route("quickack", values.number(0, 1), "0", "acknowledge at once"),
    _route("congctl", iproute.lockable(str, "a congestion control algorithm"), "of the system",
           "congestion control of TCP"),
    _route("fastopen_no_cookie", values.number(0, 1), "0", "TCP fast open without a cookie"),
]  # fmt: skip

ROUTE_WORDS = words(*of("Route", [
    _route("(destination)", values.text("[to] [TYPE] ADDRESS[/PREFIX] or default"), "", "where it leads; required",
           fields=("Route.destination", "Route.type")),
    _route("inet", _FLAG, "by the addresses", "the route is IPv4; keepalived passes over the next word",
           fields=("Route.destination",)),
    _route("inet6", _FLAG, "by the addresses", "the route is IPv6; keepalived passes over the next word",
           fields=("Route.destination",)),
    _route("src", values.text("an address"), "none", "preferred source address"),
    later("as", values.text("[to] ADDRESS"), "none", "address translation of old kernels",
          "no kernel has it: the word is passed over", status=Status.NO_EFFECT, fields=("Route.destination",)),
    _route("via", iproute.via(), "none", "the gateway"),
    _route("gw", iproute.via(), "none", "via", deprecated="via", fields=("Route.via",)),
    _route("from", iproute.prefix(), "any", "for packets from these sources only (IPv6)", fields=("Route.source",)),
    _route("tos", iproute.DSFIELD, "any", "for packets with this DS field only (IPv4)"),
    _route("dsfield", iproute.DSFIELD, "any", "tos", fields=("Route.tos",)),
    _route("table", iproute.TABLE, "main", "the routing table it is put into"),
    _route("protocol", iproute.PROTOCOL, "keepalived (18)", "who the kernel shows as its origin"),
    _route("scope", iproute.SCOPE, "global", "how far away the destination is (IPv4)"),
    _route("metric", _UINT32, "of the kernel", "the lowest metric is used"),
    _route("priority", _UINT32, "of the kernel", "metric", fields=("Route.metric",)),
    _route("preference", _UINT32, "of the kernel", "metric", fields=("Route.metric",)),
    _route("dev", values.INTERFACE, "by the gateway", "the interface to leave by"),
    _route("oif", values.INTERFACE, "by the gateway", "dev", fields=("Route.dev",)),
    _route("onlink", _FLAG, "off", "take the gateway for a neighbour whatever the addresses say"),
    _route("encap", iproute.ENCAP, "none", "wrap packets: ip, ip6, mpls or ila"),
    _route("expires", _UINT32, "never", "seconds until the kernel drops it (IPv6)"),
    *_ROUTE_METRICS,
    _route("realms", iproute.REALMS, "none", "realm for routing rules and traffic control (IPv4)"),
    _route("pref", iproute.ROUTER_PREFERENCE, "medium", "preference among routers (RFC 4191; IPv6)"),
    _route("ttl-propagate", values.choice("enabled", "disabled"), "of the system", "carry the TTL into MPLS"),
    _route("add", _FLAG, "off", "an equal route of somebody else is an error", fields=("Route.placement",)),
    _route("prepend", _FLAG, "on", "stand before an equal route", fields=("Route.placement",)),
    _route("append", _FLAG, "off", "stand behind an equal route", fields=("Route.placement",)),
    _route("or", values.text("an address"), "none", "a second gateway", deprecated="nexthop",
           fields=("Route.nexthops",)),
    _route("nexthop", values.rest("[via ADDRESS] [dev IF] [weight N] …"), "none",
           "one of several gateways; may be repeated and comes last", fields=("Route.nexthops",)),
    works_flag("no_track", "its removal by somebody else changes nothing, and its interface may be down"),
    works("track_group", _NAME, "none",
          "instances of that track_group are in FAULT while its interface is down; static_routes only"),
    works("vrf", values.INTERFACE, "none", "the table of that VRF"),
]))  # fmt: skip

_ACTION = ("Rule.action",)

RULE_WORDS = words(*of("Rule", [
    _rule("inet", _FLAG, "by the addresses", "the rule is IPv4; keepalived passes over the next word",
          fields=("Rule.family",)),
    _rule("inet6", _FLAG, "by the addresses", "the rule is IPv6; keepalived passes over the next word",
          fields=("Rule.family",)),
    _rule("from", iproute.prefix(), "all", "source of the packet", fields=("Rule.source",)),
    _rule("to", iproute.prefix(), "all", "destination of the packet", fields=("Rule.destination",)),
    _rule("table", iproute.TABLE, "none", "look the packet up in this table"),
    _rule("lookup", iproute.TABLE, "none", "table", fields=("Rule.table",)),
    _rule("not", _FLAG, "off", "packets that do not match", fields=("Rule.invert",)),
    _rule("preference", iproute.PREFERENCE, "from 16384 downwards", "lower ones are looked at first"),
    _rule("order", iproute.PREFERENCE, "from 16384 downwards", "preference", fields=("Rule.preference",)),
    _rule("priority", iproute.PREFERENCE, "from 16384 downwards", "preference", fields=("Rule.preference",)),
    _rule("tos", iproute.DSFIELD, "any", "DS field of the packet"),
    _rule("dsfield", iproute.DSFIELD, "any", "tos", fields=("Rule.tos",)),
    _rule("fwmark", iproute.MARK, "any", "firewall mark of the packet, under a mask"),
    _rule("realms", iproute.REALMS, "none", "realm given to packets that match (IPv4)"),
    _rule("suppress_prefixlength", values.number(0, 2147483647), "off", "pass over routes with prefixes this short"),
    _rule("sup_pl", values.number(0, 2147483647), "off", "suppress_prefixlength",
          fields=("Rule.suppress_prefixlength",)),
    _rule("suppress_ifgroup", iproute.GROUP, "off", "pass over routes by interfaces of this group"),
    _rule("sup_group", iproute.GROUP, "off", "suppress_ifgroup", fields=("Rule.suppress_ifgroup",)),
    _rule("iif", values.INTERFACE, "any", "interface that the packet came by"),
    _rule("dev", values.INTERFACE, "any", "iif", fields=("Rule.iif",)),
    _rule("oif", values.INTERFACE, "any", "interface that the socket is bound to"),
    _rule("tunnel-id", values.number(0, (1 << 64) - 1), "any", "id of the tunnel that the packet came by"),
    _rule("uidrange", iproute.span(4294967295, "users"), "any", "owner of the socket"),
    _rule("l3mdev", _FLAG, "off", "look up in the table of the packet's VRF", fields=("Rule.l3mdev",)),
    _rule("protocol", values.number(0, 255), "keepalived (18)", "who the kernel shows as its origin"),
    _rule("ipproto", iproute.IPPROTO, "any", "protocol of the packet"),
    _rule("sport", iproute.span(65535, "ports", single=True), "any", "source port of the packet"),
    _rule("dport", iproute.span(65535, "ports", single=True), "any", "destination port of the packet"),
    works_flag("no_track", "its removal by somebody else changes nothing, and its interface may be down"),
    works("track_group", _NAME, "none",
          "instances of that track_group are in FAULT while its interface is down; static_rules only"),
    _rule("type", values.choice("goto", "nop", "blackhole", "unreachable", "prohibit"), "", "stands before an action",
          fields=_ACTION),
    _rule("goto", iproute.PREFERENCE, "none", "go on with the rule of this preference", fields=("Rule.goto",)),
    _rule("nop", _FLAG, "off", "go on with the next rule", fields=_ACTION),
    _rule("blackhole", _FLAG, "off", "drop the packet in silence", fields=_ACTION),
    _rule("unreachable", _FLAG, "off", "answer that the network is unreachable", fields=_ACTION),
    _rule("prohibit", _FLAG, "off", "answer that it is prohibited", fields=_ACTION),
]))  # fmt: skip
