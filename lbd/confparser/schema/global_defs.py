# SPDX-License-Identifier: Apache-2.0
"""Rows: global_defs."""

from __future__ import annotations

from lbd.confparser import addresses, values
from lbd.confparser.schema.row import (
    NOTHING,
    Keyword,
    Missing,
    block,
    inert,
    later,
    later_bool,
    later_flag,
    works,
    works_bool,
    works_flag,
)

_REPORTED = Missing.REPORTED
_NO_MAIL = "no mail is sent"
_NO_SCRIPT = "the script is not run"
_NO_FIFO = "nothing is written to it"
_NO_SNMP = "there is no SNMP agent"
_NO_DBUS = "there is no D-Bus interface"
_NO_TITLE = "processes keep their names"
_NO_PRIORITY = "processes run with the priority they were started with"
_NO_NFT = "packets to the virtual addresses are not filtered"
_NO_BUFFER = "sizes are lbd's own"
_NO_RELOAD = "reload with SIGHUP"
_NO_DUMP = "use lbctl status"
_NO_VMAC = "there are no virtual MACs"
_NO_BFD = "there is no BFD process"

_NAME = values.text("a name")
_UINT32 = values.number(0, 4294967295)
_NICE = values.number(-20, 19)

_VRRP = [
    works("router_id", values.text("a name"), "the host name", "name of this machine in messages", missing=_REPORTED),
    works("vrrp_garp_master_delay", values.number(0, 4294), "5", "seconds to the second burst of gratuitous ARP"),
    works("vrrp_garp_master_repeat", _UINT32, "5", "messages in a burst"),
    works("vrrp_garp_master_refresh", values.number(0, 4294), "0", "seconds between refreshes; 0 is none"),
    works("vrrp_garp_master_refresh_repeat", _UINT32, "1", "messages in a refresh"),
    works("vrrp_garp_lower_prio_delay", values.number(0, 4294), "vrrp_garp_master_delay", "after a lower advert"),
    works("vrrp_garp_lower_prio_repeat", _UINT32, "vrrp_garp_master_repeat", "after a lower advert"),
    works("vrrp_down_timer_adverts", values.number(1, 100), "3", "missed adverts until the master counts as down"),
    works_bool("vrrp_min_garp", "off", "one message, no second burst"),
    works_bool("vrrp_lower_prio_no_advert", "off", "a master does not answer lower adverts"),
    works_bool("vrrp_higher_prio_send_advert", "off", "one more advert before yielding"),
    works("vrrp_version", values.choice("2", "3"), "2", "VRRP version of IPv4 instances"),
    works_flag("v3_checksum_as_v2", "version 3 checksums without pseudo header", since="2.3"),
    works("dynamic_interfaces", values.choice("allow_if_changes", optional=True), "off",
          "interfaces may be missing at the start"),
    works("default_interface", values.INTERFACE, "eth0", "for addresses that name none", missing=_REPORTED),
    works_bool("vrrp_skip_check_adv_addr", "off", "compare the addresses of adverts less often", passed_over=True),
    later("vrrp_mcast_group4", addresses.address(), "224.0.0.18", "multicast group",
          "the standard group is used"),
    later("vrrp_mcast_group6", addresses.address(), "ff02::12", "multicast group", "the standard group is used"),
    later("vrrp_garp_interval", values.seconds(0.000001), "0", "pause between messages", "there is none"),
    later("vrrp_gna_interval", values.seconds(0.000001), "0", "pause between messages", "there is none"),
    later("vrrp_garp_extra_if", values.rest("[all] SECONDS"), "off", "repeat on the base", _NO_VMAC,
          missing=_REPORTED),
    later("vrrp_vmac_garp_intvl", values.rest("[all] SECONDS"), "off", "vrrp_garp_extra_if", _NO_VMAC,
          missing=_REPORTED, deprecated="vrrp_garp_extra_if"),
    later_flag("vrrp_check_unicast_src", "take adverts of the peers only", "adverts of any source are taken"),
    later_bool("vrrp_strict", "off", "refuse what RFC 9568 does not know", "instances run as written",
               passed_over=True),
    later("vrrp_startup_delay", values.seconds(0.001), "0", "wait at the start", "instances start at once"),
    later("vrrp_delay_after_boot", values.seconds(0.001), "0", "wait after boot", "instances start at once",
          since="2.3"),
    later_flag("log_unknown_vrids", "log adverts of others", "they are dropped in silence"),
    later_bool("vrrp_owner_ignore_adverts", "off", "an owner drops adverts", "an owner reads them", since="2.3"),
    later_flag("disable_local_igmp", "no IGMP on this machine", "IGMP is as the kernel does it"),
    later("vmac_prefix", _NAME, "vrrp", "name of virtual MAC interfaces", _NO_VMAC),
    later("vmac_addr_prefix", _NAME, "vrrp", "name of virtual MAC interfaces", _NO_VMAC),
    later_bool("vrrp_notify_priority_changes", "off", "tell of priority changes", _NO_FIFO),
]  # fmt: skip

_LVS = [
    works("lvs_timeouts", values.rest("tcp SECONDS, tcpfin SECONDS, udp SECONDS"), "of the dataplane",
          "idle time of connections", missing=_REPORTED),
    works_bool("checker_log_all_failures", "off", "log every failing try"),
    inert("lvs_flush", values.flag(), "off", "empty IPVS at the start", "lbd takes over what its dataplane has"),
    inert("lvs_flush_on_stop", values.choice("VS", optional=True), "off", "empty IPVS at the end",
          "the dataplane ends with lbd"),
    inert("lvs_flush_onstop", values.choice("VS", optional=True), "off", "lvs_flush_on_stop",
          "the dataplane ends with lbd"),
    later("lvs_sync_daemon", values.rest("INTERFACE …"), "off", "connections are copied to the other director",
          "connections do not survive a failover", missing=_REPORTED),
    later_bool("rs_init_notifies", "off", "tell the first state of servers", _NO_SCRIPT),
    later("nftables_ipvs", values.text("a table", optional=True), "off", "groups as one mark",
          "groups are expanded"),
    later("nftables_ipvs_priority", values.number(), "-1", "priority of that table", "groups are expanded"),
    later("nftables_ipvs_start_fwmark", values.number(1, 4294967295), "1000", "first mark",
          "groups are expanded"),
]  # fmt: skip

_MAIL = [
    later("notification_email", NOTHING, "none", "who gets mail", _NO_MAIL,
          block=block(entry=values.text("an address"), entries_per_line=True)),
    later("notification_email_from", values.text("an address"), "user@host", "sender", _NO_MAIL, missing=_REPORTED),
    later("smtp_server", values.rest("HOST [PORT]"), "none", "server for mail", _NO_MAIL),
    later("smtp_helo_name", values.text("a name", optional=True), "the host name", "name in HELO", _NO_MAIL),
    later("smtp_connect_timeout", values.number(1, 4294967295), "30", "seconds for a connection", _NO_MAIL),
    later_bool("smtp_alert", "off", "mail on all changes", _NO_MAIL),
    later_bool("smtp_alert_vrrp", "off", "mail on VRRP changes", _NO_MAIL),
    later_bool("smtp_alert_checker", "off", "mail on server changes", _NO_MAIL),
    later_flag("no_email_faults", "no mail on faults", _NO_MAIL),
    later_bool("no_checker_emails", "off", "less mail", _NO_MAIL),
]  # fmt: skip

_SCRIPTS = [
    later("script_user", values.rest("USER [GROUP]"), "keepalived_script", "who runs scripts", _NO_SCRIPT,
          missing=_REPORTED),
    later_flag("enable_script_security", "refuse scripts that others may write", _NO_SCRIPT),
    *(
        later(name, values.SCRIPT, "none", meaning, _NO_SCRIPT, missing=_REPORTED)
        for name, meaning in (("startup_script", "run at the start"), ("shutdown_script", "run at the end"))
    ),
    *(
        later(name, values.number(1, 1000), "10", "seconds it may run", _NO_SCRIPT, missing=_REPORTED)
        for name in ("startup_script_timeout", "shutdown_script_timeout")
    ),
    *(
        later(f"{prefix}notify_fifo", values.rest("PATH [USER [GROUP]]"), "none", "FIFO for changes", _NO_FIFO,
              missing=_REPORTED)
        for prefix in ("", "vrrp_", "lvs_")
    ),
    *(
        later(f"{prefix}notify_fifo_script", values.SCRIPT, "none", "reads that FIFO", _NO_SCRIPT,
              missing=_REPORTED)
        for prefix in ("", "vrrp_", "lvs_")
    ),
    later_flag("fifo_write_vrrp_states_on_reload", "tell states after a reload", _NO_FIFO),
    later_bool("use_symlink_paths", "off", "keep links in script paths", _NO_SCRIPT, since="2.3"),
    later_bool("set_supplementary_groups", "off", "groups of script users", _NO_SCRIPT, since="2.3"),
]  # fmt: skip


def _process(name: str, why: str) -> list[Keyword]:
    """What keepalived lets set for each of its processes."""
    return [
        later(f"{name}_priority", _NICE, "0", "nice value", why, missing=_REPORTED),
        later_flag(f"{name}_no_swap", "lock memory", why),
        later(
            f"{name}_rt_priority",
            values.number(1, 99),
            "off",
            "real-time priority 1–99",
            why,
            missing=_REPORTED,
        ),
        later(f"{name}_cpu_affinity", values.rest("CPUS"), "all", "CPUs to run on", why, missing=_REPORTED),
        later(f"{name}_rlimit_rttime", _UINT32, "10000", "limit of real time", why),
        later(
            f"{name}_rlimit_rtime",
            _UINT32,
            "10000",
            "limit of real time",
            why,
            deprecated=f"{name}_rlimit_rttime",
        ),
    ]


_PROCESSES = [
    later_flag("process_names", "processes have names of their own", _NO_TITLE),
    *(
        later(f"{name}_name", _NAME, "keepalived", "name of the process", _NO_TITLE)
        for name in ("process", "vrrp_process", "checker_process", "bfd_process")
    ),
    later("lvs_process_name", _NAME, "keepalived", "checker_process_name", _NO_TITLE,
          deprecated="checker_process_name"),
    *_process("vrrp", _NO_PRIORITY),
    *_process("checker", _NO_PRIORITY),
    *_process("bfd", _NO_BFD),
    later("max_auto_priority", values.number(-1, 99, optional=True), "0", "raise the priority by itself", _NO_PRIORITY),
    later("min_auto_priority_delay", values.number(1, 10000000), "1000000", "not more often", _NO_PRIORITY,
          missing=_REPORTED),
    later("umask", values.rest("a mask"), "0", "of files that are made", "files are for the owner only"),
    later("random_seed", _UINT32, "the time", "seed of random numbers", "it is the time"),
    later_bool("data_use_instance", "off", "names of dump files", _NO_DUMP),
]  # fmt: skip

_NETFILTER = [
    later("vrrp_iptables", values.rest("CHAINS", optional=True), "off", "filter by iptables", _NO_NFT,
          deprecated="nftables"),
    later("vrrp_ipsets", values.rest("SETS", optional=True), "off", "filter by ipset", _NO_NFT, deprecated="nftables"),
    later("nftables", values.text("a table", optional=True), "off", "filter by nftables", _NO_NFT),
    later("nftables_priority", values.number(), "-1", "priority of that table", _NO_NFT),
    later_flag("nftables_ifindex", "by interface number", _NO_NFT),
    later_flag("nftables_counters", "count packets", _NO_NFT),
]  # fmt: skip

_BUFFERS = [
    *(
        row
        for name in ("vrrp_netlink_cmd", "vrrp_netlink_monitor", "lvs_netlink_cmd", "lvs_netlink_monitor",
                     "process_monitor")
        for row in (
            later(f"{name}_rcv_bufs", _UINT32, "kernel's", "receive buffer", _NO_BUFFER, missing=_REPORTED),
            later_bool(f"{name}_rcv_bufs_force", "off", "beyond the kernel's limit", _NO_BUFFER),
        )
    ),
    later("vrrp_rx_bufs_policy", values.rest("MTU, ADVERT or bytes"), "kernel's", "receive buffer", _NO_BUFFER,
          missing=_REPORTED),
    later("vrrp_rx_bufs_multiplier", values.number(1, 65535), "3", "receive buffer", _NO_BUFFER, missing=_REPORTED),
]  # fmt: skip

_INTERFACES = [
    later("snmp_socket", _NAME, "unix:/var/agentx/master", "AgentX socket", _NO_SNMP, missing=_REPORTED),
    *(
        later_flag(name, "SNMP", _NO_SNMP)
        for name in ("enable_traps", "enable_snmp_vrrp", "enable_snmp_keepalived", "enable_snmp_rfc",
                     "enable_snmp_rfcv2", "enable_snmp_rfcv3", "enable_snmp_checker")
    ),
    *(
        later(name, values.seconds(0.001, 30), "5", "SNMP", _NO_SNMP, since="2.3")
        for name in ("snmp_vs_stats_update_interval", "snmp_rs_stats_update_interval")
    ),
    later_flag("enable_dbus", "D-Bus", _NO_DBUS),
    later("dbus_service_name", _NAME, "org.keepalived.Vrrp1", "D-Bus", _NO_DBUS, missing=_REPORTED),
    later("dbus_no_interface_name", _NAME, "none", "D-Bus", _NO_DBUS, since="2.3"),
]  # fmt: skip

_FILES = [
    later("reload_check_config", values.text("a file", optional=True), "off", "check before a reload",
          "it is always checked"),
    later("reload_time_file", _NAME, "off", "reload at a time", _NO_RELOAD, missing=_REPORTED),
    later_flag("reload_repeat", "reload again and again", _NO_RELOAD),
    later("reload_file", values.text("a path", optional=True), "off", "mark of a running reload", "no file is made"),
    later("include_check", values.rest("types", optional=True), "none", "default of include",
          "includes are not checked"),
    later("config_save_dir", _NAME, "off", "copies of each configuration", "no copies are kept"),
    inert("tmp_config_directory", _NAME, "memory", "where the merged configuration is kept",
          "it is handed on in memory", missing=_REPORTED),
    later("json_version", values.choice("1", "2"), "1", "form of JSON", _NO_DUMP, since="2.3"),
    *(
        later(name, _NAME, "/etc/iproute2", "names of tables", "the standard directories are used", since="2.3")
        for name in ("iproute_usr_dir", "iproute_etc_dir")
    ),
    *(
        later(name, _NAME, "/tmp/keepalived.*", "dump file", _NO_DUMP, since="2.3")
        for name in ("state_dump_file", "stats_dump_file", "json_dump_file")
    ),
]  # fmt: skip

GLOBAL_DEFS = block(
    [*_VRRP, *_LVS, *_MAIL, *_SCRIPTS, *_PROCESSES, *_NETFILTER, *_BUFFERS, *_INTERFACES, *_FILES]
)
