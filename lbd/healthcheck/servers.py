# SPDX-License-Identifier: Apache-2.0
"""Which real servers are alive, by the results of their checks. No I/O, no clock.

A server is down from the first of its checks that fails, and up again when the last one has recovered (keepalived's
list of failed checkers). One without checks is always up. At first: down if a check is ``alpha``, or if the dataplane
that was found working does not use it (``adopt``); else up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set

import msgspec

from lbd.healthcheck.policy import service_name
from lbd.model.check import Check
from lbd.model.net import Address
from lbd.model.service import RealServer, VirtualServer


class ServerKey(msgspec.Struct, frozen=True, order=True):
    """A real server of a virtual server; the same one elsewhere is another."""

    service: str
    address: Address
    port: int


class Change(msgspec.Struct, frozen=True):
    """A server's state is another than before; ``text`` is keepalived's sentence of it."""

    key: ServerKey
    alive: bool
    text: str


class _Server:
    def __init__(self, key: ServerKey, service: VirtualServer, real: RealServer) -> None:
        self.key, self.service, self.real = key, service, real
        self.failing: set[Check] = set()

    def change(self) -> Change:
        """keepalived's words: an inhibited server is not removed, its weight is 0."""
        alive, inhibit = not self.failing, self.real.inhibit_on_failure
        verb = ("Enabling" if inhibit else "Adding") if alive else ("Disabling" if inhibit else "Removing")
        name = service_name(self.key.address, self.key.port, self.service.protocol.value.lower())
        return Change(
            self.key, alive, f"{verb} service {name} {'to' if alive else 'from'} VS {self.key.service}"
        )


class Servers:
    def __init__(self) -> None:
        self._servers: dict[ServerKey, _Server] = {}
        self._of: dict[Check, list[_Server]] = {}
        self._verdicts: dict[Check, bool] = {}
        self._reasons: dict[Check, str] = {}
        self._down: set[ServerKey] = set()

    def configure(self, services: Iterable[VirtualServer]) -> None:
        """Go over to other services. Equal checks keep their verdicts, servers of the same key their state."""
        old, self._servers = self._servers, {}
        of: dict[Check, list[_Server]] = defaultdict(list)
        for service in services:
            for real in service.real_servers:
                key = ServerKey(service.name, real.address, real.port)
                server = self._servers[key] = _Server(key, service, real)
                for check in dict.fromkeys(real.checks):
                    of[check].append(server)
                    if self._starts_failing(check, server, old.get(key)):
                        server.failing.add(check)
        self._of = dict(of)
        self._down = {key for key, server in self._servers.items() if server.failing}
        for known in (self._verdicts, self._reasons):
            for check in known.keys() - of.keys():
                del known[check]

    def _starts_failing(self, check: Check, server: _Server, before: _Server | None) -> bool:
        verdict = self._verdicts.get(check)
        if verdict is not None:
            return not verdict
        if before is None:
            return check.alpha or server.service.alpha
        # A failed server stays out until its new check passes (keepalived issue 1720), one that is up stays in.
        return bool(before.failing)

    def checks(self) -> Iterable[Check]:
        """Each once, in the order of the configuration."""
        return self._of.keys()

    def adopt(self, alive: Mapping[ServerKey, bool]) -> int:
        """Take what a dataplane was found doing for the health of servers whose checks had no result yet.

        The number of servers that are taken for failed.
        """
        failed = 0
        for key, was_alive in alive.items():
            server = self._servers.get(key)
            if server is None:
                continue
            unknown = [check for check in server.real.checks if check not in self._verdicts]
            if was_alive:
                server.failing.difference_update(unknown)
            elif unknown:
                server.failing.update(unknown)
                failed += 1
            self._note(server)
        return failed

    def passed(self, check: Check) -> tuple[Change, ...]:
        self._verdicts[check] = True
        self._reasons.pop(check, None)
        return self._changes(check, failing=False)

    def failed(self, check: Check, reason: str) -> tuple[Change, ...]:
        self._verdicts[check] = False
        self._reasons[check] = reason
        return self._changes(check, failing=True)

    def _changes(self, check: Check, *, failing: bool) -> tuple[Change, ...]:
        changes: list[Change] = []
        for server in self._of.get(check, ()):
            before = bool(server.failing)
            if failing:
                server.failing.add(check)
            else:
                server.failing.discard(check)
            self._note(server)
            if bool(server.failing) != before:
                changes.append(server.change())
        return tuple(changes)

    def _note(self, server: _Server) -> None:
        if server.failing:
            self._down.add(server.key)
        else:
            self._down.discard(server.key)

    @property
    def down(self) -> Set[ServerKey]:
        """A view; it changes with the next result."""
        return self._down

    def reason(self, key: ServerKey) -> str:
        """Why it is down, in words; empty if it is up."""
        server = self._servers[key]
        if not server.failing:
            return ""
        return "; ".join(
            self._reasons.get(c, "not checked yet") for c in server.real.checks if c in server.failing
        )
