# SPDX-License-Identifier: Apache-2.0
"""What the dataplane should have, of a configuration and the health of its servers. Pure.

As keepalived programs IPVS: a failed server is left out, or has weight 0 where it is inhibited; where the quorum is
lost and there is a sorry server, that one stands in for all. Services are wanted on every node whatever its VRRP state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import NamedTuple

import msgspec

from lbd.control.health import Health
from lbd.fastpath import api
from lbd.healthcheck.servers import ServerKey
from lbd.model import Config, ForwardingMethod, GlobalDefs, LocalAddressGroup, LocalAddressRange, RealServer
from lbd.model.net import Address
from lbd.model.service import Match, Protocol, ServiceAddress, Span, Tunnel, VirtualServer

_PORTLESS = (api.Protocol.ICMP, api.Protocol.ICMPV6)
_ONE_WAY = (api.Method.DR, api.Method.TUN)
_MOST_WEIGHT = 65535
"""Of keepalived and of the dataplane."""
_PORT_FLAGS = {"sh-port", "mh-port", "flag-2"}
_FALLBACK_FLAGS = {"sh-fallback", "mh-fallback", "flag-1"}
"""IPVS's first and second flag of a scheduler, by their three names (ip_vs.h)."""


class Desired:
    """The wanted table of a configuration, kept up with the health of its servers: a change costs what it touches.

    Services and pools are in the order of their keys. An address that stands twice belongs to the first.
    """

    def __init__(self, config: Config, health: Health) -> None:
        where = interfaces(config)
        owners: dict[api.ServiceKey, VirtualServer] = {}
        for virtual in config.virtual_servers:
            for key in _keys(virtual):
                owners.setdefault(key, virtual)
        ordered = sorted(owners)
        positions: dict[int, list[int]] = defaultdict(list)
        for position, key in enumerate(ordered):
            positions[id(owners[key])].append(position)
        named: dict[str, list[_Owner]] = defaultdict(list)
        services: dict[int, api.Service] = {}
        for virtual in config.virtual_servers:
            owner = _Owner(virtual, tuple(positions[id(virtual)]))
            named[virtual.name].append(owner)
            reals = reals_of(virtual, health)
            for position in owner.positions:
                key = ordered[position]
                services[position] = _service(key, virtual, reals, where.get(key.address))
        self._named = dict(named)
        every = tuple(services[position] for position in range(len(ordered)))
        self.table = api.Table(
            services=every,
            pools=_pools(config.local_address_groups, every),
            timeouts=_timeouts(config.global_defs),
        )

    def follow(self, names: Iterable[str], health: Health) -> api.Table:
        """The health of these virtual servers may be another. Services that stay equal stay the same objects.

        Raises KeyError for a name that is not configured.
        """
        services = list(self.table.services)
        for owner in (owner for name in names for owner in self._named[name]):
            reals = reals_of(owner.virtual, health)
            for position in owner.positions:
                old = services[position]
                suited = _suited(reals, old.key)
                if suited != old.reals:
                    services[position] = msgspec.structs.replace(old, reals=suited)
        self.table = msgspec.structs.replace(self.table, services=tuple(services))
        return self.table


class _Owner(NamedTuple):
    """A virtual server and where its services stand in the table."""

    virtual: VirtualServer
    positions: tuple[int, ...]


def desired(config: Config, health: Health) -> api.Table:
    return Desired(config, health).table


def interfaces(config: Config) -> dict[Address, str]:
    """Where VRRP puts each of its addresses."""
    return {
        address.address: address.dev
        for instance in config.vrrp_instances
        for address in (*instance.virtual_ipaddress, *instance.virtual_ipaddress_excluded)
    }


def service_key(address: ServiceAddress) -> api.ServiceKey:
    protocol = api.Protocol[address.protocol.value]
    return api.ServiceKey(address.address, 0 if protocol in _PORTLESS else address.port, protocol)


def _keys(virtual: VirtualServer) -> Iterator[api.ServiceKey]:
    for address in virtual.addresses:
        yield service_key(address)
    if virtual.match is not None:
        for family in sorted({":" in real.address for real in virtual.real_servers}):
            yield api.ServiceKey(
                "::" if family else "0.0.0.0", 0, _of_family(virtual.protocol, family), _match(virtual.match)
            )


def _of_family(protocol: Protocol, ipv6: bool) -> api.Protocol:
    if protocol in (Protocol.ICMP, Protocol.ICMPV6):
        return api.Protocol.ICMPV6 if ipv6 else api.Protocol.ICMP
    return api.Protocol[protocol.value]


def _match(match: Match) -> api.Match:
    return api.Match(
        source=_span(match.source),
        destination=_span(match.destination),
        iif=match.iif or "",
        oif=match.oif or "",
    )


def _span(span: Span | None) -> api.Span:
    if span is None:
        return api.Span()
    return api.Span(span.first or "", span.last or "", span.first_port, span.last_port)


def reals_of(virtual: VirtualServer, health: Health) -> tuple[api.Real, ...]:
    """In the order of the configuration, the sorry server last; that one may also be a real server."""
    sorry, lost = virtual.sorry_server, virtual.name in health.quorum_lost
    closed = lost and sorry is not None
    reals: dict[tuple[Address, int], api.Real] = {}
    for real in virtual.real_servers:
        out = closed or ServerKey(virtual.name, real.address, real.port) in health.failed
        if not out or real.inhibit_on_failure:
            reals[real.address, real.port] = _real(real, 0 if out else health.weight(virtual.name, real))
    if sorry is not None and closed:
        reals[sorry.address, sorry.port] = _real(sorry, sorry.weight)
    elif sorry is not None and virtual.sorry_server_inhibit:
        reals.setdefault((sorry.address, sorry.port), _real(sorry, 0))
    return tuple(reals.values())


def _real(real: RealServer, weight: int) -> api.Real:
    return api.Real(
        real.address,
        real.port,
        min(max(weight, 0), _MOST_WEIGHT),
        api.Method[real.method.value],
        _tunnel(real.tunnel),
        upper=real.uthreshold,
        lower=real.lthreshold,
    )


def _tunnel(tunnel: Tunnel | None) -> api.Tunnel:
    """Remote checksum offload is for an inner checksum that the sender left to be made: the fastpath makes it."""
    if tunnel is None:
        return api.Tunnel()
    return api.Tunnel(
        kind=api.TunnelKind(tunnel.kind), port=tunnel.port, checksum=tunnel.checksum in ("csum", "remcsum")
    )


def _service(
    key: api.ServiceKey, virtual: VirtualServer, reals: tuple[api.Real, ...], interface: str | None
) -> api.Service:
    return api.Service(
        key=key,
        scheduler=virtual.lb_algo,
        hash_port=not _PORT_FLAGS.isdisjoint(virtual.flags),
        fallback=not _FALLBACK_FLAGS.isdisjoint(virtual.flags),
        hash_target=api.HashTarget(virtual.hash_target),
        table_size=virtual.table_size,
        persistence=virtual.persistence_timeout,
        persistence_mask=_mask(virtual.persistence_granularity, key),
        reals=_suited(reals, key),
        pool=virtual.laddr_group_name if _needs_pool(virtual) else None,
        interface=interface,
        establish_timeout=virtual.establish_timeout,
    )


def _mask(mask: bytes, key: api.ServiceKey) -> str:
    """A group may have addresses of both families: those of the other one tell clients apart by their whole address."""
    text = str(ip_address(mask)) if mask else ""
    return text if (":" in text) == (":" in key.address) else ""


def _suited(reals: Iterable[api.Real], key: api.ServiceKey) -> tuple[api.Real, ...]:
    """The servers of a group as one of its addresses has them: of its family, and on its port.

    A server without a port (0) is asked on the service's; DR and TUN change no port, so there keepalived uses the
    service's, too. What is wrapped may be of another family.
    """
    out: dict[tuple[Address, int], api.Real] = {}
    for real in reals:
        if (":" in real.address) == (":" in key.address) or real.method is api.Method.TUN:
            same = real.method in _ONE_WAY or key.protocol in _PORTLESS
            port = key.port if same else real.port or key.port
            out.setdefault((real.address, port), msgspec.structs.replace(real, port=port))
    return tuple(out.values())


def _needs_pool(virtual: VirtualServer) -> bool:
    """By its configuration, not by who is alive, so that a failure does not move the pool."""
    every = (*virtual.real_servers, *([virtual.sorry_server] if virtual.sorry_server else []))
    return any(real.method is ForwardingMethod.FNAT for real in every)


def _pools(groups: Iterable[LocalAddressGroup], services: Iterable[api.Service]) -> tuple[api.LocalPool, ...]:
    used = {service.pool for service in services}
    by_name: Mapping[str, LocalAddressGroup] = {group.name: group for group in groups if group.name in used}
    return tuple(api.LocalPool(name, _addresses(by_name[name].ranges)) for name in sorted(by_name))


def _addresses(ranges: Iterable[LocalAddressRange]) -> tuple[api.LocalAddress, ...]:
    """Each address once; the first line that names it says where it stands."""
    found: dict[Address, api.LocalAddress] = {}
    for part in ranges:
        for address in _expand(part.first, part.last):
            found.setdefault(address, api.LocalAddress(address, part.interface))
    return tuple(found.values())


def _expand(first: Address, last: Address) -> Iterator[Address]:
    """The reader of the configuration lets no range pass that has more than 65536 addresses."""
    begin, end = ip_address(first), ip_address(last)
    return (str(type(begin)(number)) for number in range(int(begin), int(end) + 1))


def _timeouts(defs: GlobalDefs) -> api.Timeouts:
    """``lvs_timeouts``: 0 leaves IPVS's default. ipvsadm --set: tcp is ESTABLISHED, tcpfin is FIN_WAIT."""
    default = api.Timeouts()
    return api.Timeouts(
        established=defs.lvs_timeout_tcp or default.established,
        fin_wait=defs.lvs_timeout_tcpfin or default.fin_wait,
        udp=defs.lvs_timeout_udp or default.udp,
    )
