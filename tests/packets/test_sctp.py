# SPDX-License-Identifier: Apache-2.0
"""SCTP (RFC 9260): an INIT opens, ports and CRC32c change, and the state follows the chunks."""

from __future__ import annotations

import itertools

import pytest
from scapy.layers.l2 import Ether
from scapy.layers.sctp import (
    SCTP,
    SCTPChunkAbort,
    SCTPChunkCookieAck,
    SCTPChunkCookieEcho,
    SCTPChunkData,
    SCTPChunkError,
    SCTPChunkHeartbeatReq,
    SCTPChunkInit,
    SCTPChunkInitAck,
    SCTPChunkShutdown,
    SCTPChunkShutdownAck,
    SCTPChunkShutdownComplete,
)
from scapy.packet import Packet

from lbd.fastpath.sctp_states import SCTP_EVENTS, SCTP_STATES, sctp_transitions
from lbd.fastpath.states import transitions
from tests.packets.bench import CLIENT_MAC, MAC0, NETS, addresses

CHUNKS = {
    "INIT": SCTPChunkInit(init_tag=1),
    "INIT_ACK": SCTPChunkInitAck(init_tag=2),
    "COOKIE_ECHO": SCTPChunkCookieEcho(cookie=b"1234"),
    "COOKIE_ACK": SCTPChunkCookieAck(),
    "DATA": SCTPChunkData(data=b"hello!!!"),
    "HEARTBEAT": SCTPChunkHeartbeatReq(),
    "SHUTDOWN": SCTPChunkShutdown(),
    "SHUTDOWN_ACK": SCTPChunkShutdownAck(),
    "SHUTDOWN_COMPLETE": SCTPChunkShutdownComplete(),
    "ERROR": SCTPChunkError(),
    "ABORT": SCTPChunkAbort(),
}


def asks(family: int, chunk: str = "INIT", sport: int = 1000) -> Packet:
    net = NETS[family]
    ip = net.ip(src=net.client, dst=net.vip)
    return Ether(src=CLIENT_MAC, dst=MAC0) / ip / SCTP(sport=sport, dport=80, tag=5) / CHUNKS[chunk].copy()


def answers(out: Packet, chunk: str) -> Packet:
    ip, sctp = out.getlayer(1), out.getlayer(2)
    ether = Ether(src=out.dst, dst=out.src) / type(ip)(src=ip.dst, dst=ip.src)
    return ether / SCTP(sport=sctp.dport, dport=sctp.sport, tag=6) / CHUNKS[chunk].copy()


def sent(bench, frame: Packet, port: int = 0) -> Packet:
    fed = bench.feed(frame, port=port)
    assert fed.verdicts == ["tx"]
    ((_, out),) = fed.sent
    assert crc_is_right(out)
    return out


def crc_is_right(packet: Packet) -> bool:
    copy = Ether(bytes(packet))
    copy[SCTP].chksum = None
    return bytes(copy) == bytes(packet)


def test_request_and_reply(bench, net, family, method):
    bench.service(method, family, "SCTP")
    out = sent(bench, asks(family))
    assert (
        addresses(out)
        == {
            "fnat": (net.local, 1025, net.real1, 8080),
            "nat": (net.client, 1000, net.real1, 8080),
            "dr": (net.client, 1000, net.vip, 80),
        }[method]
    )
    if method == "dr":
        return
    back = sent(bench, answers(out, "INIT_ACK"), port=1)
    assert addresses(back) == (net.vip, 80, net.client, 1000)


def test_only_an_init_opens(bench, net, family):
    bench.service("nat", family, "SCTP")
    for chunk in CHUNKS.keys() - {"INIT"}:
        assert bench.feed(asks(family, chunk)).verdicts == ["punt.no_connection"]


def test_wrong_crc_is_dropped(bench, family):
    """It covers the ports, so it has to be made anew, and must not be put right (as ip_vs_proto_sctp)."""
    bench.service("fnat", family, "SCTP")
    frame = Ether(bytes(asks(family)))
    frame[SCTP].chksum ^= 1
    assert bench.feed(frame).verdicts == ["drop.bad_sctp_checksum"]


def test_dr_does_not_look_at_the_crc(bench, family):
    bench.service("dr", family, "SCTP")
    frame = Ether(bytes(asks(family)))
    frame[SCTP].chksum ^= 1
    assert bench.feed(frame).verdicts == ["tx"]


def test_a_crc_left_to_the_interface_is_made(bench, family):
    bench.service("fnat", family, "SCTP")
    frame = Ether(bytes(asks(family)))
    frame[SCTP].chksum = 0
    at = 14 + (20 if family == 4 else 40)
    header = bytes([1, 0]) + bytes(4) + at.to_bytes(2, "little") + (8).to_bytes(2, "little")
    fed = bench.feed(frame, header=header)
    assert fed.headers[0][0] == 0
    assert crc_is_right(fed.sent[0][1])


def test_an_association_counts_as_active_while_established(bench, family):
    bench.service("nat", family, "SCTP")
    out = sent(bench, asks(family))
    talk = [(0, "INIT_ACK"), (1, "COOKIE_ECHO"), (0, "COOKIE_ACK"), (1, "DATA"), (0, "DATA")]
    for from_client, chunk in talk:
        sent(bench, asks(family, chunk) if from_client else answers(out, chunk), port=1 - from_client)
    assert (bench.counters().active, bench.counters().inactive) == (1, 0)
    for from_client, chunk in [(1, "SHUTDOWN"), (0, "SHUTDOWN_ACK"), (1, "SHUTDOWN_COMPLETE")]:
        sent(bench, asks(family, chunk) if from_client else answers(out, chunk), port=1 - from_client)
        assert (bench.counters().active, bench.counters().inactive) == (0, 1)
    # over: the next INIT is a new association
    again = sent(bench, asks(family))
    assert again.getlayer(1).dst == NETS[family].real2


def test_an_abort_behind_a_cookie_ends_it(bench, family):
    bench.service("nat", family, "SCTP")
    out = sent(bench, asks(family))
    sent(bench, answers(out, "INIT_ACK"), port=1)
    sent(bench, asks(family, "COOKIE_ECHO") / CHUNKS["ABORT"].copy())
    assert sent(bench, asks(family)).getlayer(1).dst == NETS[family].real2


# --- the table


def step(direction: int, event: str, state: str) -> str:
    table, states = sctp_transitions(), 12 + len(SCTP_STATES) + 1
    row = (direction * len(SCTP_EVENTS) + SCTP_EVENTS.index(event)) * states
    return SCTP_STATES[table[row + 12 + SCTP_STATES.index(state)] - 12]


def walk(*steps: tuple[int, str]) -> list[str]:
    states = ["NONE"]
    for direction, event in steps:
        states.append(step(direction, event, states[-1]))
    return states[1:]


def test_four_way_handshake_and_shutdown():
    handshake = walk((0, "INIT"), (1, "INIT_ACK"), (0, "COOKIE_ECHO"), (1, "COOKIE_ACK"))
    assert handshake == ["INIT1", "COOKIE_SENT", "COOKIE_REPLIED", "ESTABLISHED"]
    end = (1, "SHUTDOWN"), (0, "SHUTDOWN_ACK"), (1, "SHUTDOWN_COMPLETE")
    assert walk((2, "INIT"), (2, "COOKIE_ECHO"), *end)[1:] == [
        "ESTABLISHED",
        "SHUTDOWN_RECEIVED",
        "SHUTDOWN_ACK_SENT",
        "CLOSED",
    ]


def test_an_association_that_the_server_opens():
    assert walk((1, "INIT"), (0, "INIT_ACK"), (1, "COOKIE_ECHO"), (0, "COOKIE_ACK")) == [
        "COOKIE_WAIT",
        "COOKIE",
        "COOKIE_ECHOED",
        "ESTABLISHED",
    ]


def test_an_init_is_refused():
    assert walk((0, "INIT"), (0, "INIT"), (1, "ABORT"), (0, "INIT")) == ["INIT1", "INIT", "REJECTED", "INIT1"]


@pytest.mark.parametrize("direction", range(3))
def test_a_restart_of_the_peer_keeps_the_association(direction):
    """RFC 9260 section 5.2: an INIT in an association is answered by a cookie, and until that comes nothing changes."""
    assert step(direction, "INIT", "ESTABLISHED") == "ESTABLISHED"
    assert step(1 - direction % 2, "INIT_ACK", "ESTABLISHED") == "ESTABLISHED"


def test_no_event_of_one_protocol_moves_anothers_state():
    states = 12 + len(SCTP_STATES) + 1
    tcp, sctp = transitions(), sctp_transitions()
    assert (len(tcp), len(sctp)) == (12 * states, 3 * len(SCTP_EVENTS) * states)
    for row in range(12):
        assert list(tcp[row * states + 11 : (row + 1) * states]) == list(range(11, states))
    for row, state in itertools.product(range(3 * len(SCTP_EVENTS)), [*range(12), states - 1]):
        assert sctp[row * states + state] == state
