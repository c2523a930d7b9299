# SPDX-License-Identifier: Apache-2.0
"""One session: the machine of RFC 5880 section 6.2 in asynchronous mode. No socket, no clock, no task.

    Down ──peer Down──> Init ──peer Init, Up──> Up ──peer Down, silence──> Down
    Down ──peer Init──> Up

Every method takes ``now`` (seconds of a monotonic clock) and returns what is to be done, in order.
"""

from __future__ import annotations

import random

import msgspec

from lbd.bfd.packet import Diagnostic, Packet, RefusedError, State
from lbd.model.bfd import BfdInstance


class Send(msgspec.Struct, frozen=True):
    packet: Packet


class Entered(msgspec.Struct, frozen=True):
    """Another state, and why it is none better."""

    state: State
    diagnostic: int


Action = Send | Entered


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """What another process needs to go on with a session, so that the peer sees none begin."""

    conf: BfdInstance
    discriminator: int
    state: State
    diagnostic: int
    remote_discriminator: int
    remote_min_rx: float
    remote_min_tx: float
    remote_multiplier: int
    polling: bool


class Session:
    """``discriminator`` is ours: not 0, and another one for each session (RFC 5880 section 6.8.1)."""

    def __init__(
        self, conf: BfdInstance, discriminator: int, now: float, chance: random.Random | None = None
    ) -> None:
        self.conf, self.discriminator = conf, discriminator
        self.state = State.DOWN
        self.diagnostic = int(Diagnostic.NONE)
        self.remote_discriminator = 0
        self._remote_min_rx = 0.000001
        self._remote_min_tx = 0.0
        self._remote_multiplier = 0
        self._polling = False
        self._chance = chance or random.Random()
        self._send_at: float | None = None
        self._detect_at: float | None = None
        self._schedule(now, at_once=True)

    # --- handing it over

    def snapshot(self) -> SessionState:
        return SessionState(
            conf=self.conf,
            discriminator=self.discriminator,
            state=self.state,
            diagnostic=self.diagnostic,
            remote_discriminator=self.remote_discriminator,
            remote_min_rx=self._remote_min_rx,
            remote_min_tx=self._remote_min_tx,
            remote_multiplier=self._remote_multiplier,
            polling=self._polling,
        )

    def restore(self, was: SessionState, now: float) -> None:
        """Go on as a process that died was, with a packet at once and a whole detection time."""
        self.state, self.diagnostic = was.state, was.diagnostic
        self.discriminator, self.remote_discriminator = was.discriminator, was.remote_discriminator
        self._remote_min_rx, self._remote_min_tx = was.remote_min_rx, was.remote_min_tx
        self._remote_multiplier, self._polling = was.remote_multiplier, was.polling
        if self.remote_discriminator:
            self._detect_at = now + self.detection_time()
        self._schedule(now, at_once=True)

    # --- timers

    @property
    def desired_min_tx(self) -> float:
        """Section 6.8.3: not under a second while it is not Up."""
        return self.conf.min_tx if self.state is State.UP else max(1.0, self.conf.idle_tx)

    def interval(self) -> float | None:
        """Between two packets, before jitter; None where the peer wants none (section 6.8.7)."""
        return max(self.desired_min_tx, self._remote_min_rx) if self._remote_min_rx else None

    def detection_time(self) -> float:
        """Section 6.8.4."""
        return self._remote_multiplier * max(self.conf.min_rx, self._remote_min_tx)

    def next_deadline(self) -> float | None:
        return min((t for t in (self._send_at, self._detect_at) if t is not None), default=None)

    # --- events

    def receive(self, packet: Packet, now: float) -> list[Action]:
        """Raises RefusedError for one of another session."""
        if packet.your_discriminator not in (0, self.discriminator):
            raise RefusedError(f"discriminator {packet.your_discriminator:#x} is not ours")
        before = self.interval() or 0.0
        self.remote_discriminator = packet.my_discriminator
        self._remote_min_rx = packet.required_min_rx / 1e6
        self._remote_min_tx = packet.desired_min_tx / 1e6
        self._remote_multiplier = packet.multiplier
        if packet.final:
            self._polling = False
        actions = self._follow(packet.state)
        self._detect_at = now + self.detection_time()
        if actions or self._send_at is None or (self.interval() or 0.0) < before:
            self._schedule(now, at_once=bool(actions))
        if packet.poll:
            actions.append(Send(self._packet(final=True)))
        return actions

    def tick(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if self._detect_at is not None and now >= self._detect_at:
            self._detect_at = None
            self.remote_discriminator = 0  # section 6.8.1, bfd.RemoteDiscr
            if self.state in (State.INIT, State.UP):
                actions += self._enter(State.DOWN, Diagnostic.DETECTION_TIME_EXPIRED)
            self._schedule(now, at_once=bool(actions))
        if self._send_at is not None and now >= self._send_at:
            actions.append(Send(self._packet()))
            self._schedule(now)
        return actions

    def stop(self) -> list[Action]:
        """The peer need not wait for its detection time (section 6.8.16)."""
        self.state, self.diagnostic = State.ADMIN_DOWN, int(Diagnostic.ADMINISTRATIVELY_DOWN)
        self._send_at = self._detect_at = None
        return [Send(self._packet())] if self.remote_discriminator else []

    # --- inside

    def _follow(self, theirs: State) -> list[Action]:
        """Section 6.8.6, from "If bfd.SessionState is AdminDown" on."""
        if theirs is State.ADMIN_DOWN:
            down = self.state is not State.DOWN
            return self._enter(State.DOWN, Diagnostic.NEIGHBOR_SIGNALED_DOWN) if down else []
        if self.state is State.DOWN:
            to = {State.DOWN: State.INIT, State.INIT: State.UP}.get(theirs)
            return self._enter(to, Diagnostic.NONE) if to is not None else []
        if self.state is State.INIT:
            return self._enter(State.UP, Diagnostic.NONE) if theirs in (State.INIT, State.UP) else []
        if self.state is State.UP and theirs is State.DOWN:
            return self._enter(State.DOWN, Diagnostic.NEIGHBOR_SIGNALED_DOWN)
        return []

    def _enter(self, state: State, diagnostic: Diagnostic) -> list[Action]:
        before = self.desired_min_tx
        self.state = state
        if diagnostic is not Diagnostic.NONE or state is State.UP:
            self.diagnostic = int(diagnostic)
        # section 6.8.3: a change of the intervals is told by a poll sequence
        self._polling = self._polling or (state is State.UP and self.desired_min_tx != before)
        return [Entered(state, self.diagnostic)]

    def _schedule(self, now: float, *, at_once: bool = False) -> None:
        """Section 6.8.7: 75 to 100 % of the interval, 90 % with a multiplier of 1; passive, not before the peer."""
        interval = self.interval()
        if interval is None or (self.conf.passive and not self.remote_discriminator):
            self._send_at = None
        elif at_once:
            self._send_at = now
        else:
            most = 0.9 if self.conf.multiplier == 1 else 1.0
            self._send_at = now + interval * self._chance.uniform(0.75, most)

    def _packet(self, *, final: bool = False) -> Packet:
        return Packet(
            state=self.state,
            diagnostic=self.diagnostic,
            poll=self._polling and not final,  # never both (section 6.5)
            final=final,
            multiplier=self.conf.multiplier,
            my_discriminator=self.discriminator,
            your_discriminator=self.remote_discriminator,
            desired_min_tx=round(self.desired_min_tx * 1e6),
            required_min_rx=round(self.conf.min_rx * 1e6),
        )
