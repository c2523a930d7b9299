# SPDX-License-Identifier: Apache-2.0
"""What surrounds the instances of the vrrp process: what they track, and whom they tell. One launcher serves both."""

from __future__ import annotations

from lbd.bfd.sessions import Sessions
from lbd.daemon import launch
from lbd.daemon.vrrp_kernel import KernelFace
from lbd.daemon.vrrp_notify import Teller
from lbd.daemon.vrrp_tracking import Trackers
from lbd.model import Config
from lbd.vrrp.action import Notify
from lbd.vrrp.io.opinions import Opinions
from lbd.vrrp.io.runner import Runner


class Surroundings:
    def __init__(self, kernel: KernelFace) -> None:
        self._kernel = kernel
        self._scripts = launch.scripts()
        self.teller = Teller(self._scripts)
        self._trackers = Trackers(self._scripts, lambda: self._opinions.see(self._trackers.seen()))
        self._bfd = Sessions(self._trackers.bfd_is)

    def attach(self, runner: Runner) -> None:
        self._runner = runner
        self._opinions = Opinions(runner, self._link_up)

    def configure(self, config: Config) -> None:
        """Before the runner goes over to it."""
        self.teller.configure(config)
        self._trackers.configure(config)
        self._bfd.configure(one for one in config.bfd_instances if one.vrrp)
        self._opinions.configure(config, self._trackers.seen())

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

    def network_changed(self) -> None:
        self._opinions.see()

    async def end_tracking(self) -> None:
        """Before the runner stops."""
        self._bfd.close()
        await self._trackers.stop()

    async def end(self) -> None:
        """After the runner has stopped, and has told of it."""
        await self.teller.stop()
        await self._scripts.close()

    def _link_up(self, name: str) -> bool:
        link = self._kernel.link(name)
        return link is not None and link.up
