# SPDX-License-Identifier: Apache-2.0
"""LB04xx: virtual servers, their groups and real servers."""

from __future__ import annotations

from lbd.confparser.explain.story import Story, block, rs, story, vs

_WITHOUT = """virtual_server 10.0.0.1 80 {{
    {}
    {}
    real_server 10.0.1.1 80 {{
        TCP_CHECK {{
        }}
    }}
}}
"""
_LOCAL = block("local_address_group L", "10.0.2.1-10.0.2.4 eth0")

STORIES: dict[str, Story] = {
    "LB0401": story(
        "A virtual server without a real server (or whose real servers were all left out) serves nobody. It is left"
        " out.",
        vs(servers=""),
        vs(),
    ),
    "LB0402": story(
        "Without lb_algo the scheduler is wlc.",
        _WITHOUT.format("lb_kind NAT", "protocol TCP"),
        vs(),
    ),
    "LB0403": story(
        "Without lb_kind the forwarding method is NAT.",
        _WITHOUT.format("lb_algo rr", "protocol TCP"),
        vs(),
    ),
    "LB0404": story(
        "Without protocol a virtual server with an address is for UDP, which is hardly meant. Write it down.",
        _WITHOUT.format("lb_algo rr", "lb_kind NAT"),
        vs(),
    ),
    "LB0405": story(
        "quorum is a sum of weights, not a number of servers, and all weights together do not reach it: it is lowered"
        " to their sum. Servers of weight 0 count nothing.",
        vs("quorum 5"),
        vs("quorum 5", servers=rs("weight 5")),
    ),
    "LB0406": story(
        "hysteresis must be below quorum, or quorum is never lost: it is lowered.",
        vs("quorum 1", "hysteresis 3"),
        vs("quorum 4", "hysteresis 3", servers=rs("weight 9")),
    ),
    "LB0407": story(
        "A real server stands in a virtual server twice. The first counts.",
        vs(servers=rs() + rs()),
        vs(servers=rs() + rs(address="10.0.1.2 80")),
    ),
    "LB0408": story(
        "With direct routing and tunnels the packet keeps its port, so a real server cannot listen on another one than"
        " the virtual server has. The virtual server's port is used.",
        vs(kind="DR", servers=rs(address="10.0.1.1 8080")),
        vs(kind="DR"),
    ),
    "LB0409": story(
        "A real server's address is of the other family than the virtual server's: packets are not translated between"
        " IPv4 and IPv6 by this method. The real server is left out.",
        vs(servers=rs() + rs(address="fd00::1 80")),
        vs(servers=rs() + rs(address="10.0.1.2 80")),
    ),
    "LB0410": story(
        "There is no virtual_server_group of this name (or it has nothing for these real servers): nothing is served."
        " keepalived 2.2.7 passes it over, so the exit code stays.",
        vs(head="group G"),
        block("virtual_server_group G", "10.0.0.1 80") + vs(head="group G"),
    ),
    "LB0411": story(
        "FullNAT needs local addresses, which stand for the clients towards the real servers: laddr_group_name names a"
        " local_address_group with addresses of the real servers' family. Without it not one packet could be forwarded,"
        " so the service is left out.",
        vs(kind="FNAT"),
        _LOCAL + vs("laddr_group_name L", kind="FNAT"),
    ),
    "LB0412": story(
        "SNAT rewrites the source of what goes out, which virtual_server match describes; a service with an address"
        " rewrites destinations. The service or server is left out rather than forwarded by another method.",
        vs(kind="SNAT"),
        vs(kind="NAT"),
    ),
    "LB0413": story(
        "There is no such scheduler: wlc is used (or the one given before). Names are lower case: rr, wrr, lc, wlc, sh,"
        " mh, …",
        vs("lb_algo loadbalance"),
        vs("lb_algo wlc"),
    ),
    "LB0415": story(
        "There is no such forwarding method: NAT is used. Names are upper case: NAT, DR, TUN, FNAT, SNAT.",
        vs(kind="nat"),
        vs(kind="NAT"),
    ),
    "LB0416": story(
        "This version does not serve services of this kind yet (by firewall mark, or for all ports). The service is"
        " left out.",
        "virtual_server fwmark 5 {\n    lb_algo rr\n    lb_kind NAT\n    real_server 10.0.1.1 80 {\n        weight 1\n"
        "    }\n}\n",
        vs(),
    ),
    "LB0417": story(
        "ops (one-packet scheduling) chooses a server for each packet, which only UDP bears. It is switched off.",
        vs("ops"),
        vs("ops", servers=rs(check="PING_CHECK {\n}")).replace("TCP\n", "UDP\n"),
    ),
    "LB0418": story(
        "A service for all ports must send a client's connections to one server: persistence is switched on, with 360"
        " seconds.",
        vs(head="10.0.0.1 0", servers=rs(address="10.0.1.1 0")),
        vs("persistence_timeout 360", head="10.0.0.1 0", servers=rs(address="10.0.1.1 0")),
    ),
    "LB0419": story(
        "sh-port, sh-fallback, mh-port and mh-fallback are flags of one scheduler and stand behind its lb_algo. Here"
        " they do nothing.",
        vs("sh-port"),
        vs("sh-port").replace("rr", "sh"),
    ),
    "LB0420": story(
        "The keyword is about the sorry server and must stand behind sorry_server.",
        vs("sorry_server_inhibit"),
        vs("sorry_server 10.0.1.9 80", "sorry_server_inhibit"),
    ),
    "LB0421": story(
        "A firewall mark says nothing of the protocol, so protocol does nothing in such a virtual server.",
        vs(head="fwmark 5"),
        vs(head="fwmark 5").replace("    protocol TCP\n", ""),
    ),
    "LB0422": story(
        "A service of this address, port and protocol stands further up. keepalived keeps both, and the kernel refuses"
        " the second; here it is left out.",
        vs() + vs(),
        vs() + vs(head="10.0.0.1 443"),
    ),
    "LB0423": story(
        "ip_family says another family than the address of the virtual server has.",
        vs("ip_family inet6"),
        vs("ip_family inet"),
    ),
    "LB0425": story(
        "daddr_group_name names a deny_address_group, and waddr_group_name an allow_address_group, that is not there."
        " It is ignored: every client is let in.",
        vs("daddr_group_name BAD"),
        block("deny_address_group BAD", "10.66.0.1-9") + vs("daddr_group_name BAD"),
    ),
}
