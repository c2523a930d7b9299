# SPDX-License-Identifier: Apache-2.0
"""All that instances track, kept up to date: machines of ``lbd.track``, one timer, scripts run by the launcher.

``on_seen(seen)`` is called when something changed, once for all that changed in one turn of the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

import msgspec

from lbd.model import Config, TrackProcess, VrrpScript
from lbd.model.status import ProcessStatus, ScriptStatus, VrrpRoleStatus
from lbd.notify import Ended, Scripts
from lbd.track.event import Changed, Event, RunScript, Said
from lbd.track.io import files
from lbd.track.io.processes import Processes, every, look
from lbd.track.process import ProcessTracker, matches, needs_command_line
from lbd.track.script import ScriptTracker
from lbd.vrrp.tracking import Seen

log = logging.getLogger("lbd.vrrp")


class Trackers:
    def __init__(self, scripts: Scripts, on_seen: Callable[[], None]) -> None:
        self._scripts, self._on_seen = scripts, on_seen
        self.scripts: dict[str, ScriptTracker] = {}
        self.processes: dict[str, ProcessTracker] = {}
        self._paths: dict[str, str] = {}
        self._files = files.Files(lambda *_: self._changed())
        self._events = Processes(self._all_processes, self._process, self._forked, self._exited)
        self._runs: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._stale: asyncio.Handle | None = None
        self.bfds: dict[str, bool] = {}

    def seen(self) -> Seen:
        return Seen(
            scripts={name: one.up for name, one in self.scripts.items() if one.up is not None},
            files={name: self._files.values.get(path, 0) for name, path in self._paths.items()},
            processes={name: one.up for name, one in self.processes.items()},
            bfds=self.bfds,
        )

    def told(self, status: VrrpRoleStatus) -> VrrpRoleStatus:
        return msgspec.structs.replace(
            status,
            scripts={
                name: ScriptStatus(up=one.up, result=one.result, running=one.running)
                for name, one in self.scripts.items()
            },
            files={name: self._files.values.get(path, 0) for name, path in self._paths.items()},
            processes={
                name: ProcessStatus(up=one.up, count=len(one.pids)) for name, one in self.processes.items()
            },
            bfds=dict(self.bfds),
        )

    def bfd_is(self, name: str, up: bool) -> None:
        self.bfds[name] = up
        self._changed()

    def configure(self, config: Config) -> None:
        """Equal trackers go on with what they know; a script that was changed keeps its result, as in keepalived."""
        self._configure_scripts(config.vrrp_scripts)
        self._configure_files(config)
        self._configure_processes(config.track_processes)
        self._tick()

    async def stop(self) -> None:
        for handle in (self._timer, self._stale):
            if handle is not None:
                handle.cancel()
        self._files.close()
        self._events.close()
        for task in list(self._runs):
            task.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)

    # --- scripts

    def _configure_scripts(self, confs: Iterable[VrrpScript]) -> None:
        now = self._now()
        before, self.scripts = self.scripts, {}
        for conf in confs:
            tracker = before.get(conf.name)
            if tracker is not None and tracker.conf.script == conf.script:
                tracker.reconfigure(conf)
            else:
                tracker = ScriptTracker(conf, now)
            self.scripts[conf.name] = tracker

    async def _run(self, tracker: ScriptTracker, conf: VrrpScript) -> None:
        outcome = await self._scripts.run(conf.script, timeout=conf.timeout)
        status = outcome.code if outcome.ended is Ended.EXITED else None
        self._carry_out(tracker, tracker.receive(status, str(outcome)))

    # --- files

    def _configure_files(self, config: Config) -> None:
        fresh = [conf for conf in config.track_files if conf.name not in self._paths]
        for conf in fresh:
            try:
                files.make(conf)
            except OSError as error:
                log.error("track_file %s: %s: %s", conf.name, conf.file, error.strerror)
        self._paths = {conf.name: conf.file for conf in config.track_files}
        try:
            self._files.watch(self._paths.values())
        except OSError as error:
            log.error("track_file: %s", error)

    # --- processes

    def _configure_processes(self, confs: Iterable[TrackProcess]) -> None:
        before = self.processes
        self.processes = {
            conf.name: before[conf.name]
            if conf.name in before and before[conf.name].conf == conf
            else ProcessTracker(conf)
            for conf in confs
        }
        if not self.processes:
            self._events.close()
            return
        self._events.start()  # first, so that nobody comes unseen between the two
        self._all_processes()

    def _command_lines(self) -> bool:
        return any(needs_command_line(one.conf) for one in self.processes.values())

    def _all_processes(self) -> None:
        there = every(self._command_lines())
        for tracker in self.processes.values():
            found = {pid for pid, (comm, argv) in there.items() if matches(tracker.conf, comm, argv)}
            if found != tracker.pids:
                self._carry_out(tracker, tracker.begin(found))

    def _process(self, pid: int) -> None:
        found = look(pid, self._command_lines())
        for tracker in self.processes.values():
            if found is not None and matches(tracker.conf, *found):
                self._carry_out(tracker, tracker.came(pid, self._now(), forked=False))
            else:
                self._carry_out(tracker, tracker.went(pid, self._now()))

    def _forked(self, parent: int, pid: int) -> None:
        for tracker in self.processes.values():
            if parent in tracker.pids:
                self._carry_out(tracker, tracker.came(pid, self._now(), forked=True))

    def _exited(self, pid: int) -> None:
        for tracker in self.processes.values():
            self._carry_out(tracker, tracker.went(pid, self._now()))

    # --- events and time

    def _carry_out(self, tracker: ScriptTracker | ProcessTracker, events: list[Event]) -> None:
        for event in events:
            match event:
                case Said(text):
                    log.info("%s", text)
                case Changed():
                    self._changed()
                case RunScript(conf) if isinstance(tracker, ScriptTracker):
                    task = asyncio.get_running_loop().create_task(self._run(tracker, conf))
                    self._runs.add(task)
                    task.add_done_callback(self._runs.discard)
        if isinstance(tracker, ProcessTracker) and tracker.next_deadline() is not None:
            self._arm()

    def _changed(self) -> None:
        if self._stale is None:
            self._stale = asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._stale = None
        self._on_seen()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _all(self) -> list[ScriptTracker | ProcessTracker]:
        return [*self.scripts.values(), *self.processes.values()]

    def _tick(self) -> None:
        now = self._now()
        for tracker in self._all():
            deadline = tracker.next_deadline()
            if deadline is not None and deadline <= now:
                self._carry_out(tracker, tracker.tick(now))
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadlines = (one.next_deadline() for one in self._all())
        first = min((one for one in deadlines if one is not None), default=None)
        if first is not None:
            self._timer = asyncio.get_running_loop().call_at(first, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._tick()
