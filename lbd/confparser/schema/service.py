# SPDX-License-Identifier: Apache-2.0
"""Rows: virtual_server, real_server and the groups of addresses."""

from __future__ import annotations

from lbd.confparser import addresses, values
from lbd.confparser.schema.checks import CHECKS
from lbd.confparser.schema.row import (
    NOTHING,
    Keyword,
    Missing,
    block,
    inert,
    later,
    later_flag,
    of,
    words,
    works,
    works_block,
    works_bool,
    works_flag,
)

_REPORTED = Missing.REPORTED
_NO_STICK = "connections of one client may go to different servers"
_NO_ACL = "every client is let in"
_NO_SNMP = "there is no SNMP agent to show it"

_LVS_METHOD = values.rest("NAT, DR, TUN, FNAT or SNAT")
_UINT32 = values.number(0, 4294967295)


_ALGORITHMS = words(
    *(
        works(name, NOTHING, "", meaning, fields=("VirtualServer.lb_algo",))
        for name, meaning in (
            ("rr", "one server after the other"),
            ("wrr", "one after the other, by weight"),
            ("wlc", "fewest connections for its weight"),
            ("lc", "fewest connections"),
            ("dh", "by a hash of the destination address"),
            ("sh", "by a hash of the source address"),
            ("mh", "by a Maglev hash of the source address"),
            ("sed", "shortest expected delay"),
            ("nq", "an idle server if there is one, else sed"),
            ("fo", "the server of the highest weight"),
            ("ovf", "the server of the highest weight until it is full"),
            ("twos", "the better of two drawn at random"),
            ("lblc", "by destination address, unless that server has too many connections"),
            ("lblcr", "lblc with a set of servers for each address"),
        )
    ),
    works(
        "conhash",
        NOTHING,
        "",
        "by a consistent hash of the source address",
        source="DPVS",
        fields=("VirtualServer.lb_algo",),
    ),
)


def _methods(field: str) -> dict[str, Keyword]:
    tunnel = words(
        *(
            works(name, NOTHING, "", meaning, fields=("Tunnel.kind",))
            for name, meaning in (("type", "which tunnel"), ("ipip", "IP in IP, the default"),
                                  ("gue", "generic UDP encapsulation"), ("gre", "generic routing encapsulation"))
        ),
        works("port", addresses.port(), "", "UDP port of gue", fields=("Tunnel.port",)),
        *(
            works(name, NOTHING, "", meaning, fields=("Tunnel.checksum",))
            for name, meaning in (("csum", "with a checksum"), ("nocsum", "without, the default"),
                                  ("remcsum", "remote checksum offload"))
        ),
    )  # fmt: skip
    fields = (field,)
    return words(
        works("NAT", NOTHING, "", "destination is rewritten; answers come back this way", fields=fields),
        works("DR", NOTHING, "", "packets are sent on unchanged to the server's MAC", fields=fields),
        works("FNAT", NOTHING, "", "source and destination are rewritten", fields=fields, source="DPVS"),
        works("TUN", NOTHING, "", "packets are wrapped for the server", fields=fields, words=tunnel),
        works("SNAT", NOTHING, "", "source of what goes out is rewritten", fields=fields, source="DPVS"),
    )


_PROTOCOLS = words(
    works("TCP", NOTHING, "", "TCP", fields=("VirtualServer.protocol",)),
    works("UDP", NOTHING, "", "UDP", fields=("VirtualServer.protocol",)),
    works("SCTP", NOTHING, "", "SCTP (RFC 9260)", fields=("VirtualServer.protocol",)),
    works("ICMP", NOTHING, "", "ICMP echo", fields=("VirtualServer.protocol",), source="DPVS"),
    works("ICMPV6", NOTHING, "", "ICMPv6 echo", fields=("VirtualServer.protocol",), source="DPVS"),
)


def _timing(retry_low: int) -> list[Keyword]:
    """Of a virtual or real server: what its checks inherit. ``retry 0`` is only good in a check itself."""
    return [
        works("retry", values.number(retry_low, 4294967295), "1; MISC_CHECK 0, DNS_CHECK 3",
              "tries after the first failure", fields=("TcpCheck.retry",)),
        works("delay_before_retry", values.seconds(high=None), "1; HTTP_GET 3", "seconds between tries",
              fields=("TcpCheck.delay_before_retry",)),
        works("warmup", values.seconds(high=None), "delay_loop", "the first check comes within these seconds",
              fields=("TcpCheck.warmup",)),
        works("connect_timeout", values.seconds(0.000001), "5", "seconds for a connection",
              fields=("TcpCheck.connect_timeout",)),
        works("delay_loop", values.seconds(0.000001, None), "60", "seconds between checks",
              fields=("TcpCheck.delay_loop",)),
    ]  # fmt: skip


GROUP = block(entry=addresses.group_entry(), words=words(
    works("(address)", addresses.endpoint(), "port 0", "an address, a range FIRST-LAST or a network, and a port",
          fields=("VirtualServer.addresses",)),
    later("fwmark", _UINT32, "", "packets with this firewall mark, and their family", "the entry is left out",
          fields=("VirtualServer.fwmarks",)),
))  # fmt: skip
LOCAL_GROUP = block(entry=addresses.local_entry(), words=words(
    works("(entry)", addresses.endpoint(), "", "an address or a range, and the interface it stands on",
          fields=("LocalAddressGroup.ranges",), source="DPVS"),
))  # fmt: skip
ACL_GROUP = block(entry=addresses.acl_entry(), words=words(
    later("(entry)", addresses.endpoint(), "", "an address, a range or ipset:NAME", _NO_ACL,
          fields=("AddressGroup.ranges", "AddressGroup.ipsets"), source="DPVS"),
))  # fmt: skip
_NO_TUNNEL = "no tunnel is set up: use ip link"
TUNNEL_GROUP = block([
    later("tunnel_entry", values.text("a name"), "", "one tunnel interface", _NO_TUNNEL, source="DPVS",
          fields=("Config.tunnels",),
          block=block(of("TunnelInterface", [
              later("kind", values.choice("gre", "ipip", "sit", "ip6tnl", "ip6gre"), "", "gre, ipip …", _NO_TUNNEL,
                    source="DPVS"),
              later("remote", addresses.address(), "any", "address of the other end", _NO_TUNNEL, source="DPVS"),
              later("local", addresses.address(), "any", "own address", _NO_TUNNEL, source="DPVS"),
              later("if", values.INTERFACE, "none", "interface below it", _NO_TUNNEL, source="DPVS",
                    fields=("TunnelInterface.interface",)),
          ]))),
])  # fmt: skip

_REAL = [
    works("weight", values.number(0, 2147483647), "of the virtual server", "its share", fork="at most 65535"),
    works("lvs_method", _LVS_METHOD, "lb_kind", "forwarding method of this server", words=_methods("RealServer.method"),
          fields=("RealServer.method",)),
    works("uthreshold", _UINT32, "0, no limit", "most connections; with so many it gets no new ones"),
    works("lthreshold", _UINT32, "three quarters of uthreshold", "new connections again below this many"),
    works_bool("inhibit_on_failure", "of the virtual server", "weight 0 instead of removal"),
    works("notify_up", values.SCRIPT, "none", "run when it comes up"),
    works("notify_down", values.SCRIPT, "none", "run when it goes down"),
    works_bool("alpha", "of the virtual server", "down until the first check succeeds", fields=("TcpCheck.alpha",)),
    *_timing(1),
    works_bool("smtp_alert", "smtp_alert_checker, on if mail is configured", "mail on changes"),
    works("virtualhost", values.text("a host name"), "of the virtual server", "Host: of HTTP_GET",
          missing=_REPORTED, fields=("HttpGet.virtualhost",)),
    later("snmp_name", values.text("a name", exact=True), "none", "name in SNMP", _NO_SNMP, missing=_REPORTED),
    *CHECKS,
]  # fmt: skip
REAL_SERVER = block(of("RealServer", _REAL))

_KIND = [
    works("ip_family", values.choice("inet", "inet6"), "of the addresses", "family of the service",
          fields=("confparser",)),
    works("lb_algo", values.text("a scheduler"), "wlc", "how a server is chosen for a connection", words=_ALGORITHMS),
    works("lvs_sched", values.text("a scheduler"), "wlc", "lb_algo", words=_ALGORITHMS,
          fields=("VirtualServer.lb_algo",)),
    works("lb_kind", _LVS_METHOD, "NAT", "how packets get to the servers", words=_methods("RealServer.method"),
          fields=("RealServer.method",)),
    works("lvs_method", _LVS_METHOD, "NAT", "lb_kind", words=_methods("RealServer.method"),
          fields=("RealServer.method",)),
    works("protocol", values.choice("TCP", "UDP", "SCTP", "ICMP", "ICMPV6", any_case=True), "UDP",
          "transport protocol of the service", words=_PROTOCOLS),
    inert("hashed", NOTHING, "off", "IPVS's own flag of a service in its hash table", "IPVS sets it itself",
          fields=("VirtualServer.flags",)),
    *(
        works_flag(name, meaning, fields=("VirtualServer.flags",))
        for name, meaning in (
            ("flag-1", "first flag of the scheduler: sh-fallback, mh-fallback"),
            ("flag-2", "second flag of the scheduler: sh-port, mh-port"),
            ("sh-port", "sh hashes the port too"), ("sh-fallback", "sh takes another server for one that is down"),
            ("mh-port", "mh hashes the port too"), ("mh-fallback", "mh takes another server for one that is down"),
        )
    ),
    works("table_size", values.number(16, 1048576), "256, mh 4093", "entries of the table of sh, dh or mh",
          source="lbd"),
    inert("flag-3", NOTHING, "off", "third flag of the scheduler", "no scheduler has a third one",
          fields=("VirtualServer.flags",)),
    later_flag("ops", "each packet is scheduled by itself, UDP only", "packets of one client stay with one server"),
    later("persistence_engine", values.text("an engine"), "none", "sip: persistence by Call-ID", _NO_STICK),
    works("persistence_timeout", values.number(1, 2678400, optional=True), "off; bare 360",
          "seconds that a client stays with its server"),
    works("persistence_granularity", values.text("a mask or prefix length"), "one address",
          "clients that count as one", fork="a netmask with holes is refused"),
]  # fmt: skip

_SERVERS = [
    works("quorum", values.number(1, 4294967295), "1", "sum of weights that must be alive"),
    works("hysteresis", _UINT32, "0", "distance from quorum before a change"),
    works("weight", values.number(1, 2147483647), "1", "weight of servers that name none", fork="at most 65535",
          fields=("RealServer.weight",)),
    works("sorry_server", addresses.endpoint(), "none", "serves while there is no quorum"),
    works_flag("sorry_server_inhibit", "weight 0 instead of removal, for sorry_server"),
    works("sorry_server_lvs_method", _LVS_METHOD, "lb_kind", "forwarding method of sorry_server",
          words=_methods("RealServer.method"), missing=_REPORTED, fields=("RealServer.method",)),
    works_flag("inhibit_on_failure", "weight 0 instead of removal, for all servers",
               fields=("RealServer.inhibit_on_failure",)),
    works_flag("alpha", "servers are down until the first check succeeds", fields=("TcpCheck.alpha",)),
    works_flag("omega", "tell of servers and quorum going down at the end"),
    works("virtualhost", values.text("a host name"), "none", "Host: of HTTP_GET", missing=_REPORTED,
          fields=("HttpGet.virtualhost",)),
    works_block("real_server", addresses.endpoint(), REAL_SERVER, "one server; at least one is needed",
                fields=("VirtualServer.real_servers",)),
    *_timing(1),
]  # fmt: skip

_LATER = [
    works_flag("ha_suspend", "check only while the address is on this machine"),
    works_bool("smtp_alert", "off", "mail on changes of the quorum"),
    later(
        "snmp_name", values.text("a name", exact=True), "none", "name in SNMP", _NO_SNMP, missing=_REPORTED
    ),
    works("quorum_up", values.SCRIPT, "none", "run when the quorum is gained"),
    works("quorum_down", values.SCRIPT, "none", "run when the quorum is lost"),
]


def _dpvs(
    name: str, value: values.Value, default: str, meaning: str, consequence: str, **more: object
) -> Keyword:
    return later(name, value, default, meaning, consequence, source="DPVS", **more)


_DPVS = [
    works("laddr_group_name", values.text("a local_address_group"), "none", "local addresses of FNAT", source="DPVS"),
    works("establish_timeout", values.number(), "0, of lvs_timeouts", "seconds an established connection may idle",
          source="DPVS", fork="clamped to 1–3600"),
    _dpvs("daddr_group_name", values.text("a deny_address_group"), "none", "clients that are refused", _NO_ACL),
    _dpvs("waddr_group_name", values.text("an allow_address_group"), "none", "clients that are let in, no others",
          _NO_ACL),
    _dpvs("syn_proxy", values.flag(), "off", "answer SYNs with cookies", "SYNs go to the servers"),
    _dpvs("expire_quiescent_conn", values.flag(), "off", "end connections of servers that left",
          "they run on until they end or idle out"),
    _dpvs("quic", values.flag(), "off", "schedule by QUIC connection ID", "QUIC is scheduled by address and port"),
    _dpvs("vip_bind_dev", values.INTERFACE, "none", "put the address on this port",
          "put it into a vrrp_instance or on the interface"),
    _dpvs("proxy_protocol", values.text("v1, v2, v1-insecure or v2-insecure"), "off",
          "PROXY header for servers; insecure takes one of the client", "servers see no PROXY header"),
    _dpvs("bps", values.number(), "0, no limit", "octets a second", "no limit is kept"),
    _dpvs("limit_proportion", values.number(), "100", "percent of packets let through", "everything is let through"),
    works("hash_target", values.text("sip or qid"), "sip", "what conhash looks at", source="DPVS"),
    works("src-range", addresses.span(), "any", "sources that an SNAT service matches", fields=("Match.source",),
          source="DPVS"),
    works("dst-range", addresses.span(), "any", "destinations that an SNAT service matches",
          fields=("Match.destination",), source="DPVS"),
    works("oif", values.INTERFACE, "any", "interface that matching packets leave by", fields=("Match.oif",),
          source="DPVS"),
    works("iif", values.INTERFACE, "any", "interface that matching packets come by", fields=("Match.iif",),
          source="DPVS"),
]  # fmt: skip

VIRTUAL_SERVER = block(of("VirtualServer", [*_KIND, *_SERVERS, *_LATER, *_DPVS]))

_KINDS_LEFT_OUT = "the virtual server is left out"
SERVICE_FORMS = words(
    works(
        "(address)", addresses.endpoint(), "", "an address, and a port", fields=("VirtualServer.addresses",)
    ),
    later(
        "fwmark",
        _UINT32,
        "",
        "packets with this firewall mark",
        _KINDS_LEFT_OUT,
        fields=("VirtualServer.fwmarks",),
    ),
    works(
        "group",
        values.text("a virtual_server_group"),
        "",
        "all addresses of that group",
        fields=("VirtualServer.addresses",),
    ),
    works(
        "(all ports)",
        NOTHING,
        "",
        "an address with port 0 or none: all ports, with persistence",
        fields=("VirtualServer.addresses",),
    ),
    works(
        "match",
        values.text("a name"),
        "",
        "packets that src-range, dst-range, iif and oif describe, to SNAT",
        fields=("VirtualServer.match",),
        source="DPVS",
    ),
)
"""What may follow ``virtual_server``."""
