# SPDX-License-Identifier: Apache-2.0
"""UDP_CHECK, DNS_CHECK and PING_CHECK on loopback: the right answer, a refusal, the wrong answer, rubbish."""

from __future__ import annotations

import socket

import dns.flags
import dns.message
import pytest

from lbd.healthcheck.dns import DnsProbe
from lbd.healthcheck.ping import PingProbe, checksum, is_reply, request
from lbd.healthcheck.probe import Failure
from lbd.healthcheck.udp import UdpProbe
from lbd.model import DnsCheck, PingCheck, UdpCheck
from tests.unit.checks_stage import HOSTS, answering, closed_port


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def udp(host: str, port: int, **more: object):
    return await UdpProbe(UdpCheck(connect_ip=host, connect_port=port, connect_timeout=1.0, **more)).run()


async def test_udp_silence_is_a_success_and_a_refusal_is_not(host):
    async with answering(host, lambda data: None) as (port, server):
        check = UdpCheck(connect_ip=host, connect_port=port, connect_timeout=0.2)
        assert (await UdpProbe(check).run()).ok
        assert server.heard == [b"keepalived check - keepalived ch"]
    outcome = await udp(host, closed_port(host, socket.SOCK_DGRAM))
    assert outcome.failure is Failure.REFUSED
    assert outcome.reason.endswith("connection refused")


REPLIES = [
    (b"pong", {}, None),
    (b"anything", {"reply": b""}, None),
    (b"pong", {"reply": b"pong"}, None),
    (b"po", {"reply": b"pong"}, None),  # as far as both reach
    (b"pong and more", {"reply": b"pong"}, None),
    (b"pang", {"reply": b"pong"}, Failure.MISMATCH),
    (b"pang", {"reply": b"pong", "reply_mask": b"\0\xff\0\0"}, None),
    (b"\x4f", {"reply": b"\x40", "reply_mask": b"\x0f"}, None),
    (b"\x5f", {"reply": b"\x40", "reply_mask": b"\x0f"}, Failure.MISMATCH),
    (b"pong", {"reply": b"pong", "min_reply_length": 5}, Failure.MISMATCH),
    (b"pong", {"reply": b"pong", "max_reply_length": 3}, Failure.MISMATCH),
    (b"x" * 300, {"reply": b"x"}, Failure.MISMATCH),
    (b"x" * 60000, {"reply": b"x", "max_reply_length": 65535}, None),
]


@pytest.mark.parametrize(("answer", "more", "failure"), REPLIES)
async def test_udp_replies(host, answer, more, failure):
    async with answering(host, lambda data: answer) as (port, server):
        outcome = await udp(host, port, payload=b"ping", require_reply=True, **more)
        assert server.heard == [b"ping"]
    assert outcome.failure is failure, outcome


async def dns_check(host: str, port: int, **more: object):
    check = DnsCheck(connect_ip=host, connect_port=port, connect_timeout=0.5, **more)
    return await DnsProbe(check).run()


def answer_with(rcode: int):
    def answer(data: bytes) -> bytes:
        reply = dns.message.make_response(dns.message.from_wire(data))
        reply.set_rcode(rcode)
        return reply.to_wire()

    return answer


async def test_dns(host):
    async with answering(host, answer_with(0)) as (port, server):
        assert (await dns_check(host, port, type="AAAA", name="www.example.org")).ok
        question = dns.message.from_wire(server.heard[0])
        assert question.question[0].to_text() == "www.example.org. IN AAAA"
        assert question.flags == dns.flags.RD
        assert (await dns_check(host, port)).ok
        assert dns.message.from_wire(server.heard[1]).question[0].to_text() == ". IN SOA"
    async with answering(host, answer_with(3)) as (port, _):
        outcome = await dns_check(host, port)
        assert outcome.failure is Failure.STATUS
        assert outcome.reason.endswith("rcode 3 (NXDOMAIN)")
    outcome = await dns_check(host, closed_port(host, socket.SOCK_DGRAM))
    assert outcome.failure is Failure.REFUSED


@pytest.mark.parametrize(
    "answer",
    [
        lambda data: data[:11],  # cut off inside the header
        lambda data: data,  # the question again
        lambda data: bytes([data[0] ^ 1]) + data[1:2] + b"\x80\0" + data[4:],  # of another question
        lambda data: b"",
    ],
)
async def test_dns_answers_that_are_none(answer):
    async with answering("127.0.0.1", answer) as (port, _):
        outcome = await dns_check("127.0.0.1", port)
    assert outcome.failure is Failure.SILENT


async def test_a_dns_answer_is_its_header(host):
    """keepalived looks no further, so neither does this: a server may write what it likes behind it."""
    async with answering(host, lambda data: data[:2] + b"\x80\0" + b"\xff" * 500) as (port, _):
        assert (await dns_check(host, port)).ok


async def test_a_name_that_cannot_be_asked_for():
    outcome = await dns_check("127.0.0.1", 9, name="x" * 64)
    assert outcome.failure is Failure.LOCAL
    assert "cannot ask for SOA" in outcome.reason


async def test_ping(host):
    outcome = await PingProbe(PingCheck(connect_ip=host, connect_port=0, connect_timeout=2.0)).run()
    assert outcome.ok or outcome.failure is Failure.LOCAL, (
        outcome
    )  # unprivileged, and not in ping_group_range


@pytest.mark.parametrize("ipv6", [False, True])
def test_echo(ipv6):
    data = request(ipv6, 7, 9)
    assert checksum(data) == 0
    reply = bytes([129 if ipv6 else 0]) + data[1:]
    header = b"" if ipv6 else b"\x45" + bytes(19)
    assert is_reply(header + reply, ipv6, 7, 9)
    assert is_reply(reply, ipv6, None, 9)
    assert not is_reply(header + reply, ipv6, 7, 8)
    assert not is_reply(header + reply, ipv6, 8, 9)
    assert not is_reply(header + data, ipv6, 7, 9)
    assert not is_reply(b"", ipv6, 7, 9)
    assert not is_reply(b"\x4f", ipv6, 7, 9)
