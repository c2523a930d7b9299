# SPDX-License-Identifier: Apache-2.0
"""virtual_server, its groups and checks: what comes out of the parser, with everything inherited."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lbd.confparser import Loaded, load
from lbd.model import (
    ForwardingMethod,
    HttpGet,
    HttpUrl,
    LocalAddressGroup,
    LocalAddressRange,
    Protocol,
    RealServer,
    ServiceAddress,
    TcpCheck,
    VirtualServer,
)

Parse = Callable[[str], Loaded]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    def run(text: str) -> Loaded:
        file = tmp_path / "keepalived.conf"
        file.write_text(text)
        return load(str(file), config_id="host")

    return run


def service(
    extra: str = "", real: str = "", head: str = "10.0.0.1 80", kind: str = "NAT", server: str = "10.0.1.1 80"
) -> str:
    return (
        f"virtual_server {head} {{\n lb_algo rr\n lb_kind {kind}\n protocol TCP\n {extra}\n"
        f" real_server {server} {{\n {real}\n }}\n}}\n"
    )


def clean(loaded: Loaded) -> VirtualServer:
    assert loaded.diagnostics == ()
    return only(loaded)


def only(loaded: Loaded) -> VirtualServer:
    assert loaded.config is not None
    (found,) = loaded.config.virtual_servers
    return found


def tcp(**more: object) -> TcpCheck:
    return TcpCheck(connect_ip="10.0.1.1", connect_port=80, **more)  # type: ignore[arg-type]


def test_defaults(parse: Parse) -> None:
    assert clean(parse(service())) == VirtualServer(
        name="[10.0.0.1]:tcp:80",
        addresses=(ServiceAddress("10.0.0.1", 80, Protocol.TCP),),
        lb_algo="rr",
        real_servers=(RealServer(address="10.0.1.1", port=80),),
    )


def test_nothing_said_but_the_address(parse: Parse) -> None:
    loaded = parse("virtual_server 10.0.0.1 80 {\n real_server 10.0.1.1 80 {\n }\n}\n")
    found = only(loaded)
    assert (found.lb_algo, found.protocol, found.real_servers[0].method) == (
        "wlc",
        Protocol.UDP,
        ForwardingMethod.NAT,
    )
    assert [d.code for d in loaded.diagnostics] == ["LB0404", "LB0402", "LB0403"]


def test_a_check_by_itself(parse: Parse) -> None:
    found = clean(parse(service(real="TCP_CHECK {\n }\n HTTP_GET {\n url {\n path /x\n }\n }")))
    assert found.real_servers[0].checks == (
        tcp(),
        HttpGet(connect_ip="10.0.1.1", connect_port=80, delay_before_retry=3.0, urls=(HttpUrl(path="/x"),)),
    )


def test_every_option_of_a_check(parse: Parse) -> None:
    check = """HTTP_GET {
        connect_ip 10.0.2.2
        connect_port 8080
        bindto 10.0.2.3
        bind_port 1234
        bind_if eth1
        connect_timeout 0.5
        fwmark 7
        retry 0
        delay_before_retry 0.25
        warmup 0
        delay_loop 2
        alpha no
        log_all_failures
        virtualhost check.example
        http_protocol 1.0c
        url {
            path "/a b"
            digest ABCDEF0123456789ABCDEF0123456789
            status_code 200 300-302
            virtualhost url.example
        }
        url {
            path /b
        }
    }"""
    found = clean(parse(service("alpha", check)))
    assert found.alpha
    assert found.real_servers[0].checks == (
        HttpGet(
            connect_ip="10.0.2.2",
            connect_port=8080,
            bindto="10.0.2.3",
            bind_port=1234,
            bind_if="eth1",
            connect_timeout=0.5,
            fwmark=7,
            retry=0,
            delay_before_retry=0.25,
            warmup=0.0,
            delay_loop=2.0,
            alpha=False,
            log_all_failures=True,
            virtualhost="check.example",
            http_protocol="1.0C",
            urls=(
                HttpUrl(
                    path="/a b",
                    digest="abcdef0123456789abcdef0123456789",
                    status_codes=((200, 200), (300, 302)),
                    virtualhost="url.example",
                ),
                HttpUrl(path="/b"),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("at_service", "at_server", "at_check", "expected"),
    [
        ("delay_loop 6", "", "", {"delay_loop": 6.0, "warmup": 6.0}),
        ("delay_loop 6", "delay_loop 7", "", {"delay_loop": 7.0, "warmup": 7.0}),
        ("delay_loop 6", "delay_loop 7", "delay_loop 8", {"delay_loop": 8.0, "warmup": 8.0}),
        ("delay_loop 6\n warmup 2", "", "delay_loop 8", {"delay_loop": 8.0, "warmup": 2.0}),
        ("retry 5", "retry 4", "", {"retry": 4}),
        ("retry 5", "", "retry 0", {"retry": 0}),
        ("delay_before_retry 0", "", "", {"delay_before_retry": 0.0}),
        ("connect_timeout 9", "", "connect_timeout 2", {"connect_timeout": 2.0}),
        ("alpha", "", "", {"alpha": True}),
        ("alpha", "alpha off", "", {"alpha": False}),
        ("", "alpha", "", {"alpha": True}),
    ],
)
def test_inheritance(
    parse: Parse, at_service: str, at_server: str, at_check: str, expected: dict[str, object]
) -> None:
    found = clean(parse(service(at_service, f"{at_server}\n TCP_CHECK {{\n {at_check}\n }}")))
    assert found.real_servers[0].checks == (tcp(**expected),)


def test_the_place_of_a_setting_in_its_block_does_not_matter(parse: Parse) -> None:
    text = service("", "TCP_CHECK {\n }\n retry 4").rstrip("}\n") + "}\n delay_loop 6\n weight 3\n}\n"
    found = clean(parse(text))
    assert found.real_servers[0].weight == 3
    assert found.real_servers[0].checks == (tcp(retry=4, delay_loop=6.0, warmup=6.0),)


def test_virtualhost_is_inherited(parse: Parse) -> None:
    check = "HTTP_GET {\n url {\n path /\n }\n }"
    for extra, real, expected in (
        ("virtualhost a", "", "a"),
        ("virtualhost a", "virtualhost b", "b"),
        ("", "", None),
    ):
        (found,) = clean(parse(service(extra, f"{real}\n {check}"))).real_servers[0].checks
        assert isinstance(found, HttpGet)
        assert found.virtualhost == expected


def test_log_all_failures_of_global_defs(parse: Parse) -> None:
    text = "global_defs {\n checker_log_all_failures\n}\n" + service(real="TCP_CHECK {\n }")
    assert clean(parse(text)).real_servers[0].checks == (tcp(log_all_failures=True),)


def test_the_rest_of_a_service(parse: Parse) -> None:
    extra = (
        "quorum 3\n hysteresis 1\n omega\n inhibit_on_failure\n weight 5\n delay_loop 9\n establish_timeout 120\n"
        " sorry_server 10.0.9.9 8080\n sorry_server_inhibit\n sorry_server_lvs_method DR"
    )
    real = "weight 7\n uthreshold 100\n lthreshold 50\n inhibit_on_failure off\n lvs_method DR"
    found = parse(service(extra, real))
    assert [d.code for d in found.diagnostics if d.code != "LB0115"] == ["LB0408"]
    server = only(found)
    assert (server.quorum, server.hysteresis, server.omega, server.delay_loop) == (3, 1, True, 9.0)
    assert (server.establish_timeout, server.sorry_server_inhibit) == (120, True)
    assert server.sorry_server == RealServer(address="10.0.9.9", port=80, method=ForwardingMethod.DR)
    assert server.real_servers == (
        RealServer(
            address="10.0.1.1",
            port=80,
            weight=7,
            method=ForwardingMethod.DR,
            uthreshold=100,
            lthreshold=50,
        ),
    )


def test_full_nat(parse: Parse) -> None:
    group = "local_address_group L {\n 10.0.2.5-9 eth0\n fd00::5 eth1\n}\n"
    loaded = parse(group + service("laddr_group_name L", kind="FNAT"))
    found = clean(loaded)
    assert found.laddr_group_name == "L"
    assert found.real_servers[0].method is ForwardingMethod.FNAT
    assert loaded.config is not None
    assert loaded.config.local_address_groups == (
        LocalAddressGroup(
            "L",
            (
                LocalAddressRange("10.0.2.5", "10.0.2.9", "eth0"),
                LocalAddressRange("fd00::5", "fd00::5", "eth1"),
            ),
        ),
    )


def test_a_group_of_addresses(parse: Parse) -> None:
    group = "virtual_server_group G {\n 10.0.0.1 80\n 10.0.0.8-9 443\n 10.0.0.1 80\n}\n"
    found = clean(parse(group + service(head="group G", server="10.0.1.1")))
    assert found.name == "G"
    assert [str(address) for address in found.addresses] == [
        "TCP 10.0.0.1:80",
        "TCP 10.0.0.8:443",
        "TCP 10.0.0.9:443",
    ]
    assert found.real_servers[0].port == 0


def test_a_family_without_servers_is_not_served(parse: Parse) -> None:
    group = "virtual_server_group G {\n 10.0.0.1 80\n fd00::1 80\n}\n"
    loaded = parse(group + service(head="group G"))
    assert [str(address) for address in only(loaded).addresses] == ["TCP 10.0.0.1:80"]
    assert [d.code for d in loaded.diagnostics] == ["LB0410"]


def test_a_server_without_port_has_that_of_the_service(parse: Parse) -> None:
    assert clean(parse(service(server="10.0.1.1"))).real_servers[0].port == 80


def test_dr_and_port_0_is_the_port_of_the_service(parse: Parse) -> None:
    assert clean(parse(service(kind="DR", server="10.0.1.1 0"))).real_servers[0].port == 80


def test_weight_0_reduces_the_quorum(parse: Parse) -> None:
    loaded = parse(service(real="weight 0"))
    assert only(loaded).quorum == 0
    assert loaded.exit_code == 5


def test_a_method_that_does_not_fit_leaves_out_the_server_only(parse: Parse) -> None:
    text = service("real_server 10.0.1.2 80 {\n lvs_method SNAT\n }")
    loaded = parse(text)
    assert [str(real) for real in only(loaded).real_servers] == ["10.0.1.1:80"]
    assert [d.code for d in loaded.diagnostics] == ["LB0412"]
    assert loaded.exit_code == 0


def test_the_first_scheduler_stays_where_the_second_is_unknown(parse: Parse) -> None:
    assert only(parse(service("lb_algo RR"))).lb_algo == "rr"


def test_groups_are_bounded(parse: Parse) -> None:
    nets = "\n".join(f"10.{n}.0.0/16 80" for n in range(8))
    loaded = parse(f"virtual_server_group G {{\n{nets}\n}}\n" + service(head="group G"))
    assert len(only(loaded).addresses) == 4 * 65536
    assert {d.code for d in loaded.diagnostics} == {"LB0007"}
