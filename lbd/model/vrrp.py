# SPDX-License-Identifier: Apache-2.0
"""VRRP instances, as keepalived.conf(5) describes them (RFC 3768 v2, RFC 5798 and 9568 v3)."""

from __future__ import annotations

import enum

import msgspec

from lbd.model.net import Address
from lbd.model.notify import Notify
from lbd.model.route import Route, Rule
from lbd.model.track import Tracking


class VrrpState(enum.Enum):
    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"
    STOP = "STOP"


class Authentication(enum.Enum):
    NONE = "NONE"
    PASS = "PASS"
    AH = "AH"


class VirtualAddress(msgspec.Struct, frozen=True, kw_only=True):
    """One line of virtual_ipaddress: ``10.0.0.1/24 dev eth0 label eth0:1 scope global``."""

    address: Address
    prefix: int
    dev: str
    label: str | None = None
    scope: str | None = None
    brd: str | None = None
    peer: Address | None = None
    peer_prefix: int | None = None
    home: bool = False
    nodad: bool = True
    """IPv6: no duplicate address detection; ``-nodad`` in the file makes it False."""
    mngtmpaddr: bool = False
    noprefixroute: bool = False
    autojoin: bool = False
    preferred_lft: int | None = None
    """Seconds; None is keepalived's default: 0 for an IPv6 /128, else for ever. -1 is for ever."""
    no_track: bool = False
    """Somebody else may take it away without consequence."""
    use_vmac: bool = False
    track_group: str | None = None


class UnicastPeer(msgspec.Struct, frozen=True, kw_only=True):
    """A line of unicast_peer."""

    address: Address
    min_ttl: int = 0
    max_ttl: int = 255


class Vmac(msgspec.Struct, frozen=True, kw_only=True):
    """use_vmac [[name] IFNAME] [MAC] [netlink_notify_msg] [group GROUP]."""

    name: str | None = None
    """None: ``vrrp.VRID``, or the first free of keepalived's other names."""
    mac: bytes | None = None
    """None: the virtual router's (RFC 9568 section 7.3)."""
    netlink_notify_msg: bool = False
    group: int | None = None


class Ipvlan(msgspec.Struct, frozen=True, kw_only=True):
    """use_ipvlan [[name] IFNAME] [ADDR] [bridge|private|vepa] [group GROUP]."""

    name: str | None = None
    address: Address | None = None
    prefix: int | None = None
    mode: str = "bridge"
    group: int | None = None


class HmacKey(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    secret: bytes
    """32 to 64 bytes; never logged or shown."""


class AuthHmac(msgspec.Struct, frozen=True, kw_only=True):
    """keepalived 2.4's auth_hmac."""

    keys: tuple[HmacKey, ...]
    active_key: int
    time_window: float
    """Seconds."""
    anti_replay: str = "time"
    """``time`` or ``monotonic``."""
    mode: str = "enforce"
    """``enforce``, ``permissive`` or ``receive-only``."""


class GarpGroup(msgspec.Struct, frozen=True, kw_only=True):
    """``garp_group``: interfaces that share a pace of gratuitous ARPs and neighbour advertisements."""

    interfaces: tuple[str, ...]
    garp_interval: float | None = None
    """Seconds between two messages; None: as global_defs says."""
    gna_interval: float | None = None


class LinkDelay(msgspec.Struct, frozen=True, kw_only=True):
    """A line of interface_up_down_delays: seconds that a link must be down or up until it counts."""

    interface: str
    down: float = 0.0
    up: float = 0.0


class TrackedInterface(msgspec.Struct, frozen=True, kw_only=True):
    """A line of track_interface. Weight 0: FAULT while the interface is down."""

    interface: str
    weight: int = 0
    reverse: bool = False


class VrrpInstance(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    interface: str
    virtual_router_id: int
    priority: int = 100
    state: VrrpState = VrrpState.BACKUP
    version: int = 2
    advert_int: float = 1.0
    """Seconds; v2 whole seconds, v3 in steps of 0.01."""
    auth_type: Authentication = Authentication.NONE
    auth_pass: bytes = b""
    """At most 8 bytes; never logged or shown."""
    virtual_ipaddress: tuple[VirtualAddress, ...] = ()
    virtual_ipaddress_excluded: tuple[VirtualAddress, ...] = ()
    mcast_src_ip: Address | None = None
    unicast_src_ip: Address | None = None
    mcast_dst_ip: Address | None = None
    """The multicast group; None: the standard one of the family."""
    unicast_peer: tuple[UnicastPeer, ...] = ()
    unicast_ttl: int = 255
    unicast_fault_no_peer: bool = False
    check_unicast_src: bool = False
    old_unicast_checksum: bool = False
    """Peers of keepalived before 1.3: version 3 sums have the multicast group in their pseudo header."""
    auth_hmac: AuthHmac | None = None
    native_ipv6: bool = False
    nopreempt: bool = False
    preempt_delay: float = 0.0
    down_timer_adverts: int = 3
    garp_master_delay: float = 5.0
    garp_master_repeat: int = 5
    garp_master_refresh: float = 0.0
    garp_master_refresh_repeat: int = 1
    garp_lower_prio_delay: float = 5.0
    garp_lower_prio_repeat: int = 5
    lower_prio_no_advert: bool = False
    higher_prio_send_advert: bool = False
    v3_checksum_as_v2: bool = False
    owner_ignore_adverts: bool = False
    skip_check_adv_addr: bool = False
    accept: bool = True
    """Packets to the addresses are taken by a master that is not their owner."""
    timer_expired_backup: int | None = None
    """After a stall: wait as if a backup of that priority deserved to go first."""
    strict_mode: bool = False
    """What the RFC does not know was put back when the file was read."""
    vrf: str | None = None
    virtual_routes: tuple[Route, ...] = ()
    virtual_rules: tuple[Rule, ...] = ()
    dpdk_interface: str | None = None
    """DPVS: the port that gets the addresses, where ``interface`` is its kernel face."""
    use_vmac: Vmac | None = None
    use_ipvlan: Ipvlan | None = None
    use_vmac_addr: bool = False
    vmac_xmit_base: bool = False
    promote_secondaries: bool = False
    track_src_ip: bool = False
    garp_extra_if: float = 0.0
    garp_extra_if_all: bool = False
    kernel_rx_buf_size: int | None = None
    dont_track_primary: bool = False
    track_interface: tuple[TrackedInterface, ...] = ()
    tracking: Tracking = Tracking()
    notify: Notify = Notify()

    @property
    def virtual_addresses(self) -> tuple[VirtualAddress, ...]:
        """All that a master holds, in adverts or not."""
        return (*self.virtual_ipaddress, *self.virtual_ipaddress_excluded)

    @property
    def is_unicast(self) -> bool:
        return bool(self.unicast_peer) or self.unicast_fault_no_peer

    @property
    def is_ipv6(self) -> bool:
        """The family of its adverts."""
        known = (
            *(v.address for v in self.virtual_ipaddress[:1]),
            *(p.address for p in self.unicast_peer[:1]),
            *filter(None, (self.mcast_src_ip, self.unicast_src_ip)),
        )
        return ":" in known[0] if known else self.native_ipv6


class VrrpSyncGroup(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    members: tuple[str, ...]
    track_interface: tuple[TrackedInterface, ...] = ()
    tracking: Tracking = Tracking()
    notify: Notify = Notify()
    sync_group_tracking_weight: bool = False
    """Trackers with weights may change the priorities of members."""
