# SPDX-License-Identifier: Apache-2.0
"""What leaves the vrrp process about BFD: states for checks, and whole sessions for a standby."""

from __future__ import annotations

import asyncio

import pytest

from lbd.bfd.packet import Packet, State
from lbd.bfd.session import Entered, Send, Session
from lbd.daemon.bfd_feed import BFD, BfdFeed, BfdFollower
from lbd.model.bfd import BfdInstance

CONF = BfdInstance(name="peer", neighbor_ip="10.0.0.2", min_rx=0.1, min_tx=0.1, multiplier=3)


@pytest.fixture
def socket(tmp_path) -> str:
    return str(tmp_path / "vrrp.sock")


async def test_a_follower_hears_what_is_known_and_what_changes(socket):
    told: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
    feed = BfdFeed(socket + BFD)
    await feed.configure(True)
    feed.tell("a", True)
    follower = BfdFollower(socket, lambda name, up: told.put_nowait((name, up)))
    follower.start()
    async with asyncio.timeout(5):
        assert await told.get() == ("a", True)
        feed.tell("b", False)
        feed.tell("a", True)  # no news
        feed.tell("a", False)
        assert [await told.get(), await told.get()] == [("b", False), ("a", False)]
    assert follower.up == {"a": False, "b": False}
    await follower.close()
    await feed.close()


async def test_what_was_told_holds_until_another_process_tells(socket):
    told: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
    follower = BfdFollower(socket, lambda name, up: told.put_nowait((name, up)))
    follower.start()
    first, second = BfdFeed(socket + BFD), BfdFeed(socket + BFD)
    await first.configure(True)
    first.tell("a", True)
    async with asyncio.timeout(5):
        assert await told.get() == ("a", True)
        await first.configure(False)
        assert follower.up == {"a": True}
        second.tell("a", False)
        await second.configure(True)
        assert await told.get() == ("a", False)
    await follower.close()
    await second.close()


def packet(session: Session, state: State) -> Packet:
    return Packet(
        state=state,
        multiplier=3,
        my_discriminator=77,
        your_discriminator=session.discriminator,
        desired_min_tx=100_000,
        required_min_rx=100_000,
    )


def test_a_session_that_is_handed_over_stays_up_and_says_so_at_once():
    before = Session(CONF, 5, 0.0)
    for state in (State.INIT, State.UP):
        before.receive(packet(before, state), 1.0)
    assert before.state is State.UP
    after = Session(CONF, 6, 2.0)
    after.restore(before.snapshot(), 2.0)
    [sent] = after.tick(2.0)
    assert isinstance(sent, Send)
    assert (sent.packet.state, sent.packet.my_discriminator, sent.packet.your_discriminator) == (
        State.UP,
        5,
        77,
    )
    after.receive(packet(after, State.UP), 2.1)
    assert after.state is State.UP
    assert after.tick(2.35) == [] or after.state is State.UP
    assert Entered(State.DOWN, 1) in after.tick(2.5), "and it misses its peer as it did"
