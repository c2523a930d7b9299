# SPDX-License-Identifier: Apache-2.0
"""The parent process: it reads the configuration, runs the children that it needs, and stops all in order.

It carries nothing itself: when it dies, vrrp, check and dp go on, and the next supervisor adopts them. Order of the
start: dataplane, checks, VRRP, so that an address arrives where its services already stand. Order of the stop: VRRP
(priority 0, addresses away), checks, dataplane, guard.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec
import sdnotify

from lbd.daemon import codes, own_scripts, parse, paths
from lbd.daemon.dumps import Dumps
from lbd.daemon.keep_dp import DpKeeper, Holder, require_fastpath
from lbd.daemon.keep_role import RoleKeeper
from lbd.daemon.keeper import Keeper
from lbd.daemon.options import Options
from lbd.daemon.process import hear_no_more, python, reap_orphans, set_name
from lbd.model import Config, Telling
from lbd.model.status import CheckRoleStatus, VrrpRoleStatus

log = logging.getLogger("lbd.supervisor")

ORDER = ("dp", "check", "vrrp")
"""Of the start; the stop goes the other way."""


def needed(config: Config, options: Options) -> tuple[str, ...]:
    """Which children a configuration needs, in the order of their start."""
    services = options.check and (bool(config.virtual_servers) or options.all_children)
    vrrp = options.vrrp and (bool(config.vrrp_instances) or options.all_children)
    vrrp = vrrp or bool(config.bfd_instances)  # sessions live there, whoever follows them
    wanted = {"dp": services, "check": services, "vrrp": vrrp}
    return tuple(role for role in ORDER if wanted[role])


def shown(config: Config) -> str:
    """The configuration as JSON, without its passwords."""
    hidden = tuple(
        msgspec.structs.replace(one, auth_pass=b"", auth_hmac=None) for one in config.vrrp_instances
    )
    return msgspec.json.encode(msgspec.structs.replace(config, vrrp_instances=hidden)).decode()


Commands = dict[str, list[str]]

COMMANDS: Commands = {
    "parse": python("lbd.daemon.parse"),
    "dp": python("lbd.daemon.dp"),
    "check": python("lbd.daemon.child", "check"),
    "vrrp": python("lbd.daemon.child", "vrrp"),
    "vrrp standby": python("lbd.daemon.child", "vrrp", "--standby"),
}
"""What each child process is started with, before its options; tests put others in their place."""


class Supervisor:
    """``run()`` returns the exit code. on_ready is called once, when everything that is needed runs."""

    def __init__(
        self,
        options: Options,
        *,
        make_guard: Callable[[], Holder] | None = None,
        commands: Commands = COMMANDS,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.options = options
        self._make_guard, self._commands, self._on_ready = make_guard, commands, on_ready
        self.keepers: dict[str, Keeper] = {}
        self._end = asyncio.Event()
        self._code = codes.OK
        self._faults: tuple[str, ...] = ()
        """Of the configuration that runs."""
        self._turn = asyncio.Lock()
        self._queued: asyncio.Task[None] | None = None
        self._telling = Telling()
        self._dumps = Dumps(self._vrrp_status, self._check_status)
        self._dumping: set[asyncio.Task[None]] = set()
        self._dump_turn = asyncio.Lock()
        self._notifier = sdnotify.SystemdNotifier()

    async def run(self) -> int:
        self._listen()
        start = asyncio.create_task(self._start())
        ended = asyncio.create_task(self._end.wait())
        await asyncio.wait([start, ended], return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            try:
                start.result()
            except (codes.StartError, OSError) as error:
                log.error("%s", error)
                self._finish(getattr(error, "code", codes.FATAL))
            else:
                self._notifier.notify(f"READY=1\nMAINPID={os.getpid()}")
                self._on_ready()
        else:
            start.cancel()
            await asyncio.wait([start])
        await ended
        await self._stop()
        hear_no_more()
        return self._code

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._finish, codes.OK)
        if self.options.ignore_sigint:
            loop.add_signal_handler(signal.SIGINT, log.info, "SIGINT is ignored (--ignore-sigint)")
        else:
            loop.add_signal_handler(signal.SIGINT, self._finish, codes.OK)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        dumps: dict[int, Callable[[], Coroutine[Any, Any, None]]] = {
            signal.SIGUSR1: self._dumps.data,
            signal.SIGUSR2: self._dumps.stats,
            signal.SIGRTMIN + 2: self._dumps.json,
            signal.SIGRTMAX - 1: partial(self._dumps.stats, True),
        }
        for number, dump in dumps.items():
            loop.add_signal_handler(number, self._dump, dump)
        if os.getpid() == 1:
            loop.add_signal_handler(signal.SIGCHLD, reap_orphans)  # whatever a script leaves behind

    def _dump(self, dump: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """One at a time; the same signal again while one is written is one more."""
        task = asyncio.create_task(self._in_turn(dump))
        self._dumping.add(task)
        task.add_done_callback(self._dumping.discard)

    async def _in_turn(self, dump: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with self._dump_turn:
            await dump()

    async def _vrrp_status(self) -> VrrpRoleStatus | None:
        keeper = self.keepers.get("vrrp")
        answer = await keeper.status() if isinstance(keeper, RoleKeeper) else None
        return answer if isinstance(answer, VrrpRoleStatus) else None

    async def _check_status(self) -> CheckRoleStatus | None:
        keeper = self.keepers.get("check")
        answer = await keeper.status() if isinstance(keeper, RoleKeeper) else None
        return answer if isinstance(answer, CheckRoleStatus) else None

    def _finish(self, code: int) -> None:
        if not self._end.is_set():
            self._code = code
            self._end.set()

    async def _start(self) -> None:
        config = await self._read()
        if config is None:
            raise codes.StartError(
                "the configuration is refused, nothing is started", self._code or codes.CONFIG
            )
        telling = self._telling
        await own_scripts.run("startup", telling.startup_script, telling.startup_script_timeout)
        async with self._turn:
            await self._go_over(config)

    async def _read(self, forced: bool = True) -> Config | None:
        """Parse in a child; its messages go to the log. None: refused, with the exit code set aside."""
        options = self.options
        asked = parse.Asked(
            config_id=options.config_id, strict=options.strict, strict_includes=options.strict_includes
        )
        parsed = await parse.in_child(self._commands["parse"], options.file, asked)
        for line in parsed.lines:
            log.warning("%s", line)
        if parsed.config is None:
            self._code = codes.AT_START.get(parsed.exit_code, parsed.exit_code)
            return None
        if not self._admits(parsed, forced):
            return None
        self._faults = parsed.faults
        self._telling = parsed.config.global_defs.telling
        self._dumps.config = parsed.config
        if parsed.config.global_defs.process_name:
            set_name(parsed.config.global_defs.process_name)
        if parsed.config.global_defs.router_id:
            log.info("This machine is %s (router_id)", parsed.config.global_defs.router_id)
        if self.options.dump:
            log.info("Configuration: %s", shown(parsed.config))
        if not options.bfd:
            return msgspec.structs.replace(parsed.config, bfd_instances=())
        return parsed.config

    def _admits(self, parsed: parse.Parsed, forced: bool) -> bool:
        """Files in the wild have a fault or two and run for years; one that a reload brings is a slip of today."""
        new = list((Counter(parsed.faults) - Counter(self._faults)).elements())
        if not new or forced:
            return True
        log.error(
            "The running configuration does not have %s:", "this fault" if len(new) == 1 else "these faults"
        )
        for fault in new[:10]:
            log.error("  %s", fault)
        if len(new) > 10:
            log.error("  and %d more", len(new) - 10)
        log.error("A restart would run as these messages say; so will: lbctl reload --force")
        return False

    async def _go_over(self, config: Config) -> bool:
        """Start what is missing, reload what runs, stop what is needed no more. False if a child kept the old."""
        wanted = needed(config, self.options)
        if "dp" in wanted:
            require_fastpath()
        if not wanted:
            log.warning("nothing to run: the configuration has no vrrp_instance and no virtual_server")
        taken = True
        for role in wanted:
            keeper = self.keepers.get(role)
            if keeper is None:
                await self._begin(role, config)
            elif isinstance(keeper, RoleKeeper):
                taken = await keeper.reload(config) and taken
        for role in reversed(ORDER):
            if role not in wanted and role in self.keepers:
                await self.keepers.pop(role).stop()
        return taken

    async def _begin(self, role: str, config: Config) -> None:
        """Listed from before its start, so that a stop in the middle of it finds the process."""
        keeper = self.keepers[role] = self._keeper(role, config)
        try:
            await keeper.start()
        except (codes.StartError, OSError):
            del self.keepers[role]
            raise

    def _keeper(self, role: str, config: Config) -> Keeper:
        if role == "dp":
            return DpKeeper(self.options, self._finish, self._make_guard, self._commands[role])
        standby = self._commands.get(f"{role} standby")
        return RoleKeeper(role, self.options, config, self._finish, self._commands[role], standby)

    def _on_hangup(self) -> None:
        """Two requests while one runs are one more run (keepalived queues one, too)."""
        if self._queued is None or self._queued.done():
            self._queued = asyncio.create_task(self._reload())

    async def _reload(self) -> None:
        async with self._turn:
            self._queued = None
            log.info("Reloading ...")
            self._notifier.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            code = self._code
            try:
                config = await self._read(forced=paths.take_force(self.options.paths.run_dir))
                if config is None:
                    log.error("Reload refused: the running configuration stays as it is")
                elif await self._go_over(config):
                    log.info("Reload finished")
            except (codes.StartError, OSError) as error:
                log.error("Reload incomplete: %s", error)
            self._code = code
            self._notifier.notify("READY=1")

    async def _stop(self) -> None:
        if self.keepers:
            log.info("Stopping")
        self._notifier.notify("STOPPING=1")
        if self._queued is not None:
            self._queued.cancel()
        for role in reversed(ORDER):
            keeper = self.keepers.get(role)
            if keeper is None:
                continue
            if role == "dp" and not self.options.release_ipvs:
                keeper.forget()
                continue
            with contextlib.suppress(ProcessLookupError):
                await keeper.stop(self.options.release_vrrp if role == "vrrp" else self.options.release_ipvs)
        telling = self._telling
        await own_scripts.run("shutdown", telling.shutdown_script, telling.shutdown_script_timeout)
