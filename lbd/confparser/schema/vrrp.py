# SPDX-License-Identifier: Apache-2.0
"""Rows: vrrp_instance and vrrp_sync_group with the blocks inside them."""

from __future__ import annotations

from lbd.confparser import addresses, values
from lbd.confparser.schema.row import (
    NOTHING,
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
from lbd.confparser.schema.trackers import TRACKERS

_REPORTED = Missing.REPORTED
_NO_SCRIPT = "the script is not run"
_NO_TRACKING = "what it tracks never changes priority or state"
_NO_VMAC = "addresses stay on the interface itself, with its own MAC"
_NO_FILTER = "packets to the virtual addresses are accepted as on any interface"
_NO_MAIL = "no mail is sent"

_LATER_LINES = block(unchecked=True)

AUTHENTICATION = block(
    [
        works(
            "auth_type",
            values.choice("PASS", "AH"),
            "none",
            "simple password or IPsec AH (VRRP version 2 only)",
        ),
        works("auth_pass", values.text("a password of at most 8 characters"), "none", "the password"),
    ]
)
_HMAC = block(
    [
        later(
            name,
            values.rest("words"),
            "",
            "RFC-less authentication of keepalived 2.4",
            "adverts carry no HMAC",
        )
        for name in ("key", "active_key", "time_window", "anti_replay", "mode")
    ]
)
ADDRESS_LINES = block(entry=addresses.address_line())
PEERS = block(entry=addresses.peer_line())

_NOTIFY = [
    later(name, values.SCRIPT, "none", meaning, _NO_SCRIPT)
    for name, meaning in (
        ("notify_backup", "run on becoming backup"),
        ("notify_master", "run on becoming master"),
        ("notify_fault", "run on a fault"),
        ("notify_stop", "run at the end"),
        ("notify", "run on every change, with type, name, state and priority"),
    )
]

_IDENTITY = [
    works("state", values.choice("MASTER", "BACKUP"), "BACKUP", "the state to begin with"),
    works("interface", values.INTERFACE, "", "where adverts are sent and received; required"),
    works("virtual_router_id", values.number(1, 255), "", "VRID (RFC 9568 section 5.2.3); required"),
    works("version", values.choice("2", "3"), "vrrp_version", "VRRP version; IPv6 instances are always 3"),
    works("priority", values.number(1, 255), "100", "255 is the owner of the addresses"),
    works("advert_int", values.seconds(0.01, 255), "1", "time between adverts; whole seconds in version 2"),
    works_block("virtual_ipaddress", NOTHING, ADDRESS_LINES, "addresses that a master holds, at most 255"),
    works_block(
        "virtual_ipaddress_excluded", NOTHING, ADDRESS_LINES, "more addresses, not in adverts; any family"
    ),
    works_block("authentication", NOTHING, AUTHENTICATION, "authentication of adverts, version 2"),
    works("mcast_src_ip", addresses.address(), "the interface's", "source address of adverts"),
    works("unicast_src_ip", addresses.address(), "the interface's", "source address of unicast adverts"),
    works_block("unicast_peer", NOTHING, PEERS, "send adverts to these instead of the multicast group"),
    works_flag("native_ipv6", "the instance is of family IPv6"),
]

_PREEMPTION = [
    works_flag("nopreempt", "a backup of higher priority leaves a running master alone"),
    works_flag("preempt", "the opposite of nopreempt, and the default"),
    works("preempt_delay", values.seconds(0, 1000), "0", "wait before taking over from lower priority"),
    works("down_timer_adverts", values.number(1, 100), "3", "missed adverts until the master counts as down"),
]

_GARP = [
    works("garp_master_delay", values.number(0, 4294), "5", "seconds to the second burst of gratuitous ARP"),
    works("garp_master_repeat", values.number(0, 4294967295), "5", "messages in a burst"),
    works("garp_master_refresh", values.number(0, 4294), "0", "seconds between refreshes; 0 is none"),
    works("garp_master_refresh_repeat", values.number(0, 4294967295), "1", "messages in a refresh"),
    works(
        "garp_lower_prio_delay", values.number(0, 4294), "garp_master_delay", "as above, after a lower advert"
    ),
    works("garp_lower_prio_repeat", values.number(0, 4294967295), "garp_master_repeat", "as above"),
]

_BEHAVIOUR = [
    works_bool("lower_prio_no_advert", "off", "a master does not answer lower adverts"),
    works_bool("higher_prio_send_advert", "off", "a master sends one more advert before it yields"),
    works_bool("v3_checksum_as_v2", "off", "version 3 checksums without pseudo header", since="2.3"),
    works_flag("dont_track_primary", "ignore the state of the instance's own interface"),
    *TRACKERS,
]

_LATER = [
    later("use_vmac", values.rest("words", optional=True), "off", "a virtual MAC (RFC 9568 7.3)", _NO_VMAC),
    later_flag("use_vmac_addr", "virtual MACs for addresses on other interfaces", _NO_VMAC),
    later_flag("vmac_xmit_base", "adverts leave from the base interface", _NO_VMAC),
    later("use_ipvlan", values.rest("words", optional=True), "off", "an ipvlan interface", _NO_VMAC),
    later_flag("unicast_fault_no_peer", "without peers: fault", "without peers adverts are multicast"),
    later_flag("check_unicast_src", "take adverts from the peers only", "adverts of any source are taken"),
    later(
        "old_unicast_checksum", values.choice("never", optional=True), "auto",
        "checksums of very old peers", "adverts with such checksums are dropped",
    ),
    later("vrf", values.INTERFACE, "none", "the VRF to run in", "adverts leave by the main table"),
    later_flag("track_src_ip", "fault while the source address is missing", _NO_TRACKING),
    later("mcast_dst_ip", addresses.address(), "224.0.0.18", "the multicast group", "the standard group is used"),
    later("unicast_ttl", values.number(0, 255), "255", "TTL of unicast adverts", "255 is used"),
    works_flag("no_virtual_ipaddress", "no addresses is no mistake", since="2.3"),
    later_flag("promote_secondaries", "set the sysctl of this name", "set the sysctl yourself"),
    later_flag("linkbeat_use_polling", "poll the link", "the kernel reports the link",
               deprecated="linkbeat_interfaces"),
    later("virtual_routes", NOTHING, "none", "routes of a master", "the routes are not set", block=_LATER_LINES),
    later("virtual_rules", NOTHING, "none", "rules of a master", "the rules are not set", block=_LATER_LINES),
    works_flag("accept", "take packets to the addresses, the default"),
    later_flag("no_accept", "drop packets to the addresses", _NO_FILTER),
    works_bool("skip_check_adv_addr", "off", "compare the addresses of adverts less often"),
    later_bool("strict_mode", "off", "refuse what RFC 9568 does not know", "the instance runs as written"),
    works("debug", values.number(0, 4), "0", "without effect, as in keepalived"),
    later("notify_master_rx_lower_pri", values.SCRIPT, "none", "run on a lower advert", _NO_SCRIPT),
    later("notify_deleted", values.rest("a command", optional=True), "off", "run on removal", _NO_SCRIPT),
    *_NOTIFY,
    later_bool("smtp_alert", "off", "mail on changes", _NO_MAIL),
    later_bool("notify_priority_changes", "off", "tell of priority changes", _NO_SCRIPT),
    later(
        "lvs_sync_daemon_interface", values.INTERFACE, "none", "connection sync",
        "connections do not survive a failover", deprecated="lvs_sync_daemon in global_defs",
    ),
    later("timer_expired_backup", values.number(1, 254, optional=True), "off", "wait after a stall",
          "a stalled backup takes over at once", since="2.3"),
    later("thread_timer_expired", values.number(1, 254, optional=True), "off", "timer_expired_backup",
          "a stalled backup takes over at once", since="2.3"),
    later("garp_extra_if", values.rest("[all] SECONDS"), "off", "repeat on the base interface", _NO_VMAC,
          missing=_REPORTED),
    later("vmac_garp_intvl", values.rest("[all] SECONDS"), "off", "garp_extra_if", _NO_VMAC,
          missing=_REPORTED, deprecated="garp_extra_if"),
    later_bool("owner_ignore_adverts", "off", "an owner drops adverts", "an owner reads them", since="2.3"),
    later("kernel_rx_buf_size", values.number(0, 4294967295), "kernel's", "receive buffer",
          "the kernel's default is used", missing=_REPORTED),
    later("auth_hmac", NOTHING, "none", "HMAC of adverts", "adverts carry no HMAC", block=_HMAC, since="2.4"),
    later("dpdk_interface", values.INTERFACE, "none", "the DPDK port behind interface",
          "addresses stay on interface", source="DPVS"),
]  # fmt: skip

VRRP_INSTANCE = block([*_IDENTITY, *_PREEMPTION, *_GARP, *_BEHAVIOUR, *_LATER])

VRRP_SYNC_GROUP = block(
    [
        works_block(
            "group", NOTHING, block(entry=values.text("an instance"), entries_per_line=True), "the members; required"
        ),
        *TRACKERS,
        *_NOTIFY,
        later_bool("smtp_alert", "off", "mail on changes", _NO_MAIL),
        later_flag("global_tracking", "sync_group_tracking_weight", _NO_TRACKING,
                   deprecated="track_interface, track_script or track_file in the group"),
        later_flag("sync_group_tracking_weight", "weights may differ in a group", _NO_TRACKING),
        later_bool("notify_priority_changes", "off", "tell of priority changes", _NO_SCRIPT),
    ]
)  # fmt: skip
