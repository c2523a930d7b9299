# SPDX-License-Identifier: Apache-2.0
"""Rows: vrrp_instance and vrrp_sync_group with the blocks inside them."""

from __future__ import annotations

from lbd.confparser import addresses, routes, values, virtual_lines
from lbd.confparser.schema.lines import ADDRESS_WORDS, ROUTE_WORDS, RULE_WORDS
from lbd.confparser.schema.row import (
    NOTHING,
    PARSER,
    Block,
    Keyword,
    Missing,
    block,
    inert,
    later,
    of,
    words,
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
_NO_MAIL = "no mail is sent"
_NO_HMAC = "adverts carry no HMAC, and whoever demands one takes this machine for absent"
_UINT32 = values.number(0, 4294967295)
_SECONDS = values.number(0, 4294)

AUTHENTICATION = block(of("VrrpInstance", [
    works("auth_type", values.choice("PASS", "AH"), "none", "a password in clear text, or IPsec AH (version 2 only)",
          words=words(
              works("PASS", NOTHING, "", "eight octets in clear text (RFC 2338)", fields=("VrrpInstance.auth_type",)),
              works("AH", NOTHING, "", "HMAC-MD5-96 in an IPsec authentication header",
          fields=("VrrpInstance.auth_type",)),
          )),
    works("auth_pass", values.text("a password of at most 8 characters"), "none",
          "the password; of a longer one the first 8 octets count"),
]))  # fmt: skip
_HMAC = block([
    works("key", virtual_lines.hmac_key(), "",
          "a secret of 32 to 64 octets, by its number 1–255; required", fields=("AuthHmac.keys",)),
    works("active_key", values.number(1, 255), "the first key", "the key that adverts are signed with",
          fields=("AuthHmac.active_key",)),
    works("time_window", values.seconds(1, 300), "3 adverts, at least 5", "seconds that clocks may differ",
          fields=("AuthHmac.time_window",)),
    works("anti_replay", values.choice("time", "monotonic"), "time", "how adverts that were recorded are known",
          fields=("AuthHmac.anti_replay",)),
    works("mode", values.choice("enforce", "permissive", "receive-only"), "enforce",
          "what becomes of adverts without HMAC; receive-only sends none", fields=("AuthHmac.mode",)),
])  # fmt: skip
ADDRESS_LINES = block(entry=virtual_lines.address_line(ADDRESS_WORDS, "track_group"), words=ADDRESS_WORDS)
STATIC_LINES = block(entry=virtual_lines.address_line(ADDRESS_WORDS, "use_vmac"), words=ADDRESS_WORDS)


def _route_lines(static: bool) -> Block:
    rows = {name: row for name, row in ROUTE_WORDS.items() if static or name != "track_group"}
    return block(entry=routes.route_line(rows), words=ROUTE_WORDS)


def _rule_lines(static: bool) -> Block:
    rows = {name: row for name, row in RULE_WORDS.items() if static or name != "track_group"}
    return block(entry=routes.rule_line(rows), words=RULE_WORDS)


ROUTE_LINES, RULE_LINES = _route_lines(True), _rule_lines(True)
"""The static ones."""
_NO_TTL = "any TTL is taken"
_PEER = words(*of("UnicastPeer", [
    works("(address)", addresses.address(), "", "the peer", fields=("UnicastPeer.address",)),
    works("min_ttl", values.number(0, 255), "0", "lowest TTL of its adverts"),
    works("max_ttl", values.number(0, 255), "255", "highest TTL of its adverts"),
]))  # fmt: skip
PEERS = block(entry=virtual_lines.peer_line(_PEER), words=_PEER)


def _notify(name: str, meaning: str, **more: object) -> Keyword:
    return works(name, values.SCRIPT, "none", meaning, fields=(f"Notify.{name}",), **more)


_NOTIFY = [
    _notify("notify_backup", "run on becoming backup"),
    _notify("notify_master", "run on becoming master"),
    _notify("notify_fault", "run on a fault"),
    _notify("notify_stop", "run when lbd ends"),
    _notify("notify", "run on every change, with INSTANCE or GROUP, name, state and priority appended"),
]

_IDENTITY = [
    works("state", values.choice("MASTER", "BACKUP"), "BACKUP; MASTER at priority 255", "the state to begin with"),
    works("interface", values.INTERFACE, "", "where adverts are sent and received; required"),
    works("virtual_router_id", values.number(1, 255), "", "VRID (RFC 9568 section 5.2.3); required"),
    works("version", values.choice("2", "3"), "vrrp_version", "VRRP version; IPv6 instances are always 3"),
    works("priority", values.number(1, 255), "100; 255 with state MASTER", "255 is the owner of the addresses"),
    works("advert_int", values.seconds(0.01, 255), "1", "time between adverts; whole seconds in version 2"),
    works_block("virtual_ipaddress", NOTHING, ADDRESS_LINES, "addresses that a master holds, at most 255 in adverts"),
    works_block("virtual_ipaddress_excluded", NOTHING, ADDRESS_LINES, "more addresses, not in adverts; any family"),
    works_block("authentication", NOTHING, AUTHENTICATION, "authentication of adverts, version 2",
                fields=("VrrpInstance.auth_type",)),
    works("mcast_src_ip", addresses.address(), "the interface's", "source address of adverts"),
    works("unicast_src_ip", addresses.address(), "the interface's", "source address of unicast adverts"),
    works_block("unicast_peer", NOTHING, PEERS, "send adverts to these instead of the multicast group"),
    works_flag("native_ipv6", "the instance is of family IPv6", fields=("VrrpInstance.is_ipv6",)),
]  # fmt: skip

_PREEMPTION = [
    works_flag("nopreempt", "a backup of higher priority leaves a running master alone"),
    works_flag("preempt", "the opposite of nopreempt, and the default", fields=("VrrpInstance.nopreempt",)),
    works(
        "preempt_delay",
        values.seconds(0, 1000),
        "0",
        "seconds to wait before taking over from lower priority",
    ),
    works("down_timer_adverts", values.number(1, 100), "3", "missed adverts until the master counts as down"),
]

_GARP = [
    works(
        "garp_master_delay",
        _SECONDS,
        "vrrp_garp_master_delay",
        "seconds to the second burst of gratuitous ARP",
    ),
    works("garp_master_repeat", _UINT32, "vrrp_garp_master_repeat", "messages for an address in a burst"),
    works(
        "garp_master_refresh", _SECONDS, "vrrp_garp_master_refresh", "seconds between refreshes; 0 is none"
    ),
    works("garp_master_refresh_repeat", _UINT32, "vrrp_garp_master_refresh_repeat", "messages in a refresh"),
    works(
        "garp_lower_prio_delay", _SECONDS, "garp_master_delay", "as garp_master_delay, after a lower advert"
    ),
    works(
        "garp_lower_prio_repeat", _UINT32, "garp_master_repeat", "as garp_master_repeat, after a lower advert"
    ),
]

_BEHAVIOUR = [
    works_bool("lower_prio_no_advert", "off", "a master does not answer lower adverts"),
    works_bool("higher_prio_send_advert", "off", "a master sends one more advert before it yields"),
    works_bool(
        "v3_checksum_as_v2", "off", "version 3 checksums without pseudo header (RFC 9568)", since="2.2.8"
    ),
    works_flag("dont_track_primary", "ignore the state of the instance's own interface"),
    *TRACKERS,
]

_VMAC = [
    works("use_vmac", virtual_lines.vmac(), "off",
          "addresses on an interface with a virtual MAC (RFC 9568 section 7.3)"),
    works_flag("use_vmac_addr", "virtual MACs for addresses on other interfaces"),
    works_flag("vmac_xmit_base", "adverts leave from the base interface"),
    works("use_ipvlan", virtual_lines.ipvlan(), "off", "addresses on an ipvlan interface"),
    works("garp_extra_if", virtual_lines.extra_garp(0), "vrrp_garp_extra_if",
          "seconds between messages on the base interface of a virtual MAC", missing=_REPORTED),
    works("vmac_garp_intvl", virtual_lines.extra_garp(0), "off", "garp_extra_if",
          missing=_REPORTED, deprecated="garp_extra_if", fields=("VrrpInstance.garp_extra_if",)),
]  # fmt: skip

_LATER = [
    *_VMAC,
    works_flag("unicast_fault_no_peer", "a fault where unicast_peer is empty"),
    works_flag("check_unicast_src", "take unicast adverts of the peers only"),
    works("old_unicast_checksum", values.choice("never", optional=True), "by the first advert",
          "peers older than keepalived 1.3 sum otherwise"),
    later("vrf", values.INTERFACE, "none", "the VRF to send and receive in", "interface says it: its VRF counts"),
    works_flag("track_src_ip", "a fault while the source address is missing"),
    works("mcast_dst_ip", addresses.address(), "vrrp_mcast_group4 or 6", "the multicast group"),
    works("unicast_ttl", values.number(0, 255), "255", "TTL of unicast adverts"),
    works_flag("no_virtual_ipaddress", "no addresses is no mistake", since="2.2.8", fields=("confparser",)),
    works_flag("promote_secondaries", "set the sysctl of this name on the interface"),
    inert("linkbeat_use_polling", NOTHING, "off", "poll the link", "the kernel reports the link",
          deprecated="linkbeat_interfaces"),
    works("virtual_routes", NOTHING, "none", "routes of a master", block=_route_lines(False)),
    works("virtual_rules", NOTHING, "none", "routing rules of a master",
          block=_rule_lines(False)),
    works_flag("accept", "take packets to the addresses, which is the default without strict_mode"),
    works_flag("no_accept", "drop packets to the addresses unless owner", fields=("VrrpInstance.accept",)),
    works_bool("skip_check_adv_addr", "off", "compare the addresses of an advert when its source changes only"),
    works_bool("strict_mode", "vrrp_strict", "put back what the RFC does not know"),
    inert("debug", values.number(0, 4), "0", "level of debugging", "it has none in keepalived either"),
    works("timer_expired_backup", values.number(1, 254, optional=True), "off; bare 254",
          "after a stall wait as if a backup of this priority deserved to go first", since="2.2.8"),
    works("thread_timer_expired", values.number(1, 254, optional=True), "off", "timer_expired_backup", since="2.3.2",
          fields=("VrrpInstance.timer_expired_backup",)),
    works_bool("owner_ignore_adverts", "off", "an owner drops adverts unread", since="2.3.3"),
    works("kernel_rx_buf_size", _UINT32, "vrrp_rx_bufs_policy", "octets of receive buffer", missing=_REPORTED),
    works("auth_hmac", NOTHING, "none", "HMAC of adverts (keepalived's extension)", block=_HMAC,
          since="2.4.0"),
    later("dpdk_interface", values.INTERFACE, "none", "the DPDK port behind interface, which gets the addresses",
          "addresses stay on interface", source="DPVS"),
    inert("lvs_sync_daemon_interface", values.INTERFACE, "none", "connection synchronisation by this instance",
          "connections do not survive a failover", deprecated="lvs_sync_daemon in global_defs"),
]  # fmt: skip

_TELL = [
    *_NOTIFY,
    _notify("notify_master_rx_lower_pri", "run when a master hears lower priority"),
    works("notify_deleted", values.rest("a command", optional=True), "off; bare tells DELETED instead of FAULT",
          "run when a reload removes the instance", fields=("Notify.notify_deleted", "Notify.deleted")),
    works_bool("smtp_alert", "smtp_alert_vrrp", "mail on changes", fields=("Notify.smtp_alert",)),
    works_bool("notify_priority_changes", "vrrp_notify_priority_changes", "tell FIFOs of priority changes",
               fields=("Notify.notify_priority_changes",)),
]  # fmt: skip

VRRP_INSTANCE = block(of("VrrpInstance", [*_IDENTITY, *_PREEMPTION, *_GARP, *_BEHAVIOUR, *_LATER, *_TELL]))

_GROUP = block(entry=values.text("an instance"), entries_per_line=True)

VRRP_SYNC_GROUP = block(of("VrrpSyncGroup", [
    works_block("group", NOTHING, _GROUP, "the members; required", fields=("VrrpSyncGroup.members",)),
    *TRACKERS,
    *_NOTIFY,
    works_bool("smtp_alert", "smtp_alert_vrrp", "mail on changes", fields=("Notify.smtp_alert",)),
    works_flag("global_tracking", "sync_group_tracking_weight",
               deprecated="track_interface, track_script or track_file in the group",
               fields=(PARSER,)),
    works_flag("sync_group_tracking_weight", "trackers of members may have weights", fields=(PARSER,)),
    works_bool("notify_priority_changes", "vrrp_notify_priority_changes", "tell FIFOs of priority changes",
               fields=("Notify.notify_priority_changes",)),
]))  # fmt: skip
