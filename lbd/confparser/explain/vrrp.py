# SPDX-License-Identifier: Apache-2.0
"""LB03xx: VRRP instances, sync groups and what they track."""

from __future__ import annotations

from lbd.confparser.explain.story import Story, block, story, vi

_TWO = vi() + vi(name="VI_2", vrid=52)
_GROUP = block("vrrp_sync_group G", "group {\nVI_1\nVI_2\n}")
_TRACKS = vi("track_process {\nP\n}")
_SECURE = block("global_defs", "enable_script_security", "script_user nobody")

STORIES: dict[str, Story] = {
    "LB0301": story(
        "Two blocks of one kind have the same name. The first counts, this one is left out.",
        vi() + vi(vrid=52),
        _TWO,
    ),
    "LB0302": story(
        "Two instances have the same virtual router ID, interface and address family: they would take each other's"
        " adverts for a rival's. The second is left out. Choose a number that no other router of the network has.",
        vi() + vi(name="VI_2"),
        _TWO,
    ),
    "LB0303": story(
        "The block lacks something it cannot work without: an instance its interface or virtual_router_id, an"
        " authentication its password. It is left out.",
        vi().replace("    virtual_router_id 51\n", ""),
        vi(),
    ),
    "LB0304": story(
        "The interface does not exist on this machine. As in keepalived a start is refused, for a router that guards"
        " nothing is worse than none. If it comes later, write dynamic_interfaces into global_defs.",
        vi().replace("eth0", "eth7"),
        block("global_defs", "dynamic_interfaces") + vi().replace("eth0", "eth7"),
    ),
    "LB0305": story(
        "The instance has no virtual addresses. A version 2 instance runs all the same, one of version 3 is left out.",
        vi(addresses=""),
        vi(),
    ),
    "LB0306": story(
        "virtual_ipaddress holds addresses of one family only, that of the first address, source or peer. Put the"
        " other family into virtual_ipaddress_excluded (it moves with the instance and is not advertised), or into an"
        " instance of its own.",
        vi(addresses="10.0.0.1/24\nfd00::1/64"),
        vi("virtual_ipaddress_excluded {\nfd00::1/64\n}"),
    ),
    "LB0307": story(
        "state MASTER means to be master at once, nopreempt and preempt_delay mean to wait and see: they work with"
        " state BACKUP only, and are dropped. Let all routers begin as BACKUP and leave the rest to priority.",
        vi("state MASTER", "nopreempt", "priority 150"),
        vi("state BACKUP", "nopreempt", "priority 150"),
    ),
    "LB0308": story(
        "The VRRP version does not have this setting: version 2 counts whole seconds, version 3 has no authentication"
        " and hundredths of a second, IPv6 has version 3 alone.",
        vi("version 2", "advert_int 0.5"),
        vi("version 3", "advert_int 0.5"),
    ),
    "LB0309": story(
        "The sync group names an instance that is not there (or was left out). The group runs without it.",
        block("vrrp_sync_group G", "group {\nVI_1\nVI_2\nVI_3\n}") + _TWO,
        _GROUP + _TWO,
    ),
    "LB0310": story(
        "An instance is in two sync groups. It stays in the first.",
        _GROUP + block("vrrp_sync_group H", "group {\nVI_2\nVI_3\nVI_4\n}") + _TWO
        + vi(name="VI_3", vrid=53) + vi(name="VI_4", vrid=54),
        _GROUP + block("vrrp_sync_group H", "group {\nVI_3\nVI_4\n}") + _TWO
        + vi(name="VI_3", vrid=53) + vi(name="VI_4", vrid=54),
    ),
    "LB0311": story(
        "The sync group has one member or none. With one there is nothing to keep in step (it runs); with none it is"
        " left out.",
        block("vrrp_sync_group G", "group {\nVI_1\n}") + vi(),
        _GROUP + _TWO,
    ),
    "LB0312": story(
        "A unicast setting without unicast_peer: without peers adverts are multicast, and the setting does nothing.",
        vi("unicast_src_ip 10.0.0.5"),
        vi("unicast_src_ip 10.0.0.5", "unicast_peer {\n10.0.0.6\n}"),
    ),
    "LB0313": story(
        "The first IPv6 address of an instance should be link-local (RFC 9568, section 5.2.9): adverts leave from it.",
        vi(addresses="fd00::1/64"),
        vi(addresses="fe80::1/64\nfd00::1/64"),
    ),
    "LB0315": story(
        "The instance tracks something that is not defined before it in the file. It is not tracked. Scripts, files,"
        " processes and BFD sessions stand above the instances that track them.",
        _SECURE + vi("track_script {\nchk\n}"),
        _SECURE + block("vrrp_script chk", "script /bin/true") + vi("track_script {\nchk\n}"),
    ),
    "LB0316": story(
        "The program of a tracked script does not exist or cannot be run: the script is not tracked, and the instance"
        " becomes master whatever it was to watch.",
        _SECURE + block("vrrp_script chk", "script /no/such/program") + vi("track_script {\nchk\n}"),
        _SECURE + block("vrrp_script chk", "script /bin/true") + vi("track_script {\nchk\n}"),
    ),
    "LB0317": story(
        "The instance tracks its own interface, which it does anyway, or something twice. The line is dropped.",
        vi("track_interface {\neth0\n}"),
        vi("track_interface {\neth1\n}"),
    ),
    "LB0318": story(
        "The setting is for virtual MAC interfaces and the instance has none. It does nothing.",
        vi("vmac_xmit_base"),
        vi("use_vmac", "vmac_xmit_base"),
    ),
    "LB0319": story(
        "The route or rule makes no sense to the kernel: no destination, both families in one line, an option of the"
        " other family, an interface that is not there. It is left out.",
        vi("virtual_routes {\n10.9.0.0/16 via fd00::1 dev eth0\n}"),
        vi("virtual_routes {\n10.9.0.0/16 via 10.0.0.254 dev eth0\n}"),
    ),
    "LB0320": story(
        "The route or rule is set in another way than it is written; the message says how. A route without dev cannot"
        " be tracked, a rule without preference gets one counted down from 16384.",
        vi("virtual_routes {\n10.9.0.0/16 via 10.0.0.254\n}"),
        vi("virtual_routes {\n10.9.0.0/16 via 10.0.0.254 dev eth0\n}"),
    ),
    "LB0321": story(
        "Strict mode is the RFC alone, and the RFC does not know this setting: it is put back.",
        block("global_defs", "vrrp_strict", "vrrp_version 3") + vi("accept", "garp_lower_prio_repeat 2"),
        block("global_defs", "vrrp_strict", "vrrp_version 3") + vi("accept"),
    ),
    "LB0322": story(
        "Two instances name the same interface with a virtual MAC. The second goes by the usual name, vrrp.VRID.",
        vi("use_vmac mac0") + vi("use_vmac mac0", name="VI_2", vrid=52),
        vi("use_vmac mac0") + vi("use_vmac mac1", name="VI_2", vrid=52),
    ),
    "LB0323": story(
        "The setting is for an interface that does not exist. It is ignored.",
        block("interface_up_down_delays", "eth9 1 2"),
        block("interface_up_down_delays", "eth1 1 2"),
    ),
    "LB0324": story(
        "What is tracked can never be up: at least quorum processes must run, and at most quorum_max may.",
        block("vrrp_track_process P", "process nginx", "quorum 3", "quorum_max 2") + _TRACKS,
        block("vrrp_track_process P", "process nginx", "quorum 2", "quorum_max 3") + _TRACKS,
    ),
    "LB0325": story(
        "The priority of an owner (255) never changes, and priorities in a sync group change only with"
        " sync_group_tracking_weight. The weight is ignored: an interface or a file then decides about faults, another"
        " tracker is let go. Leave the weight out.",
        vi("priority 255", "track_interface {\neth1 weight 10\n}"),
        vi("priority 200", "track_interface {\neth1 weight 10\n}"),
    ),
}  # fmt: skip
