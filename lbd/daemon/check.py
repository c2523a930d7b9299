# SPDX-License-Identifier: Apache-2.0
"""The check process: runs the health checks, decides what should be forwarded, and keeps the dataplane so.

A composition root: schedule -> servers -> quorums -> desired -> reconcile. The decisions are in those. When it dies,
the dataplane forwards on; its successor takes the health of the servers from there until it has results of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable

from lbd.control import notices
from lbd.control.adopt import last_known
from lbd.control.desired import Desired, reals_of
from lbd.control.health import Health
from lbd.control.quorum import QuorumChange, Quorums, sentences
from lbd.control.reconcile import Reconciler
from lbd.daemon import launch
from lbd.daemon.bfd_feed import BfdFollower
from lbd.daemon.check_telling import Telling
from lbd.daemon.check_watching import Watching
from lbd.fastpath import api
from lbd.healthcheck import bfd, file
from lbd.healthcheck.kinds import Probes
from lbd.healthcheck.policy import Down, Event, Log, StillDown, Up, Weighed
from lbd.healthcheck.schedule import Schedule
from lbd.healthcheck.servers import Change, ServerKey, Servers
from lbd.model import BfdCheck, Config, FileCheck, RealServer, VirtualServer
from lbd.model.net import endpoint
from lbd.model.status import CheckRoleStatus, RealStatus, ServiceStatus

log = logging.getLogger("lbd.check")

_PATIENCE = 5.0
"""Seconds that a start or a reload waits for the dataplane to take what is wanted; it goes on trying afterwards."""
_FIRST_LOOK = 1.0
"""Seconds that a start waits for the first look at the dataplane."""


class CheckRole:
    """A daemon.role.Role."""

    def __init__(self, dp_socket: str, vrrp_socket: str) -> None:
        """vrrp_socket: of the vrrp process, which has the BFD sessions."""
        self._config = Config()
        self._servers = Servers()
        self._quorums = Quorums()
        self._telling = Telling(launch.scripts())
        self._watching = Watching(self._on_value, self._on_addresses)
        self._bfd = BfdFollower(vrrp_socket, self._on_bfd)
        self._schedule = Schedule(Probes(self._telling.run), self._on_events)
        self._reconciler = Reconciler(dp_socket, on_first_table=self._adopt)
        self._first_table = asyncio.Event()
        self._named: dict[str, VirtualServer] = {}
        self._reals: dict[ServerKey, RealServer] = {}
        self._desired = Desired(self._config, self._health())
        self._touched: set[str] = set()
        """Virtual servers of which this turn of the loop has told."""
        self._suspended: frozenset[str] = frozenset()

    async def start(self, config: Config) -> None:
        """What the dataplane does already is known before anyone is told anything, if it is there."""
        self._config = config
        self._telling.configure(config)
        self._servers.configure(config.virtual_servers)
        await self._watching.configure(config)
        self._read_others()  # known at once, and news for nobody
        self._reconciler.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LOOK):
                await self._first_table.wait()
        self._configure(config)
        await self._settle()

    async def reload(self, config: Config) -> None:
        self._telling.configure(config)
        await self._watching.configure(config)
        self._configure(config)
        await self._settle()

    async def stop(self) -> None:
        """The dataplane is left as it is: the supervisor ends it, or leaves it to a successor."""
        await self._schedule.stop()
        await self._reconciler.stop()
        await self._watching.close()
        await self._bfd.close()
        self._tell_the_end()
        await self._telling.close()

    def status(self) -> CheckRoleStatus:
        state = "; ".join([self._reconciler.state, *self._reconciler.refusals])
        health = self._health()
        services = tuple(self._service_status(service, health) for service in self._config.virtual_servers)
        return CheckRoleStatus(pid=os.getpid(), dp=state, services=services)

    # --- going over to a configuration

    def _configure(self, config: Config) -> None:
        gone = self._servers.configure(config.virtual_servers)
        self._tell_changes(gone)  # by what was configured until now
        self._config = config
        if any(isinstance(check, BfdCheck) for check in self._servers.checks()):
            self._bfd.start()
        self._named = {service.name: service for service in config.virtual_servers}
        self._reals = {
            ServerKey(service.name, real.address, real.port): real
            for service in config.virtual_servers
            for real in service.real_servers
        }
        self._tell_quorums(self._quorums.forget_all_but(config.virtual_servers))
        self._tell_changes(self._read_others())
        self._judge(config.virtual_servers)
        self._on_addresses()
        self._schedule.replace(self._servers.checks())
        self._want()

    async def _settle(self) -> None:
        """Addresses arrive (vrrp is started after this) where their services already stand."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._reconciler.settled()
        except TimeoutError:
            log.warning("the dataplane is not programmed yet: %s", self._reconciler.state)

    def _adopt(self, table: api.Table) -> None:
        """The first look at a dataplane: what it does is the last known health."""
        self._first_table.set()
        known = last_known(self._config, table)
        if not known:
            return
        failed = self._servers.adopt(known)
        log.info("Adopted the health of %d servers from the dataplane, %d of them down", len(known), failed)
        if self._named:  # it came after the start had gone on without it
            self._judge(self._config.virtual_servers)
            self._want()

    # --- what files, sessions and addresses tell

    def _read_others(self) -> tuple[Change, ...]:
        changes: list[Change] = []
        for check in self._servers.checks():
            if isinstance(check, FileCheck):
                changes += file.tell(self._servers, check, self._watching.value(check.path))
        for name, up in self._bfd.up.items():
            changes += bfd.tell(self._servers, name, up)
        return tuple(changes)

    def _on_bfd(self, name: str, up: bool) -> None:
        log.info("BFD session %s is %s", name, "up" if up else "down")
        self._on_changes(bfd.tell(self._servers, name, up))

    def _on_value(self, path: str, value: int) -> None:
        for check in list(self._servers.checks()):
            if isinstance(check, FileCheck) and check.path == path:
                self._on_changes(file.tell(self._servers, check, value))

    def _on_addresses(self) -> None:
        """Checks of services whose address is elsewhere stand still, each in its state."""
        names = self._watching.suspended(self._config.virtual_servers)
        if names != self._suspended:
            for service in sorted(names ^ self._suspended):
                what = "Suspending" if service in names else "Activating"
                log.info("%s healthcheckers for VS %s", what, service)
            self._suspended = names
        self._schedule.suspend(self._servers.suspended(names) if names else frozenset())

    # --- what checks tell

    def _on_events(self, events: tuple[Event, ...]) -> None:
        for event in events:
            match event:
                case Log(text):
                    log.info("%s", text)
                case Up(check):
                    self._on_changes(self._servers.passed(check))
                case Down(check, reason):
                    self._on_changes(self._servers.failed(check, reason))
                case StillDown(check, reason):
                    self._servers.still_failing(check, reason)
                case Weighed(check, weight):
                    self._on_changes(self._servers.weighed(check, weight))

    def _on_changes(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            self._tell_changes((change,))
            if change.moved or change.weighed:
                self._judge((self._named[change.key.service],))
                self._soon(change.key.service)

    def _soon(self, service: str) -> None:
        """All that this turn of the loop tells is one change."""
        if not self._touched:
            asyncio.get_running_loop().call_soon(self._follow)
        self._touched.add(service)

    def _follow(self) -> None:
        """Nothing is left to do where a reload was faster."""
        touched, self._touched = self._touched, set()
        if touched:
            self._reconciler.want(self._desired.follow(touched, self._health()))

    def _judge(self, services: Iterable[VirtualServer]) -> None:
        self._tell_quorums(self._quorums.judge(services, self._health()))

    def _want(self) -> None:
        self._touched.clear()
        self._desired = Desired(self._config, self._health())
        self._reconciler.want(self._desired.table)

    def _health(self) -> Health:
        """Views, not copies: of this moment."""
        return Health(self._servers.down, self._quorums.lost, self._servers.weights)

    # --- who is told

    def _tell_changes(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.text:
                log.info("%s", change.text)
            service, real = self._named[change.key.service], self._reals[change.key]
            self._telling.tell(notices.of_server(service, real, change, self._router_id))

    def _tell_quorums(self, changes: Iterable[QuorumChange]) -> None:
        for change in changes:
            for text in sentences(change):
                log.info("%s", text)
            self._telling.tell(notices.of_quorum(change, self._router_id))

    def _tell_the_end(self) -> None:
        """``omega``: what is alive now is told to be down."""
        ends = {change.service.name: change for change in self._quorums.end()}
        for service in self._config.virtual_servers:
            if not service.omega:
                continue
            for real in service.real_servers:
                if ServerKey(service.name, real.address, real.port) not in self._servers.down:
                    self._telling.tell(notices.of_the_end(service, real, self._router_id))
            if end := ends.get(service.name):
                self._telling.tell(notices.of_quorum(end, self._router_id))

    @property
    def _router_id(self) -> str:
        return self._config.global_defs.router_id

    # --- what is told

    def _service_status(self, service: VirtualServer, health: Health) -> ServiceStatus:
        sorry = service.sorry_server
        weights = {(real.address, real.port): real.weight for real in reals_of(service, health)}
        return ServiceStatus(
            name=service.name,
            addresses=tuple(map(str, service.addresses)),
            lb_algo=service.lb_algo,
            quorum_up=service.name not in health.quorum_lost,
            real_servers=tuple(
                self._real_status(service, real, health, weights.get((real.address, real.port), 0))
                for real in service.real_servers
            ),
            sorry_server=endpoint(sorry.address, sorry.port) if sorry else "",
            sorry=sorry is not None and service.name in health.quorum_lost,
        )

    def _real_status(
        self, service: VirtualServer, real: RealServer, health: Health, weight: int
    ) -> RealStatus:
        key = ServerKey(service.name, real.address, real.port)
        return RealStatus(
            address=real.address,
            port=real.port,
            weight=real.weight,
            effective_weight=weight,
            healthy=key not in health.failed,
            reason=self._servers.reason(key),
        )
