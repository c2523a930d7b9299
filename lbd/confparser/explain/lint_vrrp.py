# SPDX-License-Identifier: Apache-2.0
"""LB07xx: remarks about VRRP."""

from __future__ import annotations

from lbd.confparser.explain.story import Example, Story, block, global_defs, story, vi

_SECURE = global_defs("enable_script_security", "script_user nobody")
_GROUP = block("vrrp_sync_group G", "group {\nVI_1\nVI_2\n}")
_SCRIPT = block("vrrp_script chk", "script /bin/true")
_TRACK = vi("track_script {\nchk\n}")


def _second(*lines: str) -> str:
    return vi(*lines, name="VI_2", vrid=52)


_PROCESS = block("vrrp_track_process nginx", "process nginx")

STORIES: dict[str, Story] = {
    "LB0701": story(
        "state MASTER alone gives priority 255, which makes this router the owner of the addresses: it preempts whoever"
        " is master, at once. Say which priority is meant.",
        vi("state MASTER"),
        vi("state MASTER", "priority 150"),
    ),
    "LB0703": story(
        "unicast_peer lists the other routers. One that lists itself gets its own adverts, drops them and logs it. A"
        " file for all routers may use @ID conditions.",
        vi("unicast_src_ip 10.0.0.5", "unicast_peer {\n10.0.0.5\n10.0.0.6\n}"),
        vi("unicast_src_ip 10.0.0.5", "unicast_peer {\n10.0.0.6\n}"),
    ),
    "LB0704": story(
        "Without unicast_src_ip the kernel chooses the source of adverts: on a master that may be a virtual address,"
        " and peers that check sources drop them.",
        vi("unicast_peer {\n10.0.0.6\n}"),
        vi("unicast_src_ip 10.0.0.5", "unicast_peer {\n10.0.0.6\n}"),
    ),
    "LB0705": story(
        "auth_pass goes over the wire in clear text; it keeps neighbours by mistake out, nobody else. One from examples"
        " does not even do that: two pairs on a network take each other's adverts.",
        vi("authentication {\nauth_type PASS\nauth_pass 1111\n}"),
        vi("authentication {\nauth_type PASS\nauth_pass r4nd0m\n}"),
    ),
    "LB0706": story(
        "With adverts less than 50 ms apart three of them fit into a pause that a busy machine or a switch makes every"
        " day. Raise down_timer_adverts, or the interval.",
        vi("version 3", "advert_int 0.01"),
        vi("version 3", "advert_int 0.1"),
    ),
    "LB0708": story(
        "The source address of adverts is one that VRRP moves: a backup does not have it and cannot send.",
        vi("unicast_src_ip 10.0.0.1", "unicast_peer {\n10.0.0.6\n}"),
        vi("unicast_src_ip 10.0.0.5", "unicast_peer {\n10.0.0.6\n}"),
    ),
    "LB0709": story(
        "Two instances have the same address. Where their masters are two routers, both hold it.",
        vi() + vi(name="VI_2", vrid=52, addresses="10.0.0.1/24"),
        vi() + _second(),
    ),
    "LB0710": story(
        "The virtual address is in no subnet of its interface. Neighbours do not ask for it by ARP or ND unless a"
        " router has a route to it; often it is a slip in an octet.",
        Example(vi(addresses="10.0.9.1/24"), networks={"eth0": ("10.0.0.0/24",)}),
        Example(vi(), networks={"eth0": ("10.0.0.0/24",)}),
    ),
    "LB0711": story(
        "The virtual address is multicast, loopback, reserved or unspecified: nobody reaches a host at it.",
        vi(addresses="127.0.0.53/8"),
        vi(),
    ),
    "LB0712": story(
        "The priority of an owner never changes, so the weight of what it tracks does nothing. Leave the weight out for"
        " a fault, or lower the priority.",
        _PROCESS + vi("priority 255", "track_process {\nnginx weight 10\n}"),
        _PROCESS + vi("priority 200", "track_process {\nnginx weight 10\n}"),
    ),
    "LB0713": story(
        "The script may still run when it is due again. Runs are left out, and rise and fall count other times than you"
        " think.",
        _SECURE + block("vrrp_script chk", "script /bin/true", "interval 2", "timeout 5") + _TRACK,
        _SECURE + block("vrrp_script chk", "script /bin/true", "interval 5", "timeout 2") + _TRACK,
    ),
    "LB0714": story(
        "Nothing tracks it, so it is not run; keepalived drops it, too. A name may be misspelt where it is tracked.",
        _SECURE + _SCRIPT + vi(),
        _SECURE + _SCRIPT + _TRACK,
    ),
    "LB0715": story(
        "Members of a sync group go together. With priorities that differ, their elections have different winners, and"
        " each change drags the others along.",
        _GROUP + vi("priority 150") + _second("priority 100"),
        _GROUP + vi("priority 150") + _second("priority 150"),
    ),
    "LB0716": story(
        "A member without nopreempt takes over, and the whole group with it, nopreempt or not.",
        _GROUP + vi("nopreempt") + _second(),
        _GROUP + vi("nopreempt") + _second("nopreempt"),
    ),
    "LB0717": story(
        "lo connects nobody. For addresses on lo use dev lo in virtual_ipaddress, and the interface that leads to the"
        " other routers here.",
        vi().replace("eth0", "lo"),
        vi(addresses="10.0.0.1/32 dev lo"),
    ),
    "LB0718": story(
        "The RFC's strict mode takes no packets to the virtual addresses unless the router owns them: services and ping"
        " fail. Write accept if they are to be served here.",
        global_defs("vrrp_strict", "vrrp_version 3") + vi(),
        global_defs("vrrp_strict", "vrrp_version 3") + vi("accept"),
    ),
}
