# SPDX-License-Identifier: Apache-2.0
"""The keeper of a vrrp or check process: it is configured, reloaded and stopped by message."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable

import msgspec

from lbd.daemon import codes, logs, messages
from lbd.daemon.channel import Channel
from lbd.daemon.keep_standby import StandbyKeeper
from lbd.daemon.keeper import Keeper
from lbd.daemon.options import Options
from lbd.daemon.process import Process, spawn
from lbd.model import Config

log = logging.getLogger("lbd.supervisor")

START_TIME = 30.0
ADOPT_TIME = 2.0
RELOAD_TIME = 60.0


def part(role: str, config: Config, options: Options) -> Config:
    """What a role is given. VRRP gets no real servers: reading 100,000 of them would hold up its adverts."""
    if role != "vrrp":
        return config
    if not options.vrrp:  # -C: it is there for its BFD sessions alone
        return Config(global_defs=config.global_defs, bfd_instances=config.bfd_instances)
    servers = tuple(msgspec.structs.replace(one, real_servers=()) for one in config.virtual_servers)
    return msgspec.structs.replace(config, virtual_servers=servers)


class RoleKeeper(Keeper):
    def __init__(
        self,
        role: str,
        options: Options,
        config: Config,
        on_permanent: Callable[[int], None],
        command: list[str],
        standby: list[str] | None = None,
    ) -> None:
        """standby: the command of a process that stands by for this one; None for none."""
        super().__init__(options.respawn, on_permanent)
        self.title = {"vrrp": "VRRP", "check": "Healthcheck"}[role]
        self._role, self._options, self._command = role, options, command
        self._config = part(role, config, options)
        self._channel: Channel | None = None
        self._end: socket.socket | None = None
        self._standby_command = standby
        self._standby: StandbyKeeper | None = None

    async def adopt(self) -> Process | None:
        channel = await Channel.to(self._options.paths.socket(self._role))
        if channel is None:
            return None
        with contextlib.suppress(TimeoutError, ProcessLookupError):
            answer = await asyncio.wait_for(channel.ask(messages.Adopt()), ADOPT_TIME)
            if isinstance(answer, messages.Adopted) and answer.config is not None:
                self._channel = channel
                process = Process(answer.pid)
                if answer.config != self._config:
                    await self._say(messages.Reload(self._config), RELOAD_TIME)
                return process
        channel.close()
        raise codes.StartError(
            f"a {self.title} process of an earlier lbd is there but does not answer; end it: "
            f"kill -9 $(cat {self._pid_file})"
        )

    @property
    def _pid_file(self) -> str:
        paths = self._options.paths
        return paths.vrrp_pid if self._role == "vrrp" else paths.checkers_pid

    async def start(self) -> None:
        await super().start()
        self._stand_by()

    def _stand_by(self) -> None:
        if self._standby_command and self._options.respawn:
            path = self._options.paths.socket(self._role)
            self._standby = StandbyKeeper(self._spawn_standby, path, lambda: self._config)
            self._standby.start()

    def spawn(self, again: bool) -> Process:
        self._drop_channel()
        self._end, theirs = socket.socketpair()
        with theirs:
            adopt = ["--adopt"] if again or self._left_behind() else []
            return self._spawn(self._command + adopt, theirs)

    def _spawn_standby(self, channel: socket.socket) -> Process:
        return self._spawn(self._standby_command or [], channel)

    def _spawn(self, command: list[str], channel: socket.socket) -> Process:
        paths = self._options.paths
        arguments = ["--socket", paths.socket(self._role), "--channel", str(channel.fileno())]
        arguments += ["--pid-file", self._pid_file, "--dp-socket", paths.socket("dp")]
        arguments += ["--bfd-pid-file", paths.bfd_pid]
        return spawn(
            command + arguments,
            keep=[channel.fileno()],
            environment=logs.to_environment(self._options.log),
        )

    async def succeed(self) -> bool:
        successor = await self._standby.succeed() if self._standby is not None else None
        if successor is None:
            return False
        self._drop_channel()
        self.process, self._channel = successor
        log.warning("Standby took over as %s child process, pid=%d", self.title, self.process.pid)
        self._stand_by()
        return True

    async def stop(self, release: bool = True) -> None:
        """An orderly stop says farewell to the standby, so the link hears of it first; without release nobody does."""
        if self._standby is not None and not release:
            await self._standby.stop()
        await super().stop(release)
        if self._standby is not None and release:
            await self._standby.stop()

    def forget(self) -> None:
        super().forget()
        if self._standby is not None:
            self._standby.cancel()

    def _left_behind(self) -> bool:
        """True where a predecessor did not end in order: its socket is still there (an orderly end removes it)."""
        return os.path.exists(self._options.paths.socket(self._role))

    async def begin(self, process: Process) -> None:
        if self._end is None:
            raise RuntimeError("begin without spawn")
        self._channel = await Channel.over(self._end)
        answer = await self._say(messages.Configure(self._config), START_TIME)
        if isinstance(answer, messages.Ready):
            return
        if isinstance(answer, messages.Failed):
            raise codes.StartError(answer.reason, answer.code or codes.FATAL)
        if not await process.wait(1.0):
            raise codes.StartError(f"the {self.title} process did not start within {START_TIME:g} s")
        code = process.ended.result() or 0
        raise codes.StartError(f"the {self.title} process ended while starting", max(code, codes.FATAL))

    async def reload(self, config: Config) -> bool:
        """Hand over another configuration; False if the child keeps its old one, or died of it."""
        kept, self._config = (
            self._config,
            part(self._role, config, self._options),
        )  # what a restarted child is given, too
        answer = await self._say(messages.Reload(self._config), RELOAD_TIME)
        if isinstance(answer, messages.Failed):
            self._config = kept
        if self._standby is not None:
            await self._standby.reload()
        if isinstance(answer, messages.Ready):
            return True
        reason = answer.reason if isinstance(answer, messages.Failed) else "it does not answer"
        log.error("%s child process did not take the new configuration: %s", self.title, reason)
        return False

    async def ask_to_stop(self, release: bool) -> None:
        await self._say(messages.Stop(release=release), START_TIME)

    async def status(self) -> messages.Answer | None:
        return await self._say(messages.GetStatus(), ADOPT_TIME)

    async def _say(self, message: messages.Command, seconds: float) -> messages.Answer | None:
        """The answer, or None if none came: the process is gone, or took too long."""
        if self._channel is None:
            return None
        try:
            return await asyncio.wait_for(self._channel.ask(message), seconds)
        except TimeoutError:
            return None

    def _drop_channel(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
