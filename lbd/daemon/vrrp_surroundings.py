# SPDX-License-Identifier: Apache-2.0
"""What surrounds the instances of the vrrp process: what they track, and whom they tell. One launcher serves both."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lbd.bfd.session import SessionState
from lbd.bfd.sessions import Sessions
from lbd.daemon import launch
from lbd.daemon.bfd_feed import BFD, BfdFeed
from lbd.daemon.vrrp_kernel import KernelFace
from lbd.daemon.vrrp_notify import Teller
from lbd.daemon.vrrp_tracking import Trackers
from lbd.model import Config
from lbd.model.status import VrrpRoleStatus
from lbd.vrrp.action import Notify
from lbd.vrrp.io.opinions import Opinions
from lbd.vrrp.io.runner import Runner


class Surroundings:
    def __init__(self, kernel: KernelFace, beside: str, on_session: Callable[[SessionState], None]) -> None:
        """beside: the path of the role's files. on_session: told of whatever a standby must know of BFD."""
        self._kernel = kernel
        self._scripts = launch.scripts()
        self.teller = Teller(self._scripts)
        self._trackers = Trackers(self._scripts, lambda: self._opinions.see(self._trackers.seen()))
        self._bfd = Sessions(self._bfd_is, on_session)
        self._bfd_feed = BfdFeed(beside + BFD)

    def attach(self, runner: Runner) -> None:
        self._runner = runner
        self._opinions = Opinions(runner, self._link_up)

    async def configure(self, config: Config, sessions: Mapping[str, SessionState] | None = None) -> None:
        """Before the runner goes over to it. sessions: of a process that died, to go on with."""
        await self._bfd_feed.configure(any(one.checker for one in config.bfd_instances))
        self.teller.configure(config)
        self._trackers.configure(config)
        self._bfd.configure(config.bfd_instances, sessions)
        self._opinions.configure(config, self._trackers.seen())

    def sessions(self) -> tuple[SessionState, ...]:
        return self._bfd.states()

    def _bfd_is(self, name: str, up: bool) -> None:
        conf = self._bfd.sessions[name].conf
        if conf.vrrp:
            self._trackers.bfd_is(name, up)
        if conf.checker:
            self._bfd_feed.tell(name, up)

    def expect(self, config: Config) -> None:
        """In the place of a process that died: what it knew of trackers counts until they have been looked at."""
        self._opinions.configure(config, self._trackers.seen())

    def look(self) -> None:
        self._opinions.see(self._trackers.seen())

    def configured(self) -> None:
        """After the runner has gone over to it by a reload."""
        self._opinions.see()
        if self.teller.states_on_reload:
            for one in self._runner.status():
                self.teller.repeat(Notify("INSTANCE", one.name, one.state, one.effective_priority))
            for name, state in self._runner.group_states().items():
                self.teller.repeat(Notify("GROUP", name, state, 0))

    def told(self, status: VrrpRoleStatus) -> VrrpRoleStatus:
        """The same with what is known of the trackers."""
        return self._trackers.told(status)

    def network_changed(self) -> None:
        self._opinions.see()

    async def end_tracking(self) -> None:
        """Before the runner stops."""
        self._bfd.close()
        await self._bfd_feed.close()
        await self._trackers.stop()

    async def end(self) -> None:
        """After the runner has stopped, and has told of it."""
        await self.teller.stop()
        await self._scripts.close()

    def _link_up(self, name: str) -> bool:
        link = self._kernel.link(name)
        return link is not None and link.up
