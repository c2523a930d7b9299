# SPDX-License-Identifier: Apache-2.0
"""LB080x to LB084x: remarks about virtual and real servers."""

from __future__ import annotations

from lbd.confparser.explain.story import CHECK, Story, block, global_defs, rs, story, vi, vs

_SECURE = global_defs("enable_script_security", "script_user nobody")
_LOCAL = block("local_address_group L", "10.0.2.1-10.0.2.4 eth0")
_NOT_CHECKED = rs("weight 1", check="")

STORIES: dict[str, Story] = {
    "LB0802": story(
        "ops schedules each packet by itself, and persistence sends all of a client to one server: the second wins, and"
        " the first only costs.",
        vs("ops", "persistence_timeout 60").replace("TCP\n", "UDP\n").replace(CHECK[:9], "PING_CHECK"),
        vs("ops").replace("TCP\n", "UDP\n").replace(CHECK[:9], "PING_CHECK"),
    ),
    "LB0803": story(
        "A hash of the source address sends a client to one server without remembering it. Persistence beside it"
        " remembers, too, and outlives changes of the hash.",
        vs("persistence_timeout 60").replace("rr", "sh", 1),
        vs().replace("rr", "sh", 1),
    ),
    "LB0804": story(
        "syn_proxy answers SYNs itself and must see the server's answers, to which only FullNAT leads them for sure.",
        vs("syn_proxy"),
        _LOCAL + vs("laddr_group_name L", "syn_proxy", kind="FNAT"),
    ),
    "LB0805": story(
        "Packets to the real server come to the virtual server again.",
        vs(servers=rs(address="10.0.0.1 8080")),
        vs(servers=rs(address="10.0.1.1 8080")),
    ),
    "LB0806": story(
        "A sorry server serves while the others are down. One that is among them is down by then.",
        vs("sorry_server 10.0.1.1 80"),
        vs("sorry_server 10.0.1.9 80"),
    ),
    "LB0807": story(
        "What quorum_up does is to be undone by quorum_down, and the other way round.",
        _SECURE + vs("quorum_down /bin/true"),
        _SECURE + vs("quorum_up /bin/true", "quorum_down /bin/true"),
    ),
    "LB0808": story(
        "inhibit_on_failure leaves a dead server in the table with weight 0, and persistence sends its clients"
        " to it still. Write expire_quiescent_conn, or leave one of the two out.",
        vs("inhibit_on_failure", "persistence_timeout 60"),
        vs("inhibit_on_failure"),
    ),
    "LB0809": story(
        "rr and lc treat servers alike whatever their weights; wrr and wlc do not.",
        vs(servers=rs("weight 1") + rs("weight 3", address="10.0.1.2 80")),
        vs(servers=rs("weight 1") + rs("weight 3", address="10.0.1.2 80")).replace("rr", "wrr", 1),
    ),
    "LB0810": story(
        "The file has VRRP instances and none of them moves the address of this service: after a failover it is"
        " where it was.",
        vi(addresses="10.0.0.9/24") + vs(),
        vi() + vs(),
    ),
    "LB0811": story(
        "Nothing uses the group. Its name may be misspelt where it is meant.",
        _LOCAL + vs(),
        _LOCAL + vs("laddr_group_name L", kind="FNAT"),
    ),
    "LB0812": story(
        "A local address stands for clients towards the servers, with any of its ports; as a virtual server's address"
        " some of them belong to the service.",
        block("local_address_group L", "10.0.0.1-10.0.0.4 eth0") + vs("laddr_group_name L", kind="FNAT"),
        _LOCAL + vs("laddr_group_name L", kind="FNAT"),
    ),
    "LB0813": story(
        "persistence_granularity makes all clients of a network one. A /8 or 0.0.0.0 may well be all there are, and one"
        " server gets them.",
        vs("persistence_timeout 60", "persistence_granularity 255.0.0.0"),
        vs("persistence_timeout 60", "persistence_granularity 255.255.255.0"),
    ),
    "LB0814": story(
        "ha_suspend checks only while the service's address is on this machine. Groups and firewall marks have none, so"
        " they are always suspended in keepalived.",
        block("virtual_server_group G", "10.0.0.1 80") + vs("ha_suspend", head="group G"),
        vs("ha_suspend"),
    ),
    "LB0815": story(
        "Servers without checks never go down, so the quorum is never lost: a sorry server never serves, quorum_down"
        " never runs.",
        vs("sorry_server 10.0.1.9 80", servers=_NOT_CHECKED),
        vs("sorry_server 10.0.1.9 80"),
    ),
    "LB0816": story(
        "The same address stands in two groups, or twice in one: one service can have it.",
        block("virtual_server_group G", "10.0.0.1 80", "10.0.0.1 80") + vs(head="group G"),
        block("virtual_server_group G", "10.0.0.1 80", "10.0.0.2 80") + vs(head="group G"),
    ),
    "LB0840": story(
        "Without checks every server counts as healthy for ever. TCP_CHECK is three lines.",
        vs(servers=_NOT_CHECKED),
        vs(),
    ),
    "LB0841": story(
        "Some servers of the service are checked and this one is not: it gets clients when it is dead.",
        vs(servers=rs() + rs("weight 1", address="10.0.1.2 80", check="")),
        vs(servers=rs() + rs(address="10.0.1.2 80")),
    ),
    "LB0842": story(
        "alpha keeps a server out until a check succeeds. It has none.",
        vs(servers=rs() + rs("alpha", address="10.0.1.2 80", check="")),
        vs(servers=rs("alpha")),
    ),
    "LB0843": story(
        "Above uthreshold connections a server gets no new ones until it is below lthreshold, which must be the lower"
        " one.",
        vs(servers=rs("uthreshold 100", "lthreshold 200")),
        vs(servers=rs("uthreshold 200", "lthreshold 100")),
    ),
    "LB0844": story(
        "The address is loopback, multicast or unspecified: packets do not leave this machine for it.",
        vs(servers=rs(address="127.0.0.1 80")),
        vs(),
    ),
    "LB0845": story(
        "The real server's address is one that VRRP moves between routers. Whoever is master would serve.",
        vi(addresses="10.0.0.1/24\n10.0.1.1/24") + vs(),
        vi() + vs(),
    ),
    "LB0846": story(
        "What notify_up does is to be undone by notify_down, and the other way round.",
        _SECURE + vs(servers=rs("notify_down /bin/true")),
        _SECURE + vs(servers=rs("notify_up /bin/true", "notify_down /bin/true")),
    ),
    "LB0847": story(
        "A server without checks never goes down or comes up, so nothing is told.",
        _SECURE
        + vs(
            servers=rs() + rs("notify_up /bin/true", "notify_down /bin/true", address="10.0.1.2 80", check="")
        ),
        _SECURE + vs(servers=rs("notify_up /bin/true", "notify_down /bin/true")),
    ),
}
