# SPDX-License-Identifier: Apache-2.0
"""Which real servers are alive, by the results of their checks. No I/O, no clock.

A server is down from the first of its checks that fails, and up again when the last one has recovered (keepalived's
list of failed checkers). One without checks is always up. At first: down if a check is ``alpha``, or if the dataplane
that was found working does not use it (``adopt``); else up.

Its weight is the configured one and what its checks add: the difference to what a MISC_CHECK names, the product of a
FILE_CHECK. A check that fails adds nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set

import msgspec

from lbd.healthcheck.wording import service_name
from lbd.model.check import ScheduledCheck, TrackedCheck
from lbd.model.net import Address
from lbd.model.service import RealServer, VirtualServer


class ServerKey(msgspec.Struct, frozen=True, order=True):
    """A real server of a virtual server; the same one elsewhere is another."""

    service: str
    address: Address
    port: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a result means for one server."""

    key: ServerKey
    alive: bool
    """Now."""
    check: TrackedCheck | None = None
    """Whose result it was; None: the server is no longer configured."""
    text: str = ""
    """keepalived's sentence, where it has one."""
    moved: bool = False
    """Another state than before."""
    weighed: bool = False
    """Another weight than before."""
    verdict: bool = True
    """Of the check."""
    turned: bool = False
    """The check has another state than before, whatever that means for the server: mail tells of it."""
    tell: bool = False
    """notify_up, notify_down and the FIFO tell of the server's state: it moved, or the first result of an alpha check
    is a failure and it stays down."""


MOST_WEIGHT = 2**31 - 1
"""keepalived's own (IPVS_WEIGHT_MAX)."""


class _Server:
    def __init__(self, key: ServerKey, service: VirtualServer, real: RealServer) -> None:
        self.key, self.service, self.real = key, service, real
        self.failing: set[TrackedCheck] = set()
        self.weight = real.weight
        """With what its checks add; may be below 0, and is 0 then."""

    @property
    def alive(self) -> bool:
        return not self.failing

    @property
    def name(self) -> str:
        return service_name(self.key.address, self.key.port, self.service.protocol.value.lower())

    def change(self, check: TrackedCheck) -> Change:
        """keepalived's words: an inhibited server is not removed, its weight is 0."""
        inhibit = self.real.inhibit_on_failure
        if inhibit:
            verb, where = ("Enabling" if self.alive else "Disabling"), "of"
        else:
            verb, where = ("Adding", "to") if self.alive else ("Removing", "from")
        text = f"{verb} service {self.name} {where} VS {self.key.service}"
        return Change(
            key=self.key,
            alive=self.alive,
            check=check,
            text=text,
            verdict=check not in self.failing,
            moved=True,
            turned=True,
            tell=True,
        )

    def gone(self) -> Change:
        text = f"Removing service {self.name} from VS {self.key.service}"
        return Change(key=self.key, alive=False, text=text, tell=True)

    def reweigh(self, weight: int, check: TrackedCheck) -> Change | None:
        before, self.weight = clamped(self.weight), weight
        if clamped(weight) == before:
            return None
        state = "active" if self.alive else "inactive"
        text = (
            f"Changing weight from {before} to {clamped(weight)} for {state} service {self.name} "
            f"of VS {self.key.service}"
        )
        return Change(key=self.key, alive=self.alive, check=check, text=text, weighed=True)


def clamped(weight: int) -> int:
    return min(max(weight, 0), MOST_WEIGHT)


def _checks(real: RealServer) -> Iterable[TrackedCheck]:
    """Each once."""
    return dict.fromkeys(real.checks)


class Servers:
    def __init__(self) -> None:
        self._servers: dict[ServerKey, _Server] = {}
        self._of: dict[TrackedCheck, list[_Server]] = {}
        self._verdicts: dict[TrackedCheck, bool] = {}
        self._reasons: dict[TrackedCheck, str] = {}
        self._named: dict[TrackedCheck, int] = {}
        """The weight that a check says its servers have."""
        self._added: dict[TrackedCheck, int] = {}
        """What a check adds to the weight of its servers."""
        self._down: set[ServerKey] = set()
        self._weights: dict[ServerKey, int] = {}
        """Of those whose weight is not the configured one."""

    def configure(self, services: Iterable[VirtualServer]) -> tuple[Change, ...]:
        """Go over to other services. Equal checks keep their verdicts, servers of the same key their state.

        Told are the servers that were alive and are no more; reweighed ones are not.
        """
        old, self._servers = self._servers, {}
        of: dict[TrackedCheck, list[_Server]] = defaultdict(list)
        for service in services:
            for real in service.real_servers:
                key = ServerKey(service.name, real.address, real.port)
                server = self._servers[key] = _Server(key, service, real)
                for check in _checks(real):
                    of[check].append(server)
                    if self._starts_failing(check, server, old.get(key)):
                        server.failing.add(check)
        self._of = dict(of)
        self._down = {key for key, server in self._servers.items() if server.failing}
        for known in (self._verdicts, self._reasons, self._named, self._added):
            for check in known.keys() - of.keys():
                del known[check]
        self._weights = {}
        for server in self._servers.values():
            server.weight = self._sum(server)
            self._note(server)
        return tuple(
            server.gone() for key, server in old.items() if server.alive and key not in self._servers
        )

    def _starts_failing(self, check: TrackedCheck, server: _Server, before: _Server | None) -> bool:
        verdict = self._verdicts.get(check)
        if verdict is not None:
            return not verdict
        if before is None:
            return check.alpha or (server.service.alpha and isinstance(check, ScheduledCheck))
        # A failed server stays out until its new check passes (keepalived issue 1720), one that is up stays in.
        return bool(before.failing)

    def checks(self) -> Iterable[TrackedCheck]:
        """Each once, in the order of the configuration."""
        return self._of.keys()

    def suspended(self, services: Set[str]) -> set[TrackedCheck]:
        """The checks that only these services ask for."""
        return {
            check
            for check, servers in self._of.items()
            if all(server.key.service in services for server in servers)
        }

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

    def passed(self, check: TrackedCheck) -> tuple[Change, ...]:
        self._verdicts[check] = True
        self._reasons.pop(check, None)
        return self._changes(check, failing=False, first=False)

    def failed(self, check: TrackedCheck, reason: str) -> tuple[Change, ...]:
        first = check not in self._verdicts
        self._verdicts[check] = False
        self._reasons[check] = reason
        self._named.pop(check, None)
        self._added.pop(check, None)
        changes = self._changes(check, failing=True, first=first)
        return changes + self._reweigh(check)

    def still_failing(self, check: TrackedCheck, reason: str) -> None:
        """For another reason than it was told with."""
        if check in self._reasons:
            self._reasons[check] = reason

    def weighed(self, check: TrackedCheck, weight: int | None) -> tuple[Change, ...]:
        """The check says what its servers weigh; None: what is configured."""
        if weight is None:
            self._named.pop(check, None)
        else:
            self._named[check] = weight
        return self._reweigh(check)

    def added(self, check: TrackedCheck, weight: int) -> tuple[Change, ...]:
        """The check adds this to the weight of its servers."""
        self._added[check] = weight
        return self._reweigh(check)

    def _changes(self, check: TrackedCheck, *, failing: bool, first: bool) -> tuple[Change, ...]:
        changes: list[Change] = []
        for server in self._of.get(check, ()):
            before = server.alive
            known = check in server.failing
            if failing:
                server.failing.add(check)
            else:
                server.failing.discard(check)
            self._note(server)
            if server.alive != before:
                changes.append(server.change(check))
            elif failing != known or (failing and first):
                turned, alive = failing != known, server.alive
                tell = failing and first and known
                changes.append(
                    Change(
                        key=server.key,
                        alive=alive,
                        check=check,
                        verdict=not failing,
                        turned=turned,
                        tell=tell,
                    )
                )
        return tuple(changes)

    def _reweigh(self, check: TrackedCheck) -> tuple[Change, ...]:
        changes = []
        for server in self._of.get(check, ()):
            changes.append(server.reweigh(self._sum(server), check))
            self._note(server)
        return tuple(change for change in changes if change is not None)

    def _sum(self, server: _Server) -> int:
        own = server.real.weight
        return own + sum(
            self._named[check] - own if check in self._named else self._added.get(check, 0)
            for check in _checks(server.real)
        )

    def _note(self, server: _Server) -> None:
        if server.failing:
            self._down.add(server.key)
        else:
            self._down.discard(server.key)
        weight = clamped(server.weight)
        if weight != server.real.weight:
            self._weights[server.key] = weight
        else:
            self._weights.pop(server.key, None)

    @property
    def down(self) -> Set[ServerKey]:
        """A view; it changes with the next result."""
        return self._down

    @property
    def weights(self) -> Mapping[ServerKey, int]:
        """A view of the weights that are not the configured ones."""
        return self._weights

    def reason(self, key: ServerKey) -> str:
        """Why it is down, in words; empty if it is up."""
        server = self._servers[key]
        if not server.failing:
            return ""
        return "; ".join(
            self._reasons.get(c, "not checked yet") for c in server.real.checks if c in server.failing
        )
