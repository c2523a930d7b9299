# SPDX-License-Identifier: Apache-2.0
"""BFD packets against scapy's, and two sessions on a wire that can be cut. No socket, no clock."""

from __future__ import annotations

import random
from typing import Any

import pytest
from scapy.contrib.bfd import BFD

from lbd.bfd.packet import Diagnostic, Packet, RefusedError, State, decode, encode
from lbd.bfd.session import Entered, Send, Session
from lbd.model import BfdInstance

PACKET = Packet(
    state=State.UP,
    diagnostic=3,
    poll=True,
    multiplier=5,
    my_discriminator=0x11111111,
    your_discriminator=0x22222222,
    desired_min_tx=10_000,
    required_min_rx=20_000,
)


def test_a_packet_is_what_scapy_makes_of_it():
    scapy = BFD(
        diag=3, sta=3, flags="P", detect_mult=5, my_discriminator=0x11111111, your_discriminator=0x22222222,
        min_tx_interval=10_000, min_rx_interval=20_000, echo_rx_interval=0,
    )  # fmt: skip
    assert encode(PACKET) == bytes(scapy)
    assert decode(bytes(scapy)) == PACKET


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({0: 0x43}, "version"),
        ({1: 0xE4}, "authentication"),
        ({1: 0xE1}, "multipoint"),
        ({2: 0}, "multiplier"),
        ({3: 23}, "length"),
        ({3: 25}, "length"),
        ({4: 0, 5: 0, 6: 0, 7: 0}, "discriminator 0"),
        ({8: 0, 9: 0, 10: 0, 11: 0}, "no discriminator of ours"),
    ],
)
def test_what_is_no_packet_is_refused(change, why):
    data = bytearray(encode(PACKET))
    for place, value in change.items():
        data[place] = value
    with pytest.raises(RefusedError, match=why):
        decode(bytes(data))


def test_any_bytes_are_a_packet_or_refused():
    chance = random.Random(1)
    for _ in range(5000):
        try:
            decode(chance.randbytes(chance.randrange(40)))
        except RefusedError:
            continue


class Pair:
    """Two sessions and the wire between them."""

    def __init__(self, one: dict[str, Any] | None = None, other: dict[str, Any] | None = None) -> None:
        self.now = 0.0
        self.cut = False
        self.sent = [0, 0]
        self.states: list[list[State]] = [[], []]
        self.sessions = [
            Session(
                BfdInstance(name="b", neighbor_ip="10.0.0.1", **(more or {})), n + 1, 0.0, random.Random(n)
            )
            for n, more in enumerate((one, other))
        ]

    def do(self, who: int, actions: list[Any]) -> None:
        for action in actions:
            if isinstance(action, Entered):
                self.states[who].append(action.state)
            elif isinstance(action, Send):
                self.sent[who] += 1
                if not self.cut:
                    packet = decode(encode(action.packet))
                    self.do(1 - who, self.sessions[1 - who].receive(packet, self.now))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            due = [(d, n) for n, s in enumerate(self.sessions) if (d := s.next_deadline()) is not None]
            if not due or min(due)[0] > end:
                self.now = end
                return
            self.now, who = min(due)
            self.do(who, self.sessions[who].tick(self.now))

    @property
    def up(self) -> list[bool]:
        return [session.state is State.UP for session in self.sessions]


def test_two_sessions_come_up_and_send_at_the_pace_of_the_slower():
    pair = Pair({"min_rx": 0.1}, {"min_tx": 0.02})
    pair.run(5)
    assert pair.up == [True, True]
    assert State.UP in pair.states[0]
    before = list(pair.sent)
    pair.run(10)
    first, second = (now - was for now, was in zip(pair.sent, before, strict=True))
    assert 1000 <= first <= 1340, "10 ms, 75 to 100 % of it"
    assert 100 <= second <= 134, "the other takes one in 100 ms"


def test_silence_is_down_within_the_detection_time_and_the_end_of_it_up():
    pair = Pair()
    pair.run(5)
    pair.cut = True
    pair.run(0.051)
    assert pair.up == [False, False]
    assert {session.diagnostic for session in pair.sessions} == {Diagnostic.DETECTION_TIME_EXPIRED}
    before = list(pair.sent)
    pair.run(10)
    assert all(10 <= now - was <= 14 for now, was in zip(pair.sent, before, strict=True)), "a second apart"
    pair.cut = False
    pair.run(5)
    assert pair.up == [True, True]


def test_a_peer_that_stops_says_so():
    pair = Pair()
    pair.run(5)
    pair.do(0, pair.sessions[0].stop())
    assert pair.sessions[1].state is State.DOWN
    assert pair.sessions[1].diagnostic == Diagnostic.NEIGHBOR_SIGNALED_DOWN


def test_two_passive_ones_are_silent_and_one_is_woken():
    both = Pair({"passive": True}, {"passive": True})
    both.run(60)
    assert both.sent == [0, 0]
    one = Pair({"passive": True})
    one.run(5)
    assert one.up == [True, True]
    one.cut = True
    one.run(5)
    before = one.sent[0]
    one.run(60)
    assert one.sent[0] == before, "it forgot its peer, and waits again"


def test_a_poll_is_answered_at_once_and_never_with_a_poll():
    session = Session(BfdInstance(name="b", neighbor_ip="10.0.0.1"), 9, 0.0)
    actions = session.receive(
        Packet(state=State.DOWN, poll=True, multiplier=3, my_discriminator=7, your_discriminator=0,
               desired_min_tx=1_000_000, required_min_rx=10_000), 1.0,
    )  # fmt: skip
    [answer] = [action.packet for action in actions if isinstance(action, Send)]
    assert (answer.final, answer.poll, answer.your_discriminator) == (True, False, 7)


def test_another_session_s_packet_changes_nothing():
    session = Session(BfdInstance(name="b", neighbor_ip="10.0.0.1"), 9, 0.0)
    with pytest.raises(RefusedError, match="not ours"):
        session.receive(PACKET, 1.0)
    assert session.state is State.DOWN


def test_a_peer_that_wants_none_gets_none():
    pair = Pair()
    pair.run(5)
    zero = Packet(state=State.UP, multiplier=5, my_discriminator=2, your_discriminator=1,
                  desired_min_tx=10_000_000, required_min_rx=0)  # fmt: skip
    pair.cut = True
    pair.do(0, pair.sessions[0].receive(zero, pair.now))
    pair.sessions[0].tick(pair.sessions[0].next_deadline() or 0)
    assert pair.sessions[0].interval() is None
