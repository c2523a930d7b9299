# SPDX-License-Identifier: Apache-2.0
"""Every kind of check as a value: what it says, what it inherits, what is left out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lbd.confparser import Loaded, load, octets
from lbd.confparser.octets import Octets
from lbd.confparser.values import RefusedError
from lbd.model import (
    Check,
    DnsCheck,
    HttpUrl,
    MiscCheck,
    PingCheck,
    Regex,
    Script,
    SmtpCheck,
    Ssl,
    SslGet,
    UdpCheck,
)

Parse = Callable[..., Loaded]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    def run(check: str, before: str = "", service: str = "", server: str = "") -> Loaded:
        file = tmp_path / "keepalived.conf"
        file.write_text(
            f"{before}\nvirtual_server 10.0.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n {service}\n"
            f" real_server 10.0.1.1 80 {{\n {server}\n {check}\n }}\n}}\n"
        )
        return load(str(file), config_id="host", interfaces=["eth0"])

    return run


def checks(loaded: Loaded) -> tuple[Check, ...]:
    assert loaded.config is not None
    (service,) = loaded.config.virtual_servers
    return service.real_servers[0].checks


AT = {"connect_ip": "10.0.1.1", "connect_port": 80}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PING_CHECK {\n }", PingCheck(**AT)),
        ("DNS_CHECK {\n type aaaa\n name example.com\n }",
         DnsCheck(type="AAAA", name="example.com", retry=3, delay_before_retry=60.0, **AT)),
        ("DNS_CHECK {\n delay_loop 7\n retry 0\n }",
         DnsCheck(retry=0, delay_before_retry=7.0, delay_loop=7.0, warmup=7.0, **AT)),
        ("UDP_CHECK {\n payload 01 ff 2 ABCD\n require_reply 0x x1 ff\n min_reply_length 2\n max_reply_length 300\n }",
         UdpCheck(payload=b"\x01\xff\x02\xab\xcd", require_reply=True, reply=b"\x00\x01\xff",
                  reply_mask=b"\x0f\xf0\x00", min_reply_length=2, max_reply_length=300, **AT)),
        ("UDP_CHECK {\n require_reply\n }", UdpCheck(require_reply=True, **AT)),
        ("SMTP_CHECK {\n helo_name me\n }", SmtpCheck(helo_name="me", **AT)),
        ("PING_CHECK {\n rise 3\n fall 2\n }", PingCheck(rise=3, fall=2, **AT)),
    ],
)  # fmt: skip
def test_a_check(parse: Parse, text: str, expected: Check) -> None:
    loaded = parse(text)
    assert loaded.diagnostics == ()
    assert checks(loaded) == (expected,)


def test_each_host_is_a_check_of_its_own(parse: Parse) -> None:
    hosts = "host {\n connect_ip 10.0.1.2\n }\n host {\n connect_port 26\n retry 0\n }"
    assert checks(parse(f"SMTP_CHECK {{\n retry 4\n {hosts}\n }}")) == (
        SmtpCheck(connect_ip="10.0.1.2", connect_port=80, retry=4),
        SmtpCheck(connect_ip="10.0.1.1", connect_port=26, retry=0),
    )
    own = checks(parse(f"SMTP_CHECK {{\n connect_port 25\n {hosts}\n }}"))
    assert own[0] == SmtpCheck(connect_ip="10.0.1.1", connect_port=25)
    assert len(own) == 3


def test_https_with_all_it_has(parse: Parse) -> None:
    url = (
        "url {\n path /x\n regex 'a\\x41 b'\n regex_options caseless dotall caseless\n regex_no_match\n"
        " regex_min_offset 4\n regex_max_offset 90\n tls_compliant off\n }"
    )
    ssl = "SSL {\n ca /ca.pem\n certificate /c.pem\n key /k.pem\n password x y\n}\n"
    loaded = parse(
        f"SSL_GET {{\n sni_name a.example\n fast_recovery\n tls_compliant\n {url}\n }}",
        before=ssl,
        service="virtualhost vs.example",
        server="virtualhost rs.example",
    )
    assert {found.code for found in loaded.diagnostics} <= {"LB0108", "LB0115"}
    assert checks(loaded) == (
        SslGet(
            urls=(
                HttpUrl(
                    path="/x",
                    regex=Regex(
                        pattern=b"aA b",
                        options=("caseless", "dotall"),
                        no_match=True,
                        min_offset=4,
                        max_offset=90,
                    ),
                    tls_compliant=False,
                ),
            ),
            virtualhost="rs.example",
            sni_virtualhost="vs.example",
            enable_sni=True,
            sni_name="a.example",
            fast_recovery=True,
            tls_compliant=True,
            delay_before_retry=3.0,
            ssl=Ssl(ca="/ca.pem", certificate="/c.pem", key="/k.pem", password="x"),
            **AT,
        ),
    )


def test_a_script_runs_as_its_user(parse: Parse) -> None:
    before = "global_defs {\n script_user daemon\n enable_script_security\n}\n"
    (check,) = checks(
        parse("MISC_CHECK {\n misc_path \"/bin/x -a 'b c'\"\n misc_dynamic\n misc_timeout 4\n }", before)
    )
    assert check == MiscCheck(
        script=Script(argv=("/bin/x", "-a", "b c"), uid=1, gid=1, secure=True),
        misc_timeout=4.0,
        misc_dynamic=True,
        retry=0,
        **AT,
    )
    (check,) = checks(parse("MISC_CHECK {\n misc_path /bin/x\n user root daemon\n }", before))
    assert isinstance(check, MiscCheck)
    assert (check.script.uid, check.script.gid, check.misc_timeout) == (0, 1, 0.0)


def test_a_script_of_nobody_is_left_out(parse: Parse) -> None:
    loaded = parse("MISC_CHECK {\n misc_path /bin/x\n user nosuchuser\n }")
    assert checks(loaded) == ()
    assert [found.code for found in loaded.diagnostics] == ["LB0603"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("UDP_CHECK {\n min_reply_length 300\n }", "LB0505"),
        ("UDP_CHECK {\n payload 0g\n }", "LB0201"),
        ("HTTP_GET {\n url {\n path /\n regex_no_match\n }\n }", "LB0506"),
        ("HTTP_GET {\n url {\n path /\n regex x\n regex_min_offset 9\n regex_max_offset 9\n }\n }", "LB0506"),
        ("HTTP_GET {\n url {\n path /\n regex x\n regex_options nosuch\n }\n }", "LB0205"),
        ("DNS_CHECK {\n type MAILB\n }", "LB0201"),
    ],
)
def test_what_is_wrong_with_a_check(parse: Parse, text: str, code: str) -> None:
    assert [found.code for found in parse(text).diagnostics] == [code]


def test_octets() -> None:
    assert octets.read("1 2a3 Ff", wildcards=False) == Octets(b"\x01\x2a\x03\xff")
    assert octets.read("xX", wildcards=True) == Octets(b"\x00", b"\xff")
    with pytest.raises(RefusedError):
        octets.read("x", wildcards=False)


def test_telling_of_servers(parse: Parse) -> None:
    mail = "smtp_server 10.0.0.9\n notification_email {\n a@example.com\n }\n"
    loaded = parse(
        "notify_up /bin/up\n notify_down '/bin/down it'\n",
        before=f"global_defs {{\n {mail}\n}}\n",
        service="quorum_up /bin/q\n ha_suspend\n omega\n",
    )
    assert loaded.config is not None
    (service,) = loaded.config.virtual_servers
    (real,) = service.real_servers
    owner = {"uid": real.notify_up.uid, "gid": real.notify_up.gid} if real.notify_up else {}
    assert real.notify_up == Script(argv=("/bin/up",), **owner)
    assert real.notify_down == Script(argv=("/bin/down", "it"), **owner)
    assert owner["uid"] == os.geteuid()
    assert (service.quorum_up, service.quorum_down) == (Script(argv=("/bin/q",), **owner), None)
    assert (service.ha_suspend, service.omega) == (True, True)
    assert (real.smtp_alert, service.smtp_alert) == (True, False), (
        "servers where mail is configured, quorums not"
    )
