# SPDX-License-Identifier: Apache-2.0
"""Which interfaces are shared ports, and their sockets: opened when an interface comes up, closed when it goes.

A port keeps its index by the name of its interface, while it is closed as well: until all other indexes are in use.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from lbd.fastpath.claim import Claims
from lbd.fastpath.forwarding import Link
from lbd.fastpath.port.packet import PortError, admit, open_port
from lbd.fastpath.port.steering import Steering

MOST_PORTS = 64
"""As in port/port.pxd."""


class Wanted(msgspec.Struct, frozen=True):
    """An interface that should be a port now."""

    ifindex: int
    link: Link
    macs: tuple[bytes, ...]
    address4: bytes
    address6: bytes
    """Where ICMP errors of ours come from; empty: the address of the offending packet."""


class Face(Protocol):
    n_workers: int

    def owner_key(self) -> tuple[int, int, int]: ...
    def add_packet_port(self, index: int, fds: Sequence[int], mac: bytes, mtu: int) -> None: ...
    def detach_port(self, index: int) -> None: ...
    def set_port(
        self, index: int, macs: Iterable[bytes], mtu: int, address4: bytes, address6: bytes
    ) -> None: ...


class Ports:
    def __init__(self, dp: Face, log: Callable[[str], None]) -> None:
        self._dp = dp
        self._log = log
        self._steering = Steering(dp.n_workers, dp.owner_key())
        self._claims = Claims()
        self._index: dict[str, int] = {}
        self._free = deque(range(MOST_PORTS))
        """Indexes that no open port has; who was closed last is last."""
        self._reused: set[int] = set()
        self._left_out: tuple[str, ...] = ()
        self._open: dict[str, tuple[Wanted, list[socket.socket]]] = {}

    def names(self) -> dict[str, int]:
        """The open ports and those that have been, with their indexes."""
        return dict(self._index)

    def take_reused(self) -> set[int]:
        """Indexes that have gone over to another interface since this was asked last."""
        reused, self._reused = self._reused, set()
        return reused

    def problem(self) -> str:
        """A sentence where there are more interfaces than ports; else empty."""
        if not self._left_out:
            return ""
        first, more = self._left_out[0], len(self._left_out) - 1
        others = f" and {more} more are" if more else " is"
        return (
            f"there can be {MOST_PORTS} ports and there are: {first}{others} left out, what comes in there is not "
            "balanced; name the interfaces that are to be ports with --interface"
        )

    def attached(self) -> dict[int, int]:
        """ifindex -> index of the port."""
        return {w.ifindex: self._index[name] for name, (w, _) in self._open.items()}

    def admit(self, claims: Claims) -> None:
        """What the filters let through, and to which worker."""
        if claims != self._claims:
            self._claims = claims
            for _, sockets in self._open.values():
                admit(sockets, claims, self._steering)

    def sync(self, wanted: Mapping[str, Wanted]) -> bool:
        """Opens and closes until the ports are these; True if which are attached has changed."""
        changed = False
        for name, (was, _) in list(self._open.items()):
            # an interface that was deleted and made again under the same name is another one
            if name not in wanted or wanted[name].ifindex != was.ifindex:
                self._close(name)
                changed = True
        left_out = []
        for name, want in wanted.items():
            if name in self._open:
                if self._open[name][0] != want:
                    self._open[name] = (want, self._open[name][1])
                    self._tell(name, want)
                    changed = True
            elif self._free:
                changed |= self._attach(name, want)
            else:
                left_out.append(name)
        self._say(tuple(left_out))
        return changed

    def _say(self, left_out: tuple[str, ...]) -> None:
        """Once for as long as it is so."""
        news = bool(left_out) and not self._left_out
        self._left_out = left_out
        if news:
            self._log(self.problem())

    def close(self) -> None:
        for name in list(self._open):
            self._close(name)

    def _attach(self, name: str, want: Wanted) -> bool:
        try:
            sockets = open_port(name, self._claims, self._steering)
        except PortError as error:
            self._log(str(error))
            return False
        index = self._take_index(name)
        self._dp.add_packet_port(index, [s.fileno() for s in sockets], want.link.mac, want.link.mtu)
        self._open[name] = (want, sockets)
        self._tell(name, want)
        self._log(f"interface {name} is a port")
        return True

    def _take_index(self, name: str) -> int:
        index = self._index.get(name)
        if index is not None:
            self._free.remove(index)
            return index
        index = self._free.popleft()
        for before in [other for other, its in self._index.items() if its == index]:
            del self._index[before]
            self._reused.add(index)
        self._index[name] = index
        return index

    def _tell(self, name: str, want: Wanted) -> None:
        self._dp.set_port(self._index[name], want.macs, want.link.mtu, want.address4, want.address6)

    def _close(self, name: str) -> None:
        _, sockets = self._open.pop(name)
        self._dp.detach_port(self._index[name])
        self._free.append(self._index[name])
        for sock in sockets:
            sock.close()
        self._log(f"interface {name} is a port no more")
