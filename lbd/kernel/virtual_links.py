# SPDX-License-Identifier: Apache-2.0
"""The interfaces of virtual routers: use_vmac, use_vmac_addr and use_ipvlan of keepalived.conf(5).

They stand as long as their instance is configured, whatever its state, and come back with the interface below them.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterator

import msgspec

from lbd.kernel.rtnl import link
from lbd.kernel.rtnl.link import VirtualLink
from lbd.kernel.rtnl.wire import KernelRefusedError, Socket
from lbd.kernel.setting_table import Place, Row, rows
from lbd.model import Config, VirtualAddress, VrrpInstance

log = logging.getLogger("lbd.kernel")

RFC_MAC = {False: bytes.fromhex("00005e0001"), True: bytes.fromhex("00005e0002")}
"""RFC 9568 section 7.3, by whether it is of IPv6; the VRID follows."""


class VirtualLinks:
    def __init__(
        self,
        ask: Callable[[], Socket],
        index_of: Callable[[str], int],
        put: Callable[[tuple[Row, ...], str], object],
    ) -> None:
        """index_of: raises KeyError where there is no interface of that name. put: settings, for an interface."""
        self._ask, self._index_of, self._put = ask, index_of, put
        self._links: dict[str, VirtualLink] = {}
        self._of: dict[tuple[str, str], str] = {}
        """(instance, interface below) → the virtual one on it."""

    def know(self, config: Config) -> dict[str, VirtualLink]:
        """Who has which from now on; nothing is made or taken away."""
        wanted: dict[str, VirtualLink] = {}
        self._of = {}
        for conf in config.vrrp_instances:
            for made in _links_of(conf, config.global_defs.vmac_prefix, config.global_defs.vmac_addr_prefix):
                named = _with_free_name(made, conf, wanted)
                wanted[named.name] = named
                self._of[conf.name, named.base] = named.name
        return wanted

    def configure(self, config: Config) -> bool:
        """Make those that are new, take away those that nobody wants any more. True if there was something to do."""
        wanted = self.know(config)
        gone = [name for name, old in self._links.items() if wanted.get(name) != old]
        for name in gone:
            self._remove(name)
        self._links = wanted
        return self.maintain() or bool(gone)

    def maintain(self) -> bool:
        """Those that are not there and can be, are made. True if there were such."""
        missing = [
            made
            for made in self._links.values()
            if self._index(made.name) is None and self._index(made.base) is not None
        ]
        for made in missing:
            self._make(made)
        return bool(missing)

    def on(self, conf: VrrpInstance, interface: str) -> str:
        """The instance's virtual interface on that one, or that one itself."""
        return self._of.get((conf.name, interface), interface)

    def placed(self, conf: VrrpInstance) -> tuple[VirtualAddress, ...]:
        """The instance's addresses with the interface on which each is to stand."""
        return tuple(
            msgspec.structs.replace(virtual, dev=self.on(conf, virtual.dev))
            for virtual in conf.virtual_addresses
        )

    def close(self) -> None:
        """All of them go."""
        for name in self._links:
            self._remove(name)
        self._links = {}

    def _make(self, made: VirtualLink) -> None:
        try:
            self._ask().ask(link.add(made, self._index_of(made.base)), fine=(errno.EEXIST,))
            index = _index_now(made.name)
            self._ask().ask(link.bring_up(made.name, index))
        except (KernelRefusedError, KeyError, OSError) as error:
            log.error("%s", error)
            return
        self._put(rows(Place.VIRTUAL), made.name)
        self._put(rows(Place.BELOW), made.base)

    def _remove(self, name: str) -> None:
        try:
            self._ask().ask(link.remove(name, _index_now(name)), fine=(errno.ENODEV,))
        except (KernelRefusedError, OSError) as error:
            log.error("%s", error)

    def _index(self, name: str) -> int | None:
        try:
            return _index_now(name)
        except OSError:
            return None


def _index_now(name: str) -> int:
    """Asked of the kernel itself: what follows it hears of a new interface a moment later. Raises OSError."""
    return socket.if_nametoindex(name)


def _links_of(conf: VrrpInstance, prefix: str, addr_prefix: str) -> Iterator[VirtualLink]:
    vrid = conf.virtual_router_id
    if conf.use_ipvlan is not None:
        said = conf.use_ipvlan
        name = said.name or f"{prefix}.{vrid}"
        yield VirtualLink(name=name, base=conf.interface, mode=said.mode, group=said.group)
        return
    mac = RFC_MAC[conf.is_ipv6] + bytes([vrid])
    if conf.use_vmac is not None:
        vmac = conf.use_vmac
        name = vmac.name or f"{prefix}.{vrid}"
        mac = vmac.mac or mac
        yield VirtualLink(name=name, base=conf.interface, mac=mac, group=vmac.group)
    others = dict.fromkeys(
        v.dev
        for v in conf.virtual_addresses
        if v.dev != conf.interface and (v.use_vmac or conf.use_vmac_addr)
    )
    for dev in others:
        yield VirtualLink(name=f"{addr_prefix}.{vrid}", base=dev, mac=mac)


def _with_free_name(made: VirtualLink, conf: VrrpInstance, taken: dict[str, VirtualLink]) -> VirtualLink:
    """keepalived's other names: ``vrrp6.51`` of an IPv6 instance, then ``vrrp1.51``, ``vrrp2.51`` …"""
    stem, _, rest = made.name.partition(".")
    others = [f"{stem}6.{rest}"] if conf.is_ipv6 else []
    names = [made.name, *others, *(f"{stem}{number}.{rest}" for number in range(1, 256))]
    free = next(name for name in names if name not in taken)
    return msgspec.structs.replace(made, name=free)
