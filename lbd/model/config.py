# SPDX-License-Identifier: Apache-2.0
"""The whole of a configuration: what the supervisor hands to its children."""

from __future__ import annotations

import msgspec

from lbd.model.bfd import BfdInstance
from lbd.model.notify import Telling
from lbd.model.route import Route, Rule
from lbd.model.service import AddressGroup, LocalAddressGroup, TunnelInterface, VirtualServer
from lbd.model.track import TrackFile, TrackGroup, TrackProcess, VrrpScript
from lbd.model.vrrp import GarpGroup, LinkDelay, VirtualAddress, VrrpInstance, VrrpSyncGroup


class GlobalDefs(msgspec.Struct, frozen=True, kw_only=True):
    router_id: str = ""
    lvs_timeout_tcp: int = 0
    """``lvs_timeouts tcp N``, seconds; 0 means IPVS's default."""
    lvs_timeout_tcpfin: int = 0
    lvs_timeout_udp: int = 0
    telling: Telling = Telling()
    default_interface: str = "eth0"
    vrrp_garp_interval: float = 0.0
    """Seconds between two gratuitous ARPs on an interface; 0: none."""
    vrrp_gna_interval: float = 0.0
    vrrp_startup_delay: float = 0.0
    vrrp_delay_after_boot: float = 0.0
    log_unknown_vrids: bool = False
    disable_local_igmp: bool = False
    vmac_prefix: str = "vrrp"
    vmac_addr_prefix: str = "vrrp"
    instance: str = ""
    """``instance`` of the configuration itself, not of global_defs."""
    process_name: str = ""
    """Of the parent, as ps(1) shows it; empty: as it was started."""
    vrrp_process_name: str = ""
    checker_process_name: str = ""
    data_use_instance: bool = False
    """Names of dump files hold that of the instance."""
    json_version: str = "1"
    state_dump_file: str = ""
    """Where the state is written on a signal; empty: keepalived.data, in TMPDIR or /tmp."""
    stats_dump_file: str = ""
    json_dump_file: str = ""
    nftables: str = "lbd_no_accept"
    """The table of no_accept's filters."""
    nftables_priority: int = -1
    nftables_counters: bool = False
    vrrp_rx_bufs_policy: str = ""
    """``MTU``, ``ADVERT`` or a number of bytes; empty: the kernel's."""
    vrrp_rx_bufs_multiplier: int = 3
    """MTUs or adverts that a receive buffer has room for, by instance."""
    vrrp_priority: int = 0
    """Nice value of the vrrp process; 0: as it was started."""
    vrrp_no_swap: bool = False
    vrrp_rt_priority: int = 0
    """0: what lbd takes by itself where it is permitted."""
    vrrp_cpu_affinity: tuple[str, ...] = ()
    """Numbers of CPUs; none: all."""
    vrrp_rlimit_rttime: int = 10000
    """Microseconds at real-time priority without a pause, if vrrp_rt_priority is said."""
    vrrp_on_death: str = "hold"
    """What the standby of the vrrp process does when that dies: ``hold`` or ``yield``."""
    vrrp_lease: bool = True
    """Whether the kernel shuts an address off when no advert of its master has left for too long."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    global_defs: GlobalDefs = GlobalDefs()
    vrrp_instances: tuple[VrrpInstance, ...] = ()
    vrrp_sync_groups: tuple[VrrpSyncGroup, ...] = ()
    vrrp_scripts: tuple[VrrpScript, ...] = ()
    track_files: tuple[TrackFile, ...] = ()
    track_processes: tuple[TrackProcess, ...] = ()
    bfd_instances: tuple[BfdInstance, ...] = ()
    track_groups: tuple[TrackGroup, ...] = ()
    static_ipaddress: tuple[VirtualAddress, ...] = ()
    static_routes: tuple[Route, ...] = ()
    static_rules: tuple[Rule, ...] = ()
    garp_groups: tuple[GarpGroup, ...] = ()
    interface_up_down_delays: tuple[LinkDelay, ...] = ()
    virtual_servers: tuple[VirtualServer, ...] = ()
    local_address_groups: tuple[LocalAddressGroup, ...] = ()
    deny_address_groups: tuple[AddressGroup, ...] = ()
    allow_address_groups: tuple[AddressGroup, ...] = ()
    tunnels: tuple[TunnelInterface, ...] = ()
