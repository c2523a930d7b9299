# SPDX-License-Identifier: Apache-2.0
"""What VRRP needs of the kernel (``vrrp/io/ports.py``): a mirror to see it, holdings and virtual links to change it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from lbd.daemon.link_delays import LinkDelays
from lbd.daemon.vrrp_lease import Leases
from lbd.kernel.holdings import Holdings, Item
from lbd.kernel.mirror import Mirror
from lbd.kernel.setting_table import Place, Row, rows
from lbd.kernel.settings import Settings
from lbd.kernel.unaccepted import Unaccepted
from lbd.kernel.values import Link
from lbd.kernel.virtual_links import VirtualLinks
from lbd.model import Config, VirtualAddress, VrrpInstance
from lbd.model.route import Route, Rule
from lbd.vrrp.io.ports import LinkState
from lbd.vrrp.standing import OWNER

log = logging.getLogger("lbd.vrrp")

SCOPE_GLOBAL, SCOPE_LINK = 0, 253
STATIC = ""
"""The owner of static addresses, routes and rules; no instance has that name."""


class KernelFace:
    """A Kernel. Its methods that look see the mirror; until ``configure`` nothing is changed."""

    def __init__(
        self,
        mirror: Mirror,
        settings_file: str,
        on_lost: Callable[[str, str], None] = lambda *_: None,
        on_link: Callable[[], None] = lambda: None,
    ) -> None:
        """on_lost: told of the instance one of whose routes or rules somebody else removed, and of which.

        on_link: called when a link counts otherwise by the time that has passed.
        """
        self._mirror, self._on_lost = mirror, on_lost
        self._settings_file = settings_file
        self._settings: Settings | None = None
        self._holdings = Holdings(self._index_of, self._removed)
        self._links = VirtualLinks(self._holdings.ask, self._index_of, self._put)
        self._delays = LinkDelays(on_link)
        self._unaccepted = Unaccepted()
        self._leases = Leases(settings_file)
        self._virtual: set[str] = set()
        """Addresses that are VRRP's: never a source of adverts."""
        self._static: tuple[VirtualAddress, ...] = ()

    # --- configuration

    async def configure(self, config: Config) -> None:
        """What stands whatever the state of an instance: its interface, its settings, and all that is static."""
        self.know(config)
        await self._leases.configure()
        if self._links.configure(config):
            await self._mirror.read_all()
        for conf in config.vrrp_instances:
            if conf.promote_secondaries:
                self._put(rows(Place.INSTANCE), conf.interface)
        self._static = config.static_ipaddress
        routes = self._in_their_tables(config.static_routes)
        static: tuple[Item, ...] = (*config.static_ipaddress, *routes, *config.static_rules)
        await self._holdings.settle(STATIC, static)
        self._unaccepted.configure(config.global_defs)

    def know(self, config: Config) -> None:
        """What is virtual, without doing anything about it."""
        self._virtual = {v.address for i in config.vrrp_instances for v in i.virtual_addresses}
        self._links.know(config)
        self._delays.configure(config.interface_up_down_delays)
        self._leases.know(config.global_defs.vrrp_lease)

    def _put(self, wanted: tuple[Row, ...], interface: str) -> None:
        if self._settings is None:  # only now: it puts back what a dead predecessor had set
            self._settings = Settings(self._settings_file)
        self._settings.put(wanted, interface)

    def maintain(self) -> None:
        """After a change of the network: interfaces of ours come back, and static addresses, as in keepalived."""
        self._links.maintain()
        for one in self._static:
            link = self._by_name(one.dev)
            if link is not None and link.up and not one.no_track and not self.present(one):
                log.info("Restoring deleted static address %s/%d dev %s", one.address, one.prefix, one.dev)
                self._holdings.restore(one)

    def _removed(self, owner: str, item: Route | Rule) -> None:
        what = f"rule {item.preference}" if isinstance(item, Rule) else f"route {item.destination}"
        if owner != STATIC:
            self._on_lost(owner, f"virtual {what}")
            return
        log.info("Restoring deleted static %s", what)
        self._holdings.restore(item)

    async def leave(self) -> None:
        """Addresses stay where they are, and nobody is going to send adverts."""
        await self._leases.close()

    async def close(self) -> None:
        self._delays.close()
        await self._unaccepted.close()
        await self._leases.close()
        await self._holdings.settle(STATIC, ())
        self._links.close()
        if self._settings is not None:
            self._settings.restore()
        self._holdings.close()

    # --- what there is

    def link(self, name: str) -> LinkState | None:
        link = self._by_name(name)
        return None if link is None else self._state(link, link)

    def way(self, conf: VrrpInstance) -> LinkState | None:
        """Adverts leave by the virtual interface, from an address of the one below it."""
        below = self._by_name(conf.interface)
        name = conf.interface
        if not conf.vmac_xmit_base and not conf.is_unicast:
            name = self._links.on(conf, conf.interface)
        above = self._by_name(name)
        if below is None or above is None:
            return None
        state = self._state(above, below)
        own = conf.use_ipvlan.address if conf.use_ipvlan is not None and above is not below else None
        if own is None:
            return state
        return msgspec.structs.replace(state, **{"ipv6" if ":" in own else "ipv4": own})

    def _state(self, link: Link, below: Link) -> LinkState:
        four, six = self._source(below, v6=False), self._source(below, v6=True)
        up = self._up(link) and self._up(below)
        return LinkState(link.name, link.ifindex, up, link.mac, four, six, link.mtu)

    def _up(self, link: Link) -> bool:
        return self._delays.up(link.name, link.up)

    def _source(self, link: Link, *, v6: bool) -> str | None:
        """The first address that is not VRRP's own; of IPv6 the link-local one."""
        return next(
            (
                a.address
                for (index, _), a in self._mirror.addresses.items()
                if index == link.ifindex
                and (":" in a.address) == v6
                and (not v6 or a.scope == SCOPE_LINK)
                and a.address not in self._virtual
            ),
            None,
        )

    def placed(self, conf: VrrpInstance) -> tuple[VirtualAddress, ...]:
        return self._links.placed(conf)

    def present(self, address: VirtualAddress) -> bool:
        link = self._by_name(address.dev)
        return link is not None and (link.ifindex, address.address) in self._mirror.addresses

    # --- changing it

    async def settle(self, conf: VrrpInstance, hold: bool) -> None:
        source: tuple[Item, ...] = self._source_of(conf)
        routes = self._in_their_tables(conf.virtual_routes)
        items: tuple[Item, ...] = (*source, *self.placed(conf), *routes, *conf.virtual_rules)
        refused = self.placed(conf) if hold and not conf.accept and conf.priority != OWNER else ()
        if refused:  # before the addresses are there, and after they have gone
            await self._unaccepted.settle(conf.name, refused)
        await self._holdings.settle(conf.name, items if hold else source, left=items)
        if not refused:
            await self._unaccepted.settle(conf.name, ())
        if not hold:
            await self._leases.release(conf.name)

    def lease(self, conf: VrrpInstance, seconds: float) -> bool:
        return self._leases.renew(conf.name, (v.address for v in conf.virtual_addresses), seconds)

    def _in_their_tables(self, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        """A route of a VRF stands in its table; without that VRF it stands nowhere."""
        found = []
        for one in routes:
            vrf = self._by_name(one.vrf) if one.vrf else None
            if one.vrf and (vrf is None or not vrf.vrf):
                log.error("route %s cannot be set: there is no VRF %s", one.destination, one.vrf)
                continue
            found.append(one if vrf is None else msgspec.structs.replace(one, table=vrf.vrf))
        return tuple(found)

    def _source_of(self, conf: VrrpInstance) -> tuple[VirtualAddress, ...]:
        """What a virtual interface sends from: use_ipvlan's own address, or that of the interface below for IPv6."""
        name, below = self._links.on(conf, conf.interface), self._by_name(conf.interface)
        if conf.use_ipvlan is not None and (own := conf.use_ipvlan.address) is not None:
            whole = 128 if ":" in own else 32
            return (VirtualAddress(address=own, prefix=conf.use_ipvlan.prefix or whole, dev=name),)
        if name == conf.interface or not conf.is_ipv6 or below is None:
            return ()
        address = self._source(below, v6=True)
        return () if address is None else (VirtualAddress(address=address, prefix=64, dev=name),)

    def _by_name(self, name: str) -> Link | None:
        return self._mirror.by_name(name)

    def _index_of(self, name: str) -> int:
        link = self._by_name(name)
        if link is None:
            raise KeyError(name)
        return link.ifindex
