# SPDX-License-Identifier: Apache-2.0
"""LB086x: remarks about checks."""

from __future__ import annotations

from collections.abc import Iterator

from lbd.confparser.lint.scope import CHECKS, Remark, Scope, inherited, port_of, registry

RULES, rule = registry()
_CONNECTING = ("TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "PING_CHECK")
_PATIENCE = 120.0
"""Seconds until a dead server is noticed, above which a remark is made."""


@rule("LB0860")
def _slower_than_the_beat(scope: Scope) -> Iterator[Remark]:
    for service, real, check in scope.checks(*_CONNECTING):
        levels = (check, real, service)
        timeout, loop = inherited("connect_timeout", 5, *levels), inherited("delay_loop", 60, *levels)
        if timeout > loop:
            yield check, f"the check may take {timeout:g} s and is due every {loop:g} s (delay_loop)"


@rule("LB0861")
def _slow_to_notice(scope: Scope) -> Iterator[Remark]:
    for service, real, check in scope.checks("TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK"):
        levels = (check, real, service)
        loop, timeout = inherited("delay_loop", 60, *levels), inherited("connect_timeout", 5, *levels)
        pause = inherited("delay_before_retry", 3 if check.name.endswith("_GET") else 1, *levels)
        whole = loop + timeout + inherited("retry", 1, *levels) * (pause + timeout)
        if whole > _PATIENCE:
            yield check, f"a dead server may be served for {whole:g} s before it is noticed"


@rule("LB0862")
def _another_port(scope: Scope) -> Iterator[Remark]:
    for service, real, check in scope.checks("TCP_CHECK", "HTTP_GET", "SSL_GET"):
        found, port = check.last("connect_port"), port_of(real, service)
        single = sum(1 for _ in real.all(*CHECKS)) == 1
        if service.get("protocol") == "UDP":
            continue
        if found is not None and port and found.value != port and single:
            yield found, f"the only check looks at port {found.value}, clients are sent to port {port}"


@rule("LB0863")
def _another_protocol(scope: Scope) -> Iterator[Remark]:
    for service, real, check in scope.checks("TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK"):
        if service.get("protocol") == "UDP" and sum(1 for _ in real.all(*CHECKS)) == 1:
            yield check, f"a service for UDP is checked over TCP ({check.name}) alone"


@rule("LB0864")
def _udp_for_tcp(scope: Scope) -> Iterator[Remark]:
    for service, real, check in scope.checks("UDP_CHECK", "DNS_CHECK", "PING_CHECK"):
        if service.get("protocol") == "TCP" and sum(1 for _ in real.all(*CHECKS)) == 1:
            yield check, f"a service for TCP is checked by {check.name} alone, which does not connect"


@rule("LB0865")
def _clear_text_to_443(scope: Scope) -> Iterator[Remark]:
    for service, real, check in scope.checks("HTTP_GET", "SSL_GET"):
        port = int(check.get("connect_port") or port_of(real, service))
        if check.name == "HTTP_GET" and port == 443:
            yield check, "HTTP_GET speaks no TLS, and port 443 expects it: SSL_GET"
        elif check.name == "SSL_GET" and port == 80:
            yield check, "SSL_GET speaks TLS, and port 80 expects none: HTTP_GET"


@rule("LB0866")
def _errors_are_fine(scope: Scope) -> Iterator[Remark]:
    for _, _, check in scope.checks("HTTP_GET", "SSL_GET"):
        for url in check.all("url"):
            found = url.last("status_code")
            if found is not None and any(word.startswith("5") for word in found.node.words[1:]):
                yield found, "a server error (5xx) counts as success"


@rule("LB0867")
def _slow_script(scope: Scope) -> Iterator[Remark]:
    for service, real, check in scope.checks("MISC_CHECK"):
        found, loop = check.last("misc_timeout"), inherited("delay_loop", 60, check, real, service)
        if found is not None and found.value > loop:
            yield found, f"the script may run for {found.value:g} s and is due every {loop:g} s (delay_loop)"


@rule("LB0868")
def _same_check_twice(scope: Scope) -> Iterator[Remark]:
    for _, real in scope.real_servers():
        seen: set[object] = set()
        for check in real.all(*CHECKS):
            lines = tuple(" ".join(inner.node.words) for inner in check.items or ())
            inner = tuple(" ".join(one.node.words) for url in check.all("url") for one in url.items or ())
            key = check.name, lines, inner
            if key in seen:
                yield check, f"the same {check.name} stands here twice"
            seen.add(key)


@rule("LB0869")
def _hasty(scope: Scope) -> Iterator[Remark]:
    for service, real, check in scope.checks():
        loop = inherited("delay_loop", 60, check, real, service)
        if loop < 0.5:
            yield check, f"a check every {loop:g} s is a load on the server that clients pay for"
