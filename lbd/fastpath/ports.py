# SPDX-License-Identifier: Apache-2.0
"""Which interfaces are shared ports, and their sockets: opened when an interface comes up, closed when it goes.

A port keeps its index for the life of the process, by the name of its interface.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from lbd.fastpath.claim import Claims
from lbd.fastpath.forwarding import Link
from lbd.fastpath.port.packet import PortError, admit, open_port
from lbd.fastpath.port.steering import Steering


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
        self._open: dict[str, tuple[Wanted, list[socket.socket]]] = {}

    def names(self) -> dict[str, int]:
        """Every port there ever was, with its index."""
        return dict(self._index)

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
        for name, want in wanted.items():
            if name not in self._open:
                changed |= self._attach(name, want)
            elif self._open[name][0] != want:
                self._open[name] = (want, self._open[name][1])
                self._tell(name, want)
                changed = True
        return changed

    def close(self) -> None:
        for name in list(self._open):
            self._close(name)

    def _attach(self, name: str, want: Wanted) -> bool:
        try:
            sockets = open_port(name, self._claims, self._steering)
        except PortError as error:
            self._log(str(error))
            return False
        index = self._index.setdefault(name, len(self._index))
        self._dp.add_packet_port(index, [s.fileno() for s in sockets], want.link.mac, want.link.mtu)
        self._open[name] = (want, sockets)
        self._tell(name, want)
        self._log(f"interface {name} is a port")
        return True

    def _tell(self, name: str, want: Wanted) -> None:
        self._dp.set_port(self._index[name], want.macs, want.link.mtu, want.address4, want.address6)

    def _close(self, name: str) -> None:
        _, sockets = self._open.pop(name)
        self._dp.detach_port(self._index[name])
        for sock in sockets:
            sock.close()
        self._log(f"interface {name} is a port no more")
