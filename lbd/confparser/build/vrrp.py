# SPDX-License-Identifier: Apache-2.0
"""vrrp_instance: keepalived's defaults and completion checks (keepalived.conf(5); vrrp.c, vrrp_complete_instance)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lbd.confparser.build import authentication, vmac, weights
from lbd.confparser.build.context import Context
from lbd.confparser.build.global_defs import Defaults, repeat_at_least_one
from lbd.confparser.build.routes import Preferences, routes, rules
from lbd.confparser.build.strict import Strict
from lbd.confparser.build.telling import Teller
from lbd.confparser.build.trackers import Trackers
from lbd.confparser.build.tracking import tracked_interfaces
from lbd.confparser.build.virtual import address as virtual_address
from lbd.confparser.check import Item
from lbd.confparser.virtual_lines import ExtraGarp
from lbd.model import UnicastPeer, VirtualAddress, VrrpInstance, VrrpState
from lbd.model.net import is_ipv6

MAX_ADDRESSES = 255
"""The count field of an advert is one octet (RFC 9568 section 5.2.5)."""
_MAX_V3_INTERVAL = 40.95
_LAST_BACKUP = 254
"""timer_expired_backup that names no priority."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What instances get from elsewhere in the file. Preferences of rules are shared with the static ones."""

    defaults: Defaults
    preferences: Preferences
    trackers: Trackers
    teller: Teller
    groups: Sequence[Item]
    """The blocks of sync groups."""

    def group_tells_priority(self, name: str) -> bool | None:
        """What the group of an instance says of notify_priority_changes."""
        for group in self.groups:
            if any(line.value == name for line in group.entries("group")):
                said: bool | None = group.get("notify_priority_changes")
                return said
        return None


def build(items: Sequence[Item], around: Surroundings, context: Context) -> tuple[VrrpInstance, ...]:
    found: dict[str, VrrpInstance] = {}
    routers: dict[tuple[str, bool, int], str] = {}
    for item in items:
        name: str = item.value
        if name in found:
            message = f"the vrrp_instance name '{name}' is already used: this one is left out"
            context.report.add("LB0301", message, item.node.place(1))
            continue
        instance = _Instance(item, around, context).build()
        if instance is None:
            continue
        key = (instance.interface, instance.is_ipv6, instance.virtual_router_id)
        if key in routers:
            vrid = item.last("virtual_router_id")
            message = f"({name}) virtual router ID {key[2]} on {key[0]} belongs to {routers[key]}: left out"
            context.report.add("LB0302", message, (vrid or item).node.place(1))
            continue
        routers[key] = found.setdefault(name, instance).name
    one_each = vmac.of_one_each(found.values(), items, context)
    return weights.settled(one_each, items, around.groups, context)


_FAMILY = ("virtual_ipaddress", "unicast_peer", "mcast_src_ip", "unicast_src_ip", "native_ipv6")
"""What tells the family of an instance."""


class _Instance:
    """One instance being put together; ``item`` is its block."""

    def __init__(self, item: Item, around: Surroundings, context: Context) -> None:
        self._item = item
        self._around = around
        self._preferences = around.preferences
        self._name: str = item.value
        self._defaults = around.defaults
        self._context = context
        self._report = context.report

    def build(self) -> VrrpInstance | None:
        item = self._item
        interface = item.last("interface")
        vrid = item.last("virtual_router_id")
        for what, found in (("interface", interface), ("virtual_router_id", vrid)):
            if found is None:
                message = f"({self._name}) {what} must be set: the instance is left out"
                self._report.add("LB0303", message, item.node.place(0, 1))
        if interface is None or vrid is None:
            return None
        self._context.interface(interface.value, interface.node.place(1), f"({self._name})")
        ipv6 = self._family()
        addresses, excess = self._addresses("virtual_ipaddress", interface.value, ipv6)
        excluded, _ = self._addresses("virtual_ipaddress_excluded", interface.value, None)
        version = self._version(ipv6)
        strict = self._inherited("strict_mode")
        if not self._has_addresses(addresses, version == 3 or strict):
            return None
        advert_int = self._advert_int(version)
        state, priority = self._state(version)
        auth_type, auth_pass = authentication.authentication(item, version, self._context)
        peers = self._peers(ipv6)
        instance = VrrpInstance(
            name=self._name,
            interface=interface.value,
            virtual_router_id=vrid.value,
            priority=priority,
            state=state,
            version=version,
            advert_int=advert_int,
            auth_type=auth_type,
            auth_pass=auth_pass,
            auth_hmac=authentication.hmac(item, advert_int, self._context),
            virtual_ipaddress=addresses,
            virtual_ipaddress_excluded=excess + excluded,
            virtual_routes=routes(item.entries("virtual_routes"), self._context),
            virtual_rules=rules(item.entries("virtual_rules"), self._preferences, self._context),
            unicast_peer=peers,
            nopreempt=self._nopreempt(state, priority),
            preempt_delay=self._preempt_delay(state),
            track_interface=tracked_interfaces(item, self._context, interface.value),
            tracking=self._around.trackers.of(item),
            notify=self._around.teller.notify(item, self._around.group_tells_priority(self._name)),
            strict_mode=strict,
            **self._plain(),
            **self._sources(ipv6, bool(peers)),
            **self._garp(),
            **vmac.words(item, vrid.value, self._context),
        )
        return Strict(instance, item, self._context).applied() if strict else instance

    def _plain(self) -> dict[str, Any]:
        """Words that mean what they say, inherited from global_defs or not."""
        item = self._item
        names = ("lower_prio_no_advert", "higher_prio_send_advert", "v3_checksum_as_v2", "down_timer_adverts",
                 "skip_check_adv_addr", "owner_ignore_adverts")  # fmt: skip
        found = {name: self._inherited(name) for name in names}
        for name in ("dont_track_primary", "unicast_fault_no_peer", "native_ipv6", "promote_secondaries",
                     "use_vmac_addr"):  # fmt: skip
            found[name] = item.last(name) is not None
        accept = item.last("accept", "no_accept")
        found["accept"] = accept is None or accept.name == "accept"
        stall = item.last("timer_expired_backup", "thread_timer_expired")
        if stall is not None:
            found["timer_expired_backup"] = _LAST_BACKUP if stall.value is None else stall.value
        for name in ("unicast_ttl", "kernel_rx_buf_size", "dpdk_interface"):
            if (said := item.last(name)) is not None:
                found[name] = said.value
        old = item.last("old_unicast_checksum")
        found["old_unicast_checksum"] = old is not None and old.value is None
        return found

    def _sources(self, ipv6: bool, unicast: bool) -> dict[str, Any]:
        """Where adverts come from and go to, as far as it is of the instance's family."""
        found: dict[str, Any] = {}
        for name in ("mcast_src_ip", "unicast_src_ip", "mcast_dst_ip"):
            item = self._item.last(name)
            if item is None:
                continue
            if is_ipv6(item.value) != ipv6:
                message = f"({self._name}) {name} {item.value} is not of the instance's family: ignored"
                self._report.add("LB0306", message, item.node.place(1))
            elif name == "mcast_dst_ip" and unicast:
                message = f"({self._name}) mcast_dst_ip does not go with unicast: ignored"
                self._report.add("LB0312", message, item.node.place())
            else:
                found[name] = item.value
        group = self._defaults.mcast_group6 if ipv6 else self._defaults.mcast_group4
        if not unicast and group is not None:
            found.setdefault("mcast_dst_ip", group)
        found["track_src_ip"] = self._item.last("track_src_ip") is not None and (
            "mcast_src_ip" in found or "unicast_src_ip" in found
        )
        ttl = any(
            len(line.node.words) > 1 for line in self._item.entries("unicast_peer") if is_ipv6(line.value.address) == ipv6
        )
        found["check_unicast_src"] = (
            ttl or self._defaults.check_unicast_src or self._item.last("check_unicast_src") is not None
        )
        if (vrf := self._item.last("vrf")) is not None:
            message = f"({self._name}) vrf does not go with interface, whose VRF counts: ignored"
            self._report.add("LB0312", message, vrf.node.place())
        return found

    def _inherited(self, name: str) -> Any:
        return self._item.get(name, getattr(self._defaults, name))

    def _family(self) -> bool:
        """True for IPv6: of the first address, source or peer that stands in the block."""
        for inner in self._item.items or ():
            if inner.name in ("virtual_ipaddress", "unicast_peer"):
                for line in inner.items or ():
                    return is_ipv6(line.value.address)
            if inner.name == "native_ipv6":
                return True
            if inner.name in ("mcast_src_ip", "unicast_src_ip"):
                return is_ipv6(inner.value)
        return False

    def _addresses(
        self, block: str, interface: str, ipv6: bool | None
    ) -> tuple[tuple[VirtualAddress, ...], tuple[VirtualAddress, ...]]:
        """The addresses, and those beyond what an advert can carry. ``ipv6`` None: of any family."""
        found: dict[str, VirtualAddress] = {}
        for line in self._item.entries(block):
            value = line.value
            if ipv6 is not None and is_ipv6(value.address) != ipv6:
                message = f"({self._name}) {value.address} is not of the instance's family: ignored"
                expected = f"an {'IPv6' if ipv6 else 'IPv4'} address, or put it into virtual_ipaddress_excluded"
                self._report.add("LB0306", message, line.node.place(), expected=expected)
                continue
            if value.address in found:
                self._report.add("LB0116", f"{value.address} is given twice", line.node.place())
            address = virtual_address(line, interface, self._context)
            if address is not None:
                found.setdefault(value.address, address)
        every = tuple(found.values())
        if ipv6 is not None and len(every) > MAX_ADDRESSES:
            message = f"({self._name}) more than {MAX_ADDRESSES} addresses: the rest is treated as excluded"
            self._report.add("LB0202", message, self._item.node.place(0, 1))
        if ipv6 is None:
            return every, ()
        if ipv6 and every and not every[0].address.startswith("fe80:"):
            message = f"({self._name}) the first IPv6 address should be link-local (RFC 9568 section 5.2.9)"
            line = next(self._item.entries(block))
            self._report.add("LB0313", message, line.node.place())
        return every[:MAX_ADDRESSES], every[MAX_ADDRESSES:]

    def _has_addresses(self, addresses: tuple[VirtualAddress, ...], left_out: bool) -> bool:
        """2.2.7: version 2 runs without addresses, version 3 and strict mode do not."""
        if addresses or self._item.last("no_virtual_ipaddress") is not None:
            return True
        if not left_out and any(block.node.children for block in self._item.all("virtual_ipaddress")):
            return True  # what is wrong with its lines has been said
        end = ": the instance is left out" if left_out else ""
        message = f"({self._name}) no virtual_ipaddress; at least one is required{end}"
        self._report.add("LB0305", message, self._item.node.place(0, 1))
        return not left_out

    def _version(self, ipv6: bool) -> int:
        """The first one counts, be it said or deduced from an IPv6 address before it."""
        version = 0
        for inner in self._item.items or ():
            if inner.name == "version":
                if version not in (0, int(inner.value)):
                    message = f"({self._name}) version {inner.value} conflicts with version {version} before it: ignored"
                    self._report.add("LB0308", message, inner.node.place(1))
                else:
                    version = int(inner.value)
            elif ipv6 and inner.name in _FAMILY:
                version = version or 3
        return 3 if ipv6 else version or self._defaults.vrrp_version

    def _state(self, version: int) -> tuple[VrrpState, int]:
        """Unset priority is 255 under MASTER, unset state is MASTER at 255. MASTER once is MASTER."""
        item = self._item
        states = [inner.value for inner in item.all("state")]
        priority = item.get("priority")
        if priority is None:
            priority = 255 if "MASTER" in states and item.last("priority") is None and not self._bad_priority() else 100
        master = "MASTER" in states or (not states and priority == 255)
        if master and priority != 255 and version == 2 and authentication.kind(item) == "AH":
            message = f"({self._name}) the initial state MASTER does not go with auth_type AH: BACKUP is used"
            self._report.add("LB0307", message, (item.last("state") or item).node.place())
            master = False
        return VrrpState.MASTER if master else VrrpState.BACKUP, priority

    def _bad_priority(self) -> bool:
        """True if a priority stands in the file and was no number: that is 100, not 255."""
        return any(node.words[0] == "priority" for node in self._item.node.children or ())

    def _advert_int(self, version: int) -> float:
        item = self._item.last("advert_int")
        if item is None:
            return 1.0
        given: float = item.value
        if version == 2:
            rounded = float(max(1, int(given + 0.5)))
        else:
            rounded = min(_MAX_V3_INTERVAL, max(0.01, int(given * 100 + 0.5) / 100))
        if rounded != given:
            message = f"({self._name}) advert_int {given:g} s cannot be sent in version {version}: {rounded:g} s is used"
            self._report.add("LB0308", message, item.node.place(1))
        return rounded

    def _peers(self, ipv6: bool) -> tuple[UnicastPeer, ...]:
        peers: dict[str, UnicastPeer] = {}
        for line in self._item.entries("unicast_peer"):
            peer: UnicastPeer = line.value
            if is_ipv6(peer.address) != ipv6:
                message = f"({self._name}) peer {peer.address} is not of the instance's family: ignored"
                self._report.add("LB0306", message, line.node.place())
                continue
            if peer.min_ttl > peer.max_ttl:
                message = f"({self._name}) {peer.address}: min_ttl is above max_ttl: all its adverts are dropped"
                self._report.add("LB0312", message, line.node.place())
            peers.setdefault(peer.address, peer)
        words = ("unicast_peer", "unicast_src_ip", "check_unicast_src", "old_unicast_checksum")
        keyword = self._item.last(*words)
        if keyword is not None and not peers and self._item.last("unicast_fault_no_peer") is None:
            message = f"({self._name}) {keyword.name} without unicast peers: adverts are multicast"
            self._report.add("LB0312", message, keyword.node.place())
        return tuple(peers.values())

    def _nopreempt(self, state: VrrpState, priority: int) -> bool:
        item = self._item.last("nopreempt", "preempt")
        if item is None or item.name == "preempt":
            return False
        if state is VrrpState.MASTER or priority == 255:
            why = "priority 255" if priority == 255 else "the initial state MASTER"
            message = f"({self._name}) nopreempt does not go with {why}: cleared"
            self._report.add("LB0307", message, item.node.place())
            return False
        return True

    def _preempt_delay(self, state: VrrpState) -> float:
        item = self._item.last("preempt_delay")
        if item is None:
            return 0.0
        preempts = self._item.last("nopreempt", "preempt")
        for clashes, why in (
            (state is VrrpState.MASTER, "the initial state MASTER"),
            (preempts is not None and preempts.name == "nopreempt", "nopreempt"),
        ):
            if clashes:
                message = f"({self._name}) preempt_delay does not go with {why}: cleared"
                self._report.add("LB0307", message, item.node.place())
                return 0.0
        delay: float = item.value
        return delay

    def _garp(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in ("garp_master_delay", "garp_master_refresh"):
            found[name] = float(self._inherited(name))
        for name in ("garp_master_repeat", "garp_master_refresh_repeat"):
            item = self._item.last(name)
            found[name] = (
                self._inherited(name) if item is None else repeat_at_least_one(item, self._context)
            )
        # The lower_prio pair follows the instance's master pair unless it is set somewhere itself.
        for name, of in (("garp_lower_prio_delay", "garp_master_delay"), ("garp_lower_prio_repeat", "garp_master_repeat")):
            own = self._item.get(name, getattr(self._defaults, name))
            found[name] = found[of] if own is None else own
        found["garp_lower_prio_delay"] = float(found["garp_lower_prio_delay"])
        extra: ExtraGarp = self._item.get("garp_extra_if") or self._item.get("vmac_garp_intvl") or self._defaults.extra
        found |= {"garp_extra_if": float(extra.seconds), "garp_extra_if_all": extra.every}
        return found
