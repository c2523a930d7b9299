# SPDX-License-Identifier: Apache-2.0
"""Rows: global_defs."""

from __future__ import annotations

from lbd.confparser import addresses, values, virtual_lines
from lbd.confparser.schema.processes import PROCESSES
from lbd.confparser.schema.row import (
    NOTHING,
    PARSER,
    Keyword,
    Missing,
    block,
    inert,
    later,
    later_bool,
    later_flag,
    of,
    words,
    works,
    works_bool,
    works_flag,
)

_REPORTED = Missing.REPORTED
_NO_MAIL = "no mail is sent"
_NO_SCRIPT = "the script is not run"
_NO_SNMP = "there is no SNMP agent"
_NO_DBUS = "there is no D-Bus interface"
_NO_BUFFER = "there are 8 MiB, and what is lost is read again"
_NO_RELOAD = "reload with SIGHUP"
_NO_VMAC = "there are no virtual MACs"
_NO_IPTABLES = "filters are nftables'"

_NAME = values.text("a name")
_UINT32 = values.number(0, 4294967295)
_PACE = values.seconds(0.000001)


def _default(name: str, value: values.Value, default: str, meaning: str, field: str = "") -> Keyword:
    """What instances inherit that do not say it themselves."""
    return works(
        name, value, default, meaning, fields=(f"VrrpInstance.{field or name.removeprefix('vrrp_')}",)
    )


_VRRP = [
    works("router_id", values.text("a name"), "the host name", "name of this machine in messages", missing=_REPORTED),
    _default("vrrp_garp_master_delay", values.number(0, 4294), "5", "seconds to the second burst of gratuitous ARP"),
    _default("vrrp_garp_master_repeat", _UINT32, "5", "messages for an address in a burst"),
    _default("vrrp_garp_master_refresh", values.number(0, 4294), "0", "seconds between refreshes; 0 is none"),
    _default("vrrp_garp_master_refresh_repeat", _UINT32, "1", "messages in a refresh"),
    _default("vrrp_garp_lower_prio_delay", values.number(0, 4294), "vrrp_garp_master_delay",
             "seconds to the second burst after a lower advert"),
    _default("vrrp_garp_lower_prio_repeat", _UINT32, "vrrp_garp_master_repeat", "messages after a lower advert"),
    _default("vrrp_down_timer_adverts", values.number(1, 100), "3", "missed adverts until the master counts as down"),
    works_bool("vrrp_min_garp", "off", "one message an address, no second burst",
               fields=("VrrpInstance.garp_master_repeat", "VrrpInstance.garp_master_delay")),
    _default("vrrp_lower_prio_no_advert", values.boolean(), "off", "a master does not answer lower adverts"),
    _default("vrrp_higher_prio_send_advert", values.boolean(), "off", "one more advert before yielding"),
    _default("vrrp_version", values.choice("2", "3"), "2", "VRRP version of IPv4 instances"),
    works_flag("v3_checksum_as_v2", "version 3 checksums without pseudo header (RFC 9568)", since="2.2.8",
               fields=("VrrpInstance.v3_checksum_as_v2",)),
    works("dynamic_interfaces", values.choice("allow_if_changes", optional=True), "off",
          "interfaces may be missing at the start", fields=(PARSER,)),
    works("default_interface", values.INTERFACE, "eth0", "for static addresses that name none", missing=_REPORTED),
    works_bool("vrrp_skip_check_adv_addr", "off", "compare the addresses of an advert when its source changes only",
          passed_over=True,
          fields=("VrrpInstance.skip_check_adv_addr",)),
    works("vrrp_mcast_group4", addresses.address(), "224.0.0.18", "multicast group of IPv4 adverts",
          fields=("VrrpInstance.mcast_dst_ip",)),
    works("vrrp_mcast_group6", addresses.address(), "ff02::12", "multicast group of IPv6 adverts",
          fields=("VrrpInstance.mcast_dst_ip",)),
    works("vrrp_garp_interval", _PACE, "0", "seconds between gratuitous ARPs on an interface"),
    works("vrrp_gna_interval", _PACE, "0", "seconds between neighbour advertisements on an interface"),
    works("vrrp_garp_extra_if", virtual_lines.extra_garp(1), "off",
          "seconds between messages on the base interface of a virtual MAC", missing=_REPORTED,
          fields=("VrrpInstance.garp_extra_if", "VrrpInstance.garp_extra_if_all")),
    works("vrrp_vmac_garp_intvl", virtual_lines.extra_garp(1), "off", "vrrp_garp_extra_if",
          missing=_REPORTED, deprecated="vrrp_garp_extra_if", fields=("VrrpInstance.garp_extra_if",)),
    works_flag("vrrp_check_unicast_src", "take unicast adverts of the peers only",
               fields=("VrrpInstance.check_unicast_src",)),
    works_bool("vrrp_strict", "off", "put back what the RFC does not know", passed_over=True,
               fields=("VrrpInstance.strict_mode",)),
    works("vrrp_on_death", values.choice("hold", "yield"), "hold",
          "what the standby of the vrrp process does when that dies: go on, or give way", source="lbd"),
    works_bool("vrrp_lease", "on", "the kernel shuts off addresses of a master that sends no adverts", source="lbd"),
    works("vrrp_startup_delay", values.seconds(0.001), "0", "seconds to wait before instances begin"),
    works("vrrp_delay_after_boot", values.seconds(0.001), "0", "seconds since boot before instances begin",
          since="2.4.0"),
    works_flag("log_unknown_vrids", "log adverts of virtual routers that are not ours"),
    works_bool("vrrp_owner_ignore_adverts", "off", "an owner drops adverts unread",
               since="2.3.3", fields=("VrrpInstance.owner_ignore_adverts",)),
    later_flag("disable_local_igmp", "no IGMP on this machine",
               "the kernel speaks IGMP as it is set: sysctl net.ipv4.igmp_link_local_mcast_reports=0"),
    works("vmac_prefix", _NAME, "vrrp", "begin of the names of virtual MAC interfaces"),
    works("vmac_addr_prefix", _NAME, "vrrp", "begin of the names of those for single addresses"),
    works_bool("vrrp_notify_priority_changes", "off", "tell FIFOs of priority changes",
               fields=("Notify.notify_priority_changes",)),
]  # fmt: skip

_SYNC = "connections do not survive a failover"


def _sync_words() -> dict[str, Keyword]:
    number = values.number
    return words(*of("LvsSyncDaemon", [
        later("inst", values.text("a vrrp_instance"), "none",
              "sends while that instance is MASTER, else receives",
              _SYNC,              fields=("LvsSyncDaemon.vrrp_instance",)),
        later("id", number(0, 255), "the VRID", "number of the group of directors", _SYNC),
        later("maxlen", number(1, 65507), "the MTU", "longest message", _SYNC),
        later("port", addresses.port(), "8848", "UDP port", _SYNC),
        later("ttl", number(1, 255), "1", "TTL of messages", _SYNC),
        later("group", addresses.address(), "224.0.0.81", "multicast group", _SYNC),
    ]))  # fmt: skip


_LVS = [
    works("lvs_timeouts", values.rest("tcp SECONDS, tcpfin SECONDS, udp SECONDS"), "of the dataplane",
          "idle time of connections", missing=_REPORTED,
          fields=("GlobalDefs.lvs_timeout_tcp", "GlobalDefs.lvs_timeout_tcpfin", "GlobalDefs.lvs_timeout_udp")),
    works_bool("checker_log_all_failures", "off", "log every failing try", fields=("TcpCheck.log_all_failures",)),
    inert("lvs_flush", values.flag(), "off", "empty IPVS at the start", "lbd takes over what its dataplane has"),
    inert("lvs_flush_on_stop", values.choice("VS", optional=True), "off", "empty IPVS at the end",
          "the dataplane ends with lbd"),
    inert("lvs_flush_onstop", values.choice("VS", optional=True), "off", "lvs_flush_on_stop",
          "the dataplane ends with lbd"),
    later("lvs_sync_daemon", values.rest("INTERFACE [inst INSTANCE] [id ID] …"), "off",
          "connections are copied to the other director", _SYNC, missing=_REPORTED, words=_sync_words()),
    later_bool("rs_init_notifies", "off", "tell the first state of servers, too", _NO_SCRIPT),
    inert("nftables_ipvs", values.text("a table", optional=True), "off", "give the addresses of a group one mark",
          "a group is one service of the dataplane anyway"),
    inert("nftables_ipvs_priority", values.number(), "-1", "priority of that table",
          "a group is one service of the dataplane anyway"),
    inert("nftables_ipvs_start_fwmark", values.number(1, 4294967295), "1000", "first mark",
          "a group is one service of the dataplane anyway"),
]  # fmt: skip

_MAIL = [
    works("notification_email", NOTHING, "none", "who gets mail",
          block=block(entry=values.text("an address"), entries_per_line=True),
          fields=("Mail.recipients",)),
    works("notification_email_from", values.text("an address"), "user@host", "sender of mail",
          missing=_REPORTED,
          fields=("Mail.sender",)),
    works("smtp_server", values.rest("HOST [PORT]"), "none; port 25", "server that takes mail",
          fields=("Mail.smtp_server",)),
    works("smtp_helo_name", values.text("a name", optional=True), "the host name", "name in HELO",
          fields=("Mail.helo_name",)),
    works("smtp_connect_timeout", values.number(1, 4294967295), "30", "seconds for its connection",
          fields=("Mail.connect_timeout",)),
    works_bool("smtp_alert", "unset", "mail on all kinds of changes",
          fields=("Notify.smtp_alert",)),
    works_bool("smtp_alert_vrrp", "smtp_alert, else off", "mail on changes of instances",
          fields=("Notify.smtp_alert",)),
    works_bool("smtp_alert_checker", "smtp_alert, else on for servers", "mail on changes of servers",
          fields=("RealServer.smtp_alert", "VirtualServer.smtp_alert")),
    works_flag("no_email_faults", "no mail on faults",
          fields=("Mail.no_email_faults",)),
    later_bool("no_checker_emails", "off", "mail on changes of servers and quorum, not of single checks", _NO_MAIL),
]  # fmt: skip


def _fifos() -> list[Keyword]:
    found: list[Keyword] = []
    for prefix, what in (
        ("", "all changes"),
        ("vrrp_", "changes of instances"),
        ("lvs_", "changes of servers"),
    ):
        found += [
            works(f"{prefix}notify_fifo", values.rest("PATH [USER [GROUP]]"), "none", f"FIFO that is told of {what}",
                  missing=_REPORTED, fields=(f"Telling.{prefix}notify_fifo", "Fifo.uid", "Fifo.gid")),
            works(f"{prefix}notify_fifo_script", values.SCRIPT, "none", f"reads {prefix}notify_fifo",
                  missing=_REPORTED, fields=("Fifo.script",)),
        ]  # fmt: skip
    return found


_SCRIPTS = [
    works("script_user", values.rest("USER [GROUP]"), "keepalived_script if there is one", "who runs scripts",
          missing=_REPORTED,
          fields=("Script.uid",)),
    works_flag("enable_script_security", "refuse scripts that others than root may change",
          fields=("Script.secure",)),
    works("startup_script", values.SCRIPT, "none", "run before all else", missing=_REPORTED,
          fields=("Telling.startup_script",)),
    works("startup_script_timeout", values.number(1, 1000), "10", "seconds it may run", missing=_REPORTED,
          fields=("Telling.startup_script_timeout",)),
    works("shutdown_script", values.SCRIPT, "none", "run after all else", missing=_REPORTED,
          fields=("Telling.shutdown_script",)),
    works("shutdown_script_timeout", values.number(1, 1000), "10", "seconds it may run", missing=_REPORTED,
          fields=("Telling.shutdown_script_timeout",)),
    *_fifos(),
    works_flag("fifo_write_vrrp_states_on_reload", "tell the states of instances again after a reload",
          fields=("Telling.fifo_write_vrrp_states_on_reload",)),
    later_bool("use_symlink_paths", "off", "run scripts by the path that is written, with its links", _NO_SCRIPT,
               since="2.3.0"),
    works_bool("set_supplementary_groups", "off", "scripts run with all groups of their user", since="2.4",
          fields=("Script.groups",)),
]  # fmt: skip

_NETFILTER = [
    inert("vrrp_iptables", values.rest("[IN [OUT]]", optional=True), "INPUT OUTPUT",
          "filter by iptables", _NO_IPTABLES,
          deprecated="nftables"),
    inert("vrrp_ipsets", values.rest("up to six names", optional=True), "keepalived…", "ipsets of those filters",
          _NO_IPTABLES, deprecated="nftables"),
    works("nftables", values.text("a table", optional=True), "lbd_no_accept", "name of the table of filters"),
    works("nftables_priority", values.number(), "-1", "priority of its chains"),
    inert("nftables_ifindex", NOTHING, "off", "its sets hold interface numbers instead of names",
          "its rules name interfaces"),
    works_flag("nftables_counters", "its rules count packets"),
]  # fmt: skip

_BUFFERS = [
    *(
        row
        for name, what in (
            ("vrrp_netlink_cmd", "netlink commands of instances"),
            ("vrrp_netlink_monitor", "netlink events of instances"),
            ("lvs_netlink_cmd", "netlink commands of checks"), ("lvs_netlink_monitor", "netlink events of checks"),
            ("process_monitor", "events of processes"),
        )
        for row in (
            inert(f"{name}_rcv_bufs", _UINT32, "of the kernel", f"octets of receive buffer for {what}", _NO_BUFFER,
                  missing=_REPORTED),
            inert(f"{name}_rcv_bufs_force", values.boolean(), "off", "that buffer may go beyond the kernel's limit",
                  _NO_BUFFER),
        )
    ),
    works("vrrp_rx_bufs_policy", virtual_lines.rx_bufs_policy(), "of the kernel",
          "how large receive buffers for adverts are", missing=_REPORTED),
    works("vrrp_rx_bufs_multiplier", values.number(1, 65535), "3", "MTUs or adverts that fit into one",
          missing=_REPORTED),
]  # fmt: skip

_SNMP = [
    later("snmp_socket", _NAME, "unix:/var/agentx/master",
          "socket of the AgentX master", _NO_SNMP, missing=_REPORTED),
    *(
        later_flag(name, meaning, _NO_SNMP)
        for name, meaning in (
            ("enable_traps", "send SNMP traps"), ("enable_snmp_vrrp", "answer for KEEPALIVED-MIB, VRRP"),
            ("enable_snmp_rfc", "answer for both MIBs of the RFCs"),
            ("enable_snmp_rfcv2", "answer for VRRP-MIB (RFC 2787)"),
            ("enable_snmp_rfcv3", "answer for VRRPV3-MIB (RFC 6527)"),
            ("enable_snmp_checker", "answer for KEEPALIVED-MIB, virtual servers"),
        )
    ),
    later_flag("enable_snmp_keepalived", "enable_snmp_vrrp", _NO_SNMP,
               fields=("GlobalDefs.enable_snmp_vrrp",)),
    later("snmp_vs_stats_update_interval", values.seconds(0.001, 30), "5", "age of statistics of virtual servers",
          _NO_SNMP, since="2.3.0"),
    later("snmp_rs_stats_update_interval", values.seconds(0.001, 30), "5", "age of statistics of real servers",
          _NO_SNMP, since="2.3.0"),
    later_flag("enable_dbus", "be a D-Bus service", _NO_DBUS),
    later("dbus_service_name", _NAME, "org.keepalived.Vrrp1", "name of that service", _NO_DBUS, missing=_REPORTED),
    later("dbus_no_interface_name", _NAME, "none", "stands for the interface in paths where there is none", _NO_DBUS,
          since="2.3.0"),
]  # fmt: skip

_FILES = [
    inert("reload_check_config", values.text("a file", optional=True), "off", "check a configuration before a reload",
          "it is always checked"),
    later("reload_time_file", _NAME, "off", "a file that says when to reload", _NO_RELOAD, missing=_REPORTED),
    later_flag("reload_repeat", "that file may be written again", _NO_RELOAD),
    later("reload_file", values.text("a path", optional=True), "off; bare a file beside the PID file",
          "a file that is there while a reload runs", "no file is made"),
    later("include_check", values.rest("[+-]readable, match, wildcard_match, brace_match", optional=True), "none",
          "what every include checks", "include takes what it finds"),
    later("config_save_dir", _NAME, "off", "a copy of each configuration that was read is kept there",
          "no copies are kept"),
    inert("tmp_config_directory", _NAME, "memory", "where the merged configuration is kept",
          "it is handed on in memory", missing=_REPORTED),
    works("json_version", values.choice("1", "2"), "1", "form of the JSON dump", since="2.2.8"),
    *(
        later(name, _NAME, default, "names of tables, protocols and realms", "the standard directories are used",
              since="2.3.2")
        for name, default in (("iproute_usr_dir", "/usr/share/iproute2"), ("iproute_etc_dir", "/etc/iproute2"))
    ),
    *(
        works(f"{name}_dump_file", _NAME, f"/tmp/keepalived.{end}", f"where {what} is written on a signal",
              since="2.3.3")
        for name, end, what in (("state", "data", "the state"), ("stats", "stats", "what was counted"),
                                ("json", "json", "the JSON dump"))
    ),
]  # fmt: skip

GLOBAL_DEFS = block(
    of("GlobalDefs", [*_VRRP, *_LVS, *_MAIL, *_SCRIPTS, *PROCESSES, *_NETFILTER, *_BUFFERS, *_SNMP, *_FILES])
)
