# SPDX-License-Identifier: Apache-2.0
"""The vrrp process: instances, their addresses, and a watch on the dataplane that some of them depend on.

It parses nothing and checks nothing. Garbage collection is frozen after the start and real-time priority is taken
where it is permitted, so that an advert leaves on time whatever the machine is at.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import Iterable, Mapping

from lbd.bfd.session import SessionState
from lbd.daemon.codes import StartError
from lbd.daemon.feed import FEED, Feed
from lbd.daemon.pidfile import PidFile
from lbd.daemon.punctual import be_punctual
from lbd.daemon.vrrp_kernel import KernelFace
from lbd.daemon.vrrp_surroundings import Surroundings
from lbd.kernel.mirror import Mirror
from lbd.model import Config
from lbd.model.status import VrrpRoleStatus
from lbd.vrrp.io.runner import Runner
from lbd.vrrp.snapshot import InstanceState

log = logging.getLogger("lbd.vrrp")

GONE = "the dataplane is gone"
START_PATIENCE = 5.0
"""Seconds that the dataplane may take to start before those who need it yield."""
PATIENCE = 1.0
"""Seconds in which a dataplane that closed its socket may be back."""
RETRY = 0.1


class VrrpRole:
    """A Role (``daemon/role.py``)."""

    def __init__(
        self, *, dp_socket: str | None, adopt: bool = False, beside: str, bfd_pid_file: str | None = None
    ) -> None:
        """beside: a path; the files of this role are there, under that name and more.

        bfd_pid_file: where whoever watches keepalived's BFD process looks for its number.
        """
        self._dp_socket, self._adopt = dp_socket, adopt
        self._mirror = Mirror(self._network_changed, what=frozenset({"links", "addresses"}))
        settings = beside + ".settings"
        self._kernel = KernelFace(self._mirror, settings, self._lost, self._network_changed)
        self._surroundings = Surroundings(self._kernel, beside, self._session_changed)
        self._runner = Runner(self._kernel, listener=self._surroundings.teller, on_state=self._changed)
        self._surroundings.attach(self._runner)
        self._feed = Feed(beside + FEED, self._runner.states, self._surroundings.sessions)
        self._bfd_pid_file = bfd_pid_file
        self._bfd_pid: PidFile | None = None
        self._started = False
        self._dependent: frozenset[str] = frozenset()
        self._watch: asyncio.Task[None] | None = None
        self._gone = False

    async def prepare(self, config: Config) -> None:
        """All that can be done before there is anything to do."""
        await self._mirror.start()
        self._take(config)
        be_punctual(config.global_defs)

    async def start(self, config: Config) -> None:
        await self.prepare(config)
        await self._kernel.configure(config)
        await self._surroundings.configure(config)
        self._runner.start(config, adopt=self._adopt)
        self._name_bfd(config)
        await self._begun()

    async def take_over(
        self, config: Config, states: Iterable[InstanceState], sessions: Mapping[str, SessionState]
    ) -> None:
        """In the place of a process that died, prepared before. Adverts first, then all the rest."""
        self._take(config)
        self._surroundings.expect(config)
        self._runner.start(config, states=states, hold=config.global_defs.vrrp_on_death == "hold")
        await self._surroundings.configure(config, sessions)
        await self._kernel.configure(config)
        await self._begun()
        self._name_bfd(config)
        self._surroundings.look()

    async def _begun(self) -> None:
        self._started = True
        self._watch_dataplane()
        await self._feed.start()
        gc.collect()
        gc.freeze()

    def _changed(self, state: InstanceState) -> None:
        self._feed.tell(state)

    def _session_changed(self, session: SessionState) -> None:
        self._feed.tell_session(session)

    async def reload(self, config: Config) -> None:
        before = self._dependent
        self._take(config)
        await self._kernel.configure(config)
        await self._surroundings.configure(config)
        self._runner.configure(config)
        self._surroundings.configured()
        self._name_bfd(config)
        self._runner.recover(before - self._dependent, GONE)
        if self._gone:  # who depends on the dataplane from now on has none either
            self._runner.fault(self._dependent, GONE)
        self._watch_dataplane()
        self._feed.tell_all()

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self._started = False
        await self._feed.close()
        await self._surroundings.end_tracking()
        await self._runner.stop()
        await self._surroundings.end()
        await self._kernel.close()
        await self._mirror.close()
        self._name_bfd(Config())

    def _name_bfd(self, config: Config) -> None:
        """``bfd.pid`` is there while there are sessions. That it cannot be written ends none of them."""
        if self._bfd_pid is not None and not config.bfd_instances:
            self._bfd_pid.remove()
            self._bfd_pid = None
        elif self._bfd_pid is None and self._bfd_pid_file and config.bfd_instances:
            try:
                self._bfd_pid = PidFile(self._bfd_pid_file)
            except StartError as error:
                log.error("%s", error)

    async def leave(self) -> None:
        """Its end where addresses are to stay: they need no lease then."""
        await self._kernel.leave()

    def status(self) -> VrrpRoleStatus:
        told = VrrpRoleStatus(
            pid=os.getpid(), instances=self._runner.status(), groups=self._runner.group_states()
        )
        return self._surroundings.told(told)

    def _take(self, config: Config) -> None:
        """Which instances carry addresses of virtual servers: without a dataplane those lead nowhere."""
        balanced = {a.address for vs in config.virtual_servers for a in vs.addresses}
        self._kernel.know(config)
        self._dependent = frozenset(
            i.name for i in config.vrrp_instances if any(v.address in balanced for v in i.virtual_addresses)
        )

    def _lost(self, name: str, what: str) -> None:
        self._runner.lost([name], what)

    def _network_changed(self) -> None:
        if not self._started:
            return
        self._kernel.maintain()
        self._runner.network_changed()
        self._surroundings.network_changed()

    # --- the dataplane

    def _watch_dataplane(self) -> None:
        if self._dp_socket is not None and self._dependent and self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._follow_dataplane(self._dp_socket))

    async def _follow_dataplane(self, path: str) -> None:
        """A connection that is held and never written to: its end is the end of the dp process."""
        patience = START_PATIENCE
        while True:
            reader = await self._reach(path, patience)
            if reader is None:
                self._gone = True
                self._runner.fault(self._dependent, GONE)
                reader = await self._reach(path, None)
            assert reader is not None
            self._gone = False
            self._runner.recover(self._dependent, GONE)
            try:
                with contextlib.suppress(OSError):
                    await reader.read()
            finally:
                self._held.close()
            log.warning("The dataplane closed its socket")
            patience = PATIENCE

    async def _reach(self, path: str, patience: float | None) -> asyncio.StreamReader | None:
        """None if it cannot be reached for that long; without patience it is tried for ever."""
        loop = asyncio.get_running_loop()
        until = None if patience is None else loop.time() + patience
        while until is None or loop.time() < until:
            with contextlib.suppress(OSError):
                reader, self._held = await asyncio.open_unix_connection(path)
                return reader
            await asyncio.sleep(RETRY)
        return None
