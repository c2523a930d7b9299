# SPDX-License-Identifier: Apache-2.0
"""The whole of a configuration: what the supervisor hands to its children."""

from __future__ import annotations

import msgspec

from lbd.model.bfd import BfdInstance
from lbd.model.notify import Telling
from lbd.model.service import LocalAddressGroup, VirtualServer
from lbd.model.track import TrackFile, TrackGroup, TrackProcess, VrrpScript
from lbd.model.vrrp import VrrpInstance, VrrpSyncGroup


class GlobalDefs(msgspec.Struct, frozen=True, kw_only=True):
    router_id: str = ""
    lvs_timeout_tcp: int = 0
    """``lvs_timeouts tcp N``, seconds; 0 means IPVS's default."""
    lvs_timeout_tcpfin: int = 0
    lvs_timeout_udp: int = 0
    telling: Telling = Telling()


class Config(msgspec.Struct, frozen=True, kw_only=True):
    global_defs: GlobalDefs = GlobalDefs()
    vrrp_instances: tuple[VrrpInstance, ...] = ()
    vrrp_sync_groups: tuple[VrrpSyncGroup, ...] = ()
    vrrp_scripts: tuple[VrrpScript, ...] = ()
    track_files: tuple[TrackFile, ...] = ()
    track_processes: tuple[TrackProcess, ...] = ()
    bfd_instances: tuple[BfdInstance, ...] = ()
    track_groups: tuple[TrackGroup, ...] = ()
    virtual_servers: tuple[VirtualServer, ...] = ()
    local_address_groups: tuple[LocalAddressGroup, ...] = ()
