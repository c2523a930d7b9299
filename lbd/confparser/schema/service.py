# SPDX-License-Identifier: Apache-2.0
"""Rows: virtual_server, real_server and the groups of addresses."""

from __future__ import annotations

from lbd.confparser import addresses, values
from lbd.confparser.schema.checks import CHECKS
from lbd.confparser.schema.row import (
    Keyword,
    Missing,
    block,
    later,
    later_bool,
    later_flag,
    works,
    works_block,
    works_bool,
    works_flag,
)

_REPORTED = Missing.REPORTED
_NO_SCRIPT = "the script is not run"
_NO_MAIL = "no mail is sent"
_NO_STICK = "connections of one client may go to different servers"
_NO_FLAG = "the scheduler runs without it"
_NO_ACL = "every client is let in"

_LVS_METHOD = values.rest("NAT, DR, TUN, FNAT or SNAT")


def _timing(retry_low: int) -> list[Keyword]:
    """Of a virtual or real server: what its checks inherit. ``retry 0`` is only good in a check itself."""
    return [
        works("retry", values.number(retry_low, 4294967295), "1", "tries after the first failure"),
        works("delay_before_retry", values.seconds(high=None), "1; HTTP_GET 3", "seconds between tries"),
        works(
            "warmup", values.seconds(high=None), "delay_loop", "the first check comes within these seconds"
        ),
        works("connect_timeout", values.seconds(0.000001), "5", "seconds for a connection"),
        works("delay_loop", values.seconds(0.000001, None), "60", "seconds between checks"),
    ]


GROUP = block(entry=addresses.group_entry())
LOCAL_GROUP = block(entry=addresses.local_entry())

REAL_SERVER = block(
    [
        works("weight", values.number(0, 2147483647), "of the virtual server", "its share"),
        works("lvs_method", _LVS_METHOD, "lb_kind", "forwarding method of this server"),
        works("uthreshold", values.number(0, 4294967295), "0", "no new connections above this many"),
        works("lthreshold", values.number(0, 4294967295), "0", "new connections again below this many"),
        works_bool("inhibit_on_failure", "of the virtual server", "weight 0 instead of removal"),
        later("notify_up", values.SCRIPT, "none", "run when it comes up", _NO_SCRIPT),
        later("notify_down", values.SCRIPT, "none", "run when it goes down", _NO_SCRIPT),
        works_bool("alpha", "of the virtual server", "down until the first check succeeds"),
        *_timing(1),
        later_bool("smtp_alert", "on if mail is configured", "mail on changes", _NO_MAIL),
        works("virtualhost", values.text("a host name"), "of the virtual server", "Host: of HTTP_GET",
              missing=_REPORTED),
        later("snmp_name", values.text("a name", exact=True), "none", "name in SNMP", "SNMP does not show it",
              missing=_REPORTED),
        *CHECKS,
    ]
)  # fmt: skip

_KIND = [
    works("ip_family", values.choice("inet", "inet6"), "of the addresses", "family of the service"),
    works("lb_algo", values.text("a scheduler"), "wlc", "scheduler"),
    works("lvs_sched", values.text("a scheduler"), "wlc", "lb_algo"),
    works("lb_kind", _LVS_METHOD, "NAT", "forwarding method"),
    works("lvs_method", _LVS_METHOD, "NAT", "lb_kind"),
    works("protocol", values.choice("TCP", "UDP", "SCTP", "ICMP", "ICMPV6", any_case=True), "UDP", "protocol"),
    *(
        later_flag(name, f"scheduler flag {name}", _NO_FLAG)
        for name in ("hashed", "flag-1", "flag-2", "flag-3", "sh-port", "sh-fallback", "mh-port", "mh-fallback")
    ),
    later_flag("ops", "one-packet scheduling, UDP only", "packets of one client stay with one server"),
    later("persistence_engine", values.text("an engine"), "none", "sip persistence", _NO_STICK),
    later("persistence_timeout", values.number(1, 2678400, optional=True), "off; bare 360",
          "seconds that a client stays with its server", _NO_STICK),
    later("persistence_granularity", values.text("a mask or prefix length"), "one address",
          "clients that count as one", _NO_STICK),
]  # fmt: skip

_SERVERS = [
    works("quorum", values.number(1, 4294967295), "1", "sum of weights that must be alive"),
    works("hysteresis", values.number(0, 4294967295), "0", "distance from quorum before a change"),
    works("weight", values.number(1, 2147483647), "1", "weight of servers that name none"),
    works("sorry_server", addresses.endpoint(), "none", "serves while there is no quorum"),
    works_flag("sorry_server_inhibit", "weight 0 instead of removal, for sorry_server"),
    works(
        "sorry_server_lvs_method",
        _LVS_METHOD,
        "lb_kind",
        "forwarding method of sorry_server",
        missing=_REPORTED,
    ),
    works_flag("inhibit_on_failure", "weight 0 instead of removal, for all servers"),
    works_flag("alpha", "servers are down until the first check succeeds"),
    works_flag("omega", "tell of servers and quorum going down at the end"),
    works("virtualhost", values.text("a host name"), "none", "Host: of HTTP_GET", missing=_REPORTED),
    works_block("real_server", addresses.endpoint(), REAL_SERVER, "one server; at least one is needed"),
    *_timing(1),
]

_LATER = [
    later_flag("ha_suspend", "check only while the address is here", "servers are always checked"),
    later_bool("smtp_alert", "off", "mail on changes", _NO_MAIL),
    later(
        "snmp_name",
        values.text("a name", exact=True),
        "none",
        "name in SNMP",
        "SNMP does not show it",
        missing=_REPORTED,
    ),
    later("quorum_up", values.SCRIPT, "none", "run when quorum is gained", _NO_SCRIPT),
    later("quorum_down", values.SCRIPT, "none", "run when quorum is lost", _NO_SCRIPT),
]

_DPVS = [
    works("laddr_group_name", values.text("a local_address_group"), "none", "local addresses of FNAT", source="DPVS"),
    works("establish_timeout", values.number(), "0", "seconds an established connection may idle, 1–3600",
          source="DPVS"),
    later("daddr_group_name", values.text("a group"), "none", "deny_address_group", _NO_ACL, source="DPVS"),
    later("waddr_group_name", values.text("a group"), "none", "allow_address_group", _NO_ACL, source="DPVS"),
    later_flag("syn_proxy", "answer SYNs with cookies", "SYNs go to the servers", source="DPVS"),
    later_flag("expire_quiescent_conn", "end connections of servers that left",
               "they run on until they end or idle out", source="DPVS"),
    later_flag("quic", "schedule by QUIC connection ID", "QUIC is scheduled by address and port", source="DPVS"),
    later("vip_bind_dev", values.INTERFACE, "none", "put the address on this port",
          "put it into a vrrp_instance or on the interface", source="DPVS"),
    later("proxy_protocol", values.text("v1, v2, v1-insecure or v2-insecure"), "off", "PROXY header to servers",
          "servers see no PROXY header", source="DPVS"),
    later("bps", values.number(), "0", "rate limit", "no limit is kept", source="DPVS"),
    later("limit_proportion", values.number(), "100", "percent let through", "everything is let through",
          source="DPVS"),
    later("hash_target", values.choice("sip", "qid"), "sip", "what conhash looks at", _NO_FLAG, source="DPVS"),
    *(
        later(name, values.text("a match"), "any", "what an SNAT service matches", "SNAT services are not set up",
              source="DPVS")
        for name in ("src-range", "dst-range", "oif", "iif")
    ),
]  # fmt: skip

VIRTUAL_SERVER = block([*_KIND, *_SERVERS, *_LATER, *_DPVS])
