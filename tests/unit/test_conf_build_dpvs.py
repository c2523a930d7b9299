# SPDX-License-Identifier: Apache-2.0
"""What virtual servers say of scheduling, persistence and DPVS's features, as values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lbd.confparser import Loaded, addresses, load
from lbd.model import AddressGroup, AddressRange, Config, Span, TunnelInterface, VirtualServer

Parse = Callable[..., Loaded]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    def run(
        extra: str = "", before: str = "", head: str = "10.0.0.1 80", protocol: str = "UDP", algo: str = "rr"
    ) -> Loaded:
        file = tmp_path / "keepalived.conf"
        server = "fd00::9 80" if "fd00" in head else "10.0.1.1 80"
        file.write_text(
            f"{before}\nvirtual_server {head} {{\n lb_algo {algo}\n lb_kind NAT\n protocol {protocol}\n {extra}\n"
            f" real_server {server} {{\n }}\n}}\n"
        )
        return load(str(file), config_id="host", interfaces=["eth0"])

    return run


def config(loaded: Loaded) -> Config:
    assert loaded.config is not None
    return loaded.config


def only(loaded: Loaded) -> VirtualServer:
    (found,) = config(loaded).virtual_servers
    return found


def codes(loaded: Loaded) -> list[str]:
    return [found.code for found in loaded.diagnostics if found.code != "LB0115"]


@pytest.mark.parametrize(
    ("extra", "head", "expected", "said"),
    [
        ("persistence_timeout", "10.0.0.1 80", (360, b""), []),
        ("persistence_timeout 50", "10.0.0.1 80", (50, b""), []),
        ("persistence_granularity 255.255.0.255", "10.0.0.1 80", (360, b"\xff\xff\x00\xff"), []),
        ("persistence_granularity 64", "fd00::1 80", (360, b"\xff" * 8 + bytes(8)), []),
        ("persistence_granularity 24", "10.0.0.1 80", (0, b""), ["LB0201"]),
        ("persistence_granularity 129", "fd00::1 80", (0, b""), ["LB0201"]),
    ],
)
def test_persistence(
    parse: Parse, extra: str, head: str, expected: tuple[int, bytes], said: list[str]
) -> None:
    loaded = parse(extra, head=head)
    found = only(loaded)
    assert (found.persistence_timeout, found.persistence_granularity) == expected
    assert codes(loaded) == said


def test_features_of_dpvs(parse: Parse) -> None:
    groups = (
        "deny_address_group BAD {\n 10.66.0.1-9\n ipset:worse\n}\nallow_address_group GOOD {\n fd00::1\n}\n"
        "tunnel_group T {\n tunnel_entry t0 {\n kind gre\n remote 10.0.0.9\n local 10.0.0.8\n if eth0\n }\n}\n"
    )
    extra = (
        "syn_proxy\n expire_quiescent_conn\n quic\n vip_bind_dev eth0\n proxy_protocol V2-insecure\n bps 1000\n"
        " limit_proportion 50\n hash_target qid\n daddr_group_name BAD\n waddr_group_name GOOD\n"
        " establish_timeout 4000\n"
    )
    loaded = parse(extra, groups)
    found = only(loaded)
    assert (found.syn_proxy, found.expire_quiescent_conn, found.quic, found.vip_bind_dev) == (
        True,
        True,
        True,
        "eth0",
    )
    assert (found.proxy_protocol, found.proxy_protocol_insecure) == ("v2", True)
    assert (found.bps, found.limit_proportion, found.hash_target, found.establish_timeout) == (
        1000,
        50,
        "qid",
        3600,
    )
    assert (found.daddr_group_name, found.waddr_group_name) == ("BAD", "GOOD")
    assert config(loaded).deny_address_groups == (
        AddressGroup("BAD", (AddressRange("10.66.0.1", "10.66.0.9"),), ("worse",)),
    )
    assert config(loaded).allow_address_groups == (
        AddressGroup("GOOD", (AddressRange("fd00::1", "fd00::1"),)),
    )
    assert config(loaded).tunnels == (
        TunnelInterface(name="t0", kind="gre", remote="10.0.0.9", local="10.0.0.8", interface="eth0"),
    )
    assert codes(loaded) == ["LB0202"]


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ("daddr_group_name NONE", "LB0425"),
        ("proxy_protocol v3", "LB0205"),
        ("hash_target port", "LB0205"),
        ("limit_proportion 200", "LB0202"),
    ],
)
def test_what_dpvs_passes_over_in_silence_is_said(parse: Parse, extra: str, code: str) -> None:
    loaded = parse(extra)
    assert codes(loaded) == [code]
    assert only(loaded).proxy_protocol is None


def test_flags_of_the_scheduler_stand_after_it(parse: Parse) -> None:
    assert only(parse("sh-port\n sh-fallback\n flag-1", algo="sh")).flags == (
        "sh-port",
        "sh-fallback",
        "flag-1",
    )
    loaded = parse("mh-port")
    assert (only(loaded).flags, codes(loaded)) == ((), ["LB0419"])


def test_one_packet_scheduling_is_for_udp(parse: Parse) -> None:
    assert only(parse("ops")).ops
    loaded = parse("ops", protocol="TCP")
    assert (only(loaded).ops, codes(loaded)) == (False, ["LB0417"])


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("10.0.0.1", Span(first="10.0.0.1", last="10.0.0.1")),
        ("10.0.0.1-9:80", Span(first="10.0.0.1", last="10.0.0.9", first_port=80, last_port=80)),
        (":1024-2048", Span(first_port=1024, last_port=2048)),
        ("fd00::1-fd00::9", Span(first="fd00::1", last="fd00::9")),
        ("[fd00::1]:80-90", Span(first="fd00::1", last="fd00::1", first_port=80, last_port=90)),
        ("10.0.0.1:90-80", None),
        ("10.0.0.x", None),
    ],
)
def test_ranges_of_a_match(word: str, expected: Span | None) -> None:
    reading = addresses.span().read((word,))
    assert reading.value == expected
    assert bool(reading.complaints) == (expected is None)
