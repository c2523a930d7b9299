# SPDX-License-Identifier: Apache-2.0
"""LB084x: remarks about real servers."""

from __future__ import annotations

from collections.abc import Iterator

from lbd.confparser.lint.scope import CHECKS, Remark, Scope, address_of, registry

RULES, rule = registry()


@rule("LB0840")
def _unchecked(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        servers = list(service.all("real_server"))
        told = service.last("quorum_down", "sorry_server")  # LB0815 has more to say
        if servers and told is None and not any(True for real in servers for _ in real.all(*CHECKS)):
            yield service, "no real server is checked: clients are sent to dead ones"


@rule("LB0841")
def _some_unchecked(scope: Scope) -> Iterator[Remark]:
    for service in scope.services:
        servers = list(service.all("real_server"))
        bare = [real for real in servers if next(real.all(*CHECKS), None) is None]
        if len(bare) < len(servers):
            for real in bare:
                if real.last("alpha", "notify_up", "notify_down") is not None:
                    continue  # LB0842 and LB0847 have more to say
                yield real, "this real server is not checked, others of the service are"


@rule("LB0842")
def _alpha_without_check(scope: Scope) -> Iterator[Remark]:
    for service, real in scope.real_servers():
        found = real.last("alpha") or service.last("alpha")
        if found is not None and found.value is not False and next(real.all(*CHECKS), None) is None:
            yield (
                found,
                f"alpha without a check: {real.node.words[1]} is down until a check succeeds, which never comes",
            )


@rule("LB0843")
def _thresholds(scope: Scope) -> Iterator[Remark]:
    for _, real in scope.real_servers():
        upper, lower = real.get("uthreshold", 0), real.last("lthreshold")
        if lower is not None and (not upper or lower.value >= upper):
            yield lower, "lthreshold is not below uthreshold: it does nothing"


@rule("LB0844")
def _no_host_address(scope: Scope) -> Iterator[Remark]:
    for _, real in scope.real_servers():
        address = address_of(real)
        if address is not None and (address.is_multicast or address.is_loopback or address.is_unspecified):
            yield real, f"{address} is no address of another machine"


@rule("LB0845")
def _virtual_real_server(scope: Scope) -> Iterator[Remark]:
    for service, real in scope.real_servers():
        own = str(getattr(getattr(service.value, "endpoint", None), "address", None))
        address = address_of(real)
        if address in scope.moved and str(address) != own:
            yield real, f"{address} is a virtual address: whoever is master would be the real server"


@rule("LB0846")
def _half_a_notification(scope: Scope) -> Iterator[Remark]:
    for _, real in scope.real_servers():
        for one, other in (("notify_up", "notify_down"), ("notify_down", "notify_up")):
            found = real.last(one)
            if found is not None and real.last(other) is None:
                yield found, f"{one} without {other}: what it does is never undone"


@rule("LB0847")
def _never_told(scope: Scope) -> Iterator[Remark]:
    for _, real in scope.real_servers():
        found = real.last("notify_down", "notify_up")
        if found is not None and next(real.all(*CHECKS), None) is None:
            yield found, f"{found.name} on a real server without checks: it never goes down"
