# SPDX-License-Identifier: Apache-2.0
"""The process of a Role: its event loop, its signals, the socketpair to the supervisor and its own Unix socket.

It goes on when the supervisor is gone; a new one finds it by its socket. The role itself (vrrp, check) is started,
reloaded and stopped by message and knows none of this.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from lbd import wire
from lbd.daemon import codes, logs, messages
from lbd.daemon.channel import listening
from lbd.daemon.pidfile import PidFile
from lbd.daemon.process import hear_no_more, set_name
from lbd.daemon.role import Leaver, Role, Successor
from lbd.model import Config

log = logging.getLogger("lbd.child")

STANDBY = ".standby"
"""Behind the names of the socket and the PID file of a standby, until it takes over."""


class Child:
    """Serves one Role until it is told to stop; ``run()`` returns the exit code."""

    def __init__(
        self, role: Role, socket_path: str, on_config: Callable[[Config], None] = lambda config: None
    ) -> None:
        """on_config: told of each configuration that it goes over to."""
        self.role, self.socket_path, self._on_config = role, socket_path, on_config
        self._config: Config | None = None
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._turn = asyncio.Lock()
        self._talks: set[asyncio.Task[object]] = set()

    async def run(self, supervisor: socket.socket | None) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            loop.add_signal_handler(number, log.info, "%s is for the parent process", number.name)
        server = await asyncio.start_unix_server(self._talk, sock=listening(self.socket_path))
        if supervisor is not None:
            reader, writer = await asyncio.open_unix_connection(sock=supervisor)
            self._hold(self._talk(reader, writer, parent=True))
        code = await self._code
        hear_no_more()
        await asyncio.sleep(0)  # let the answer to Stop leave
        server.close()
        with contextlib.suppress(OSError):
            os.unlink(self.socket_path)
        return code

    def rename(self, path: str) -> None:
        """The socket from now on: a name that another process left behind is ours."""
        os.replace(self.socket_path, path)
        self.socket_path = path

    def _hold(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(work)
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)

    def _on_signal(self) -> None:
        self._hold(self._stop(messages.Stop()))

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parent: bool = False
    ) -> None:
        """One conversation, to its end. Whoever configures or adopts is the supervisor."""
        try:
            while (command := await wire.receive(reader, messages.decode_command)) is not None:
                parent = parent or isinstance(command, messages.Adopt)
                writer.write(wire.pack(await self._obey(command)))
                await writer.drain()
                if isinstance(command, messages.Stop):
                    break
        except (wire.WireError, ConnectionError) as error:
            log.warning("a conversation was broken off: %s", error)
        finally:
            writer.close()
        if parent and not self._code.done():
            self._on_orphaned()

    def _on_orphaned(self) -> None:
        if self._config is None:
            self._end(codes.OK)  # never given work
        else:
            log.warning("The parent process is gone; going on without it")

    async def _obey(self, command: messages.Command) -> messages.Answer:
        match command:
            case messages.GetStatus():
                return self.role.status() if self._config else messages.Failed("not configured yet")
            case messages.Adopt():
                return messages.Adopted(os.getpid(), self._config)
            case messages.Stop():
                return await self._stop(command)
            case messages.Configure():
                return await self._start(command.config)
            case messages.Reload():
                return await self._reload(command.config)
            case messages.TakeOver():
                taken = isinstance(self.role, Successor) and await self.role.succeed()
                return messages.Ready() if taken else messages.Failed("there was nothing to take over")

    async def _start(self, config: Config) -> messages.Answer:
        async with self._turn:
            try:
                await self.role.start(config)
            except (codes.StartError, OSError) as error:
                return self._cannot(error)
            except Exception:
                log.exception("start failed")
                self._end(codes.SOFTWARE)
                return messages.Failed("it failed by an error of its own, see the log", codes.SOFTWARE)
            self._on_config(config)
            self._config = config
            return messages.Ready()

    def _cannot(self, error: Exception) -> messages.Failed:
        code = getattr(error, "code", codes.FATAL)
        self._end(code)
        return messages.Failed(str(error), code)

    async def _reload(self, config: Config) -> messages.Answer:
        async with self._turn:
            try:
                await self.role.reload(config)
            except Exception as error:
                log.exception("reload failed")
                return messages.Failed(str(error) or type(error).__name__)
            self._on_config(config)
            self._config = config
            return messages.Ready()

    async def _stop(self, command: messages.Stop) -> messages.Answer:
        async with self._turn:
            if self._code.done():
                return messages.Ready()
            try:
                if command.release and self._config is not None:
                    await self.role.stop()
                elif isinstance(self.role, Leaver):
                    await self.role.leave()
            except Exception as error:
                log.exception("stop failed")
                self._end(codes.SOFTWARE)
                return messages.Failed(str(error) or type(error).__name__, codes.SOFTWARE)
            self._end(codes.OK)
            return messages.Ready()

    def _end(self, code: int) -> None:
        if not self._code.done():
            self._code.set_result(code)


def run(role: Callable[[], Role], arguments: argparse.Namespace) -> int:
    """The life of the process: PID file, name, event loop."""

    behind = STANDBY if arguments.standby else ""

    async def life(pid_file: PidFile) -> int:
        end = socket.socket(fileno=arguments.channel) if arguments.channel is not None else None
        made = role()
        child = Child(
            made, arguments.socket + behind, lambda config: set_name(name_of(arguments.role, config))
        )

        def take_names() -> None:
            child.rename(arguments.socket)
            pid_file.rename(arguments.pid_file)

        if isinstance(made, Successor):
            made.on_taken = take_names
        return await child.run(end)

    try:
        pid_file = PidFile(arguments.pid_file + behind)
        try:
            return asyncio.run(life(pid_file))
        finally:
            pid_file.remove()
    except codes.StartError as error:
        log.error("%s", error)
        return error.code
    except Exception:
        log.exception("a fault of our own")
        return codes.SOFTWARE


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lbd.daemon.child")
    parser.add_argument("role", choices=["vrrp", "check"])
    parser.add_argument("--socket", required=True, help="the Unix socket to answer on")
    parser.add_argument("--channel", type=int, help="number of the inherited socket to the supervisor")
    parser.add_argument("--pid-file", required=True)
    parser.add_argument("--bfd-pid-file", help="where the number stands, too, if there are BFD sessions")
    parser.add_argument("--dp-socket", required=True, help="where the dp process answers")
    parser.add_argument(
        "--adopt", action="store_true", help="take over what a dead predecessor left in place"
    )
    parser.add_argument(
        "--standby", action="store_true", help="follow the process of that socket, and succeed it"
    )
    return parser.parse_args(argv)


def name_of(role: str, config: Config) -> str:
    """What ps(1) and killall(1) know the process by."""
    defs = config.global_defs
    said = {"vrrp": defs.vrrp_process_name, "check": defs.checker_process_name}[role]
    return said or f"lbd_{role}"


def main(argv: list[str] | None = None) -> int:
    chosen = arguments(argv)
    logs.from_environment(logs.IDENTS[chosen.role])
    set_name(name_of(chosen.role, Config()))

    def make() -> Role:
        if chosen.role == "vrrp":
            from lbd.daemon.vrrp import VrrpRole
            from lbd.daemon.vrrp_standby import VrrpStandby

            active = VrrpRole(
                dp_socket=chosen.dp_socket,
                adopt=chosen.adopt,
                beside=chosen.socket,
                bfd_pid_file=chosen.bfd_pid_file,
            )
            return VrrpStandby(active, chosen.socket) if chosen.standby else active
        from lbd.daemon.check import CheckRole

        vrrp = os.path.join(os.path.dirname(chosen.socket), "vrrp.sock")
        return CheckRole(dp_socket=chosen.dp_socket, vrrp_socket=vrrp)

    return run(make, chosen)


if __name__ == "__main__":
    sys.exit(main())
