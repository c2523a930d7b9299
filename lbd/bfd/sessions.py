# SPDX-License-Identifier: Apache-2.0
"""All sessions of a process: their sockets (RFC 5881 section 4, RFC 5883 section 5), one timer, and who is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import struct
from collections.abc import Callable, Iterable, Mapping

from lbd.bfd.packet import Packet, RefusedError, State, decode, encode
from lbd.bfd.session import Action, Entered, Session, SessionState
from lbd.model.bfd import BfdInstance
from lbd.model.net import Address, family

log = logging.getLogger("lbd.bfd")

SINGLE_HOP, MULTIHOP = 3784, 4784
SOURCE_PORTS = range(49152, 65536)
IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 51, 52
IP_RECVTTL = 12
AT_ONCE = 64


class Sessions:
    """``on_state(name, up)`` is called when a session has come up or has gone down."""

    def __init__(
        self,
        on_state: Callable[[str, bool], None],
        on_change: Callable[[SessionState], None] = lambda state: None,
    ) -> None:
        """on_change: told of whatever another process would need to go on with a session."""
        self._on_state, self._on_change = on_state, on_change
        self.sessions: dict[str, Session] = {}
        self._senders: dict[str, socket.socket] = {}
        self._receivers: dict[tuple[int, int], socket.socket] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.refused = 0

    def states(self) -> tuple[SessionState, ...]:
        """All that another process would need to go on."""
        return tuple(session.snapshot() for session in self.sessions.values())

    def configure(
        self, confs: Iterable[BfdInstance], before: Mapping[str, SessionState] | None = None
    ) -> None:
        """Equal sessions go on; one that was changed begins anew. before: of a process that died, to go on with."""
        wanted = {conf.name: conf for conf in confs}
        for name in [n for n, s in self.sessions.items() if wanted.get(n) != s.conf]:
            self._end(name)
        for name, conf in wanted.items():
            if name not in self.sessions:
                self._begin(conf, (before or {}).get(name))
        self._listen()
        self._tick()

    def close(self) -> None:
        for name in list(self.sessions):
            self._end(name)
        self._listen()
        if self._timer is not None:
            self._timer.cancel()

    # --- sockets

    def _begin(self, conf: BfdInstance, was: SessionState | None) -> None:
        try:
            self._senders[conf.name] = _sender(conf)
        except OSError as error:
            log.error("BFD_Instance(%s) cannot send: %s", conf.name, error.strerror)
            return
        used = {session.discriminator for session in self.sessions.values()}
        fresh = next(n for n in iter(lambda: secrets.randbits(32), None) if n and n not in used)
        session = self.sessions[conf.name] = Session(conf, fresh, self._now())
        if was is not None and was.conf == conf:
            session.restore(was, self._now())
            self._on_state(conf.name, session.state is State.UP)

    def _end(self, name: str) -> None:
        session = self.sessions.pop(name)
        self._carry_out(session, session.stop())
        self._senders.pop(name).close()

    def _listen(self) -> None:
        wanted = {
            (family(s.conf.neighbor_ip), MULTIHOP if s.conf.multihop else SINGLE_HOP)
            for s in self.sessions.values()
        }
        loop = asyncio.get_running_loop()
        for key in self._receivers.keys() - wanted:
            sock = self._receivers.pop(key)
            loop.remove_reader(sock)
            sock.close()
        for key in wanted - self._receivers.keys():
            try:
                sock = self._receivers[key] = _receiver(*key)
            except OSError as error:
                log.error("BFD cannot listen on UDP port %d: %s", key[1], error.strerror)
                continue
            loop.add_reader(sock, self._readable, sock, key[1] == MULTIHOP)

    def _readable(self, sock: socket.socket, multihop: bool) -> None:
        for _ in range(AT_ONCE):
            try:
                data, ancillary, _, address = sock.recvmsg(256, 128)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                return
            source = address[0].partition("%")[0]
            try:
                self._heard(decode(data), source, _ttl(ancillary), multihop)
            except RefusedError as error:
                self.refused += 1
                log.debug("a BFD packet from %s was refused: %s", source, error)
        self._arm()

    def _heard(self, packet: Packet, source: Address, ttl: int, multihop: bool) -> None:
        session = self._whose(packet, source, multihop)
        if session is None:
            raise RefusedError("there is no session with it")
        conf = session.conf
        if conf.max_hops >= 0 and _own_ttl(conf) - ttl > conf.max_hops:
            raise RefusedError(f"TTL {ttl}: it came over more than {conf.max_hops} hops")
        before = session.snapshot()
        self._carry_out(session, session.receive(packet, self._now()))
        self._tell_change(session, before)
        self._arm()

    def _whose(self, packet: Packet, source: Address, multihop: bool) -> Session | None:
        """Section 6.3: by our discriminator, and by the peer's address while it does not know it yet."""
        for session in self.sessions.values():
            known = packet.your_discriminator in (0, session.discriminator)
            if known and session.conf.neighbor_ip == source and session.conf.multihop == multihop:
                return session
        return None

    # --- actions and time

    def _carry_out(self, session: Session, actions: list[Action]) -> None:
        name = session.conf.name
        for action in actions:
            if isinstance(action, Entered):
                log.info("BFD_Instance(%s) Entering %s state", name, action.state.word)
                if action.state is not State.INIT:
                    self._on_state(name, action.state is State.UP)
                continue
            port = MULTIHOP if session.conf.multihop else SINGLE_HOP
            with contextlib.suppress(OSError):  # the next one says the same
                self._senders[name].sendto(encode(action.packet), (session.conf.neighbor_ip, port))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _tick(self) -> None:
        self._timer = None
        now = self._now()
        for session in list(self.sessions.values()):
            before = session.snapshot()
            self._carry_out(session, session.tick(now))
            self._tell_change(session, before)
        self._arm()

    def _tell_change(self, session: Session, before: SessionState) -> None:
        now = session.snapshot()
        if now != before:
            self._on_change(now)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadlines = (session.next_deadline() for session in self.sessions.values())
        first = min((one for one in deadlines if one is not None), default=None)
        if first is not None:
            self._timer = asyncio.get_running_loop().call_at(first, self._tick)


def _own_ttl(conf: BfdInstance) -> int:
    return conf.ttl or (64 if ":" in conf.neighbor_ip else 255)


def _sender(conf: BfdInstance) -> socket.socket:
    kind = family(conf.neighbor_ip)
    sock = socket.socket(kind, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        if kind == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, _own_ttl(conf))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xC0)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, _own_ttl(conf))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0xC0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # nothing is read here
        for port in SOURCE_PORTS:
            with contextlib.suppress(OSError):
                sock.bind((conf.source_ip or ("::" if kind == socket.AF_INET6 else "0.0.0.0"), port))
                return sock
        raise OSError(
            99, f"cannot use {conf.source_ip or 'any address'} and a port from {SOURCE_PORTS.start} on"
        )
    except OSError:
        sock.close()
        raise


def _receiver(kind: int, port: int) -> socket.socket:
    sock = socket.socket(kind, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        if kind == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
            sock.bind(("0.0.0.0", port))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
            sock.bind(("::", port))
    except OSError:
        sock.close()
        raise
    return sock


def _ttl(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in ancillary:
        if (level, kind) in ((socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, IPV6_HOPLIMIT)):
            return int(struct.unpack_from("=i", value)[0])
    return 0
