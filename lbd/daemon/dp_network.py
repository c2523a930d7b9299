# SPDX-License-Identifier: Apache-2.0
"""The dp process and its machine: what the kernel has goes into the fastpath, what the fastpath needs into the kernel.

Mirror (links, addresses, routes, neighbours) -> ports, next hops, claims; configuration -> local addresses and guard.
The guard stands before the first port takes a frame and falls after the last one was closed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
from ipaddress import ip_address
from typing import Any

from lbd.daemon.dp_addresses import LocalAddresses
from lbd.daemon.dp_firewall import Firewall
from lbd.fastpath import api
from lbd.fastpath.claim import TABLE, Claims, Triple, claim_changes, port_changes, ruleset
from lbd.fastpath.configuration import Configuration
from lbd.fastpath.forwarding import Forwarding, Link, Path, Route
from lbd.fastpath.port.tap import open_tap
from lbd.fastpath.ports import Ports, Wanted
from lbd.kernel.guard import Guard, GuardError
from lbd.kernel.links import bring_up
from lbd.kernel.mirror import Mirror
from lbd.kernel.policy import weighted, words
from lbd.kernel.setting_table import Place, rows
from lbd.kernel.settings import Settings
from lbd.kernel.values import Link as KernelLink

log = logging.getLogger("lbd.dp")

TAP = "lbd0"
TAP_ADDRESS = "169.254.237.1"
RETRY = 1.0
"""Seconds until what could not be done is tried again."""


class Network:
    def __init__(self, plane: Any, conf: Configuration, options: argparse.Namespace) -> None:
        self._plane = plane
        self._conf = conf
        self._options = options
        self.settings = Settings(os.path.join(options.run_dir, "dp.settings"))
        self.mirror = Mirror(self._mirrored)
        self._local = LocalAddresses(self.mirror, os.path.join(options.run_dir, "dp.addresses"))
        self._ports = Ports(plane, log.info)
        self._forwarding = Forwarding(plane, self._resolve)
        self._guard = Guard(options.guard_fd, table=TABLE, on_repair=self._guard_repaired)
        self._guard_problem = ""
        self._guarded: tuple[Claims, frozenset[tuple[str, int, tuple[bytes, ...]]]] | None = None
        self.firewall = Firewall(self._seen_by_firewall)
        self._work = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tap = -1

    async def start(self) -> None:
        self._tap = open_tap(TAP)
        self.settings.put(rows(Place.LBD0), TAP)
        await bring_up(TAP, TAP_ADDRESS, 32)
        await self.mirror.start()
        self._take_tap()
        await self._sync(everything=True)
        self._spawn(self._follow())
        self.firewall.start()

    async def stop(self, *, keep_guard: bool) -> None:
        await self.firewall.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._local.close()
        if not keep_guard:
            await self._guard.remove()
        await self._guard.close()
        await self.mirror.close()
        self.settings.restore()
        if self._tap >= 0:
            os.close(self._tap)

    def close_ports(self) -> None:
        self._ports.close()

    # --- what comes in

    def asked(self, port: int, address: bytes, family: int) -> None:
        self._forwarding.asked(port, str(ip_address(address)))

    def configuration_changed(self) -> None:
        self._ports.admit(self._conf.claims())
        self._work.set()

    def claims_changed(self) -> None:
        if self._guarded is not None and self._conf.claims() != self._guarded[0]:
            self._work.set()

    def _mirrored(self) -> None:
        self._work.set()

    async def _follow(self) -> None:
        """What cannot be done now is said and tried again, all of it: forwarding must not stand on half a picture."""
        everything = False
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._sync(everything=everything)
                everything = False
            except Exception as error:
                everything = True
                asyncio.get_running_loop().call_later(RETRY, self._work.set)
                ours = type(error).__module__.startswith("lbd.")
                log.error("%s", error, exc_info=None if ours else error)

    # --- from the kernel into the fastpath

    async def _sync(self, *, everything: bool = False) -> None:
        dirty = {"links", "addresses", "routes", "neighbours"} if everything else self.mirror.take_dirty()
        if "addresses" in dirty or "links" in dirty:
            self._conf.set_host(self._host_addresses())
        # local addresses are addresses of the kernel: it answers ARP and ND for them
        await self._local.sync(self._conf.local_addresses())
        wanted = self._wanted_ports()
        # the guard first: a port that is not guarded would be answered by the kernel as well
        await self._guard_ports(wanted)
        self._ports.admit(self._conf.claims())
        changed = self._ports.sync(wanted)
        self._conf.set_ports(self._ports.names())
        self.firewall.services_changed()
        if changed or everything:
            self._forwarding.forget_ports(self._ports.take_reused())
            self._forwarding.set_ports(self._links(), self._ports.attached())
        if "neighbours" in dirty or changed:
            self._forwarding.set_neighbours(self._neighbours(everything=everything or changed))
        if "routes" in dirty or changed:
            self._forwarding.set_routes(self._routes())

    def _seen_by_firewall(self) -> tuple[frozenset[Triple], frozenset[str]]:
        claims = self._conf.claims()
        return claims.services | claims.services_here, frozenset(self._wanted_ports())

    def _host_addresses(self) -> dict[str, frozenset[str]]:
        out: dict[str, set[str]] = {}
        for ifindex, address in self.mirror.addresses:
            link = self.mirror.links.get(ifindex)
            if link is not None:
                out.setdefault(address, set()).add(link.name)
        return {a: frozenset(names) for a, names in out.items()}

    def _links(self) -> dict[int, Link]:
        return {i: Link(x.name, x.mac, x.mtu) for i, x in self.mirror.links.items()}

    def _wanted_ports(self) -> dict[str, Wanted]:
        """Every Ethernet interface that is up, unless the options say otherwise; those with addresses first.

        What is in a bond or bridge is none: its frames for this machine come in by the bond or bridge itself.
        """
        own = self._own_addresses()
        links = [link for link in self.mirror.links.values() if link.up and self._chosen(link)]
        return {
            link.name: Wanted(
                link.ifindex,
                Link(link.name, link.mac, link.mtu),
                (link.mac,),
                *own.get(link.ifindex, (b"", b"")),
            )
            for link in sorted(links, key=lambda link: (not any(own.get(link.ifindex, ())), link.ifindex))
        }

    def _chosen(self, link: KernelLink) -> bool:
        options = self._options
        if link.name == TAP or link.name in options.exclude_interface:
            return False
        if options.interface:
            return link.name in options.interface
        master = self.mirror.links.get(link.master)
        return link.ethernet and (master is None or bool(master.vrf))

    def _own_addresses(self) -> dict[int, tuple[bytes, bytes]]:
        """By ifindex, where ICMP errors of ours come from: the first address of each family that is not a local one."""
        found: dict[int, tuple[bytes, bytes]] = {}
        taken = {a.address for a in self._conf.local_addresses()}
        for ifindex, address in sorted(self.mirror.addresses):
            if address in taken:
                continue
            raw = ip_address(address)
            four, six = found.setdefault(ifindex, (b"", b""))
            if raw.version == 4:
                found[ifindex] = (four or raw.packed, six)
            elif not raw.is_link_local:
                found[ifindex] = (four, six or raw.packed)
        return found

    def _neighbours(self, *, everything: bool) -> dict[tuple[int, str], bytes | None]:
        keys = self.mirror.neighbours.keys() if everything else self.mirror.take_changed_neighbours()
        out: dict[tuple[int, str], bytes | None] = {}
        for key in keys:
            neighbour = self.mirror.neighbours.get(key)
            out[key] = neighbour.mac if neighbour is not None and neighbour.usable else None
        return out

    def _routes(self) -> list[Route]:
        return [
            Route(r.address, r.length, tuple(Path(p.ifindex, p.gateway) for p in weighted(r.paths)))
            for r in self.mirror.routes
        ]

    def warnings(self) -> tuple[str, ...]:
        """What the host would do to packets, and the fastpath does not; each a sentence."""
        beyond = tuple(
            f"{words(rule)}: the fastpath does not follow this rule, it knows the tables main and default only"
            for rule in self.mirror.policy.beyond_main()
        )
        crowd = self._ports.problem()
        return (*([crowd] if crowd else []), *beyond, *self.firewall.warnings)

    # --- from the fastpath into the kernel

    def _resolve(self, ifindex: int, address: str, lasting: bool) -> None:
        ask = self.mirror.keep_resolved if lasting else self.mirror.resolve
        self._spawn(ask(ifindex, address))

    # --- guard and lbd0

    def _guard_repaired(self, what: str) -> None:
        log.warning("the guard was put right: %s", what)

    async def _guard_ports(self, wanted: dict[str, Wanted]) -> None:
        """The guard as configuration and ports want it; what an nft refuses is said once and shown in the status."""
        claims = self._conf.claims()
        # the ifindex, too: a hook goes with its interface, and one made anew has none
        ports = frozenset((name, w.ifindex, w.macs) for name, w in wanted.items())
        if self._guarded == (claims, ports):
            return
        try:
            await self._set_guard(claims, ports)
            self._guarded, self._guard_problem = (claims, ports), ""
        except GuardError as error:
            self._guard_problem = f"refused by nft: {error}"
            log.error("the guard could not be set: %s", error)

    async def _set_guard(self, claims: Claims, ports: frozenset[tuple[str, int, tuple[bytes, ...]]]) -> None:
        """Raises GuardError. What stands is changed in place; what cannot be done so is done anew."""
        macs = {name: [m.hex(":") for m in every] for name, _, every in ports}
        text = ruleset(claims, macs)
        if self._guarded is not None:
            claimed, before = self._guarded
            came = {name: macs[name] for name, *_ in ports - before}
            gone = {name for name, *_ in before - ports} - came.keys()
            with contextlib.suppress(GuardError):
                await self._guard.update(claim_changes(claimed, claims) + port_changes(gone, came), text)
                return
        await self._guard.load(text)

    def _take_tap(self) -> None:
        link = self.mirror.by_name(TAP)
        assert link is not None, "lbd0 was made before the mirror read the links"
        self._plane.set_tap(self._tap, link.mac)

    # --- what there is

    def guard_status(self) -> str:
        return self._guard_problem or ("standing" if self._guarded else "none")

    def mbufs_of_ports(self) -> int:
        return sum(self._plane.port_held(index) for index in self._ports.names().values())

    def ports_status(self) -> tuple[api.PortStatus, ...]:
        out = []
        for name, index in sorted(self._ports.names().items()):
            attached, rx, tx, failed = self._plane.port_counts(index)
            out.append(
                api.PortStatus(
                    name=name,
                    kind="shared",
                    attached=attached,
                    rx_packets=rx,
                    tx_packets=tx,
                    tx_failed=failed,
                )
            )
        rx, tx, failed = self._plane.tap_counts()
        lbd0 = api.PortStatus(
            name=TAP, kind="kernel", attached=self._tap >= 0, rx_packets=rx, tx_packets=tx, tx_failed=failed
        )
        return (*out, lbd0)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s", task.exception())
