# SPDX-License-Identifier: Apache-2.0
"""keepalived_check.data: the virtual servers as they stand, in keepalived's layout, by what the check process tells."""

from __future__ import annotations

from collections.abc import Iterator

from lbd.daemon import dump_globals
from lbd.daemon import dump_words as words
from lbd.model import Config, RealServer, VirtualServer
from lbd.model.status import CheckRoleStatus, RealStatus, ServiceStatus


def data(config: Config, status: CheckRoleStatus) -> str:
    services = {one.name: one for one in status.services}
    lines = [*dump_globals.lines(config)]
    if config.virtual_servers:
        lines.append("------< LVS Topology >------")
    for one in config.virtual_servers:
        lines += _service(one, services.get(one.name))
    return "\n".join(lines) + "\n"


def _service(one: VirtualServer, status: ServiceStatus | None) -> Iterator[str]:
    yield f" VirtualServer = {one.name}"
    yield f"   Addresses = {', '.join(status.addresses if status else ())}"
    yield f"   Protocol = {one.protocol.value}"
    yield f"   lb_algo = {one.lb_algo}"
    yield f"   Quorum = {one.quorum}, hysteresis = {one.hysteresis}"
    if status is not None:
        yield f"   Quorum state = {'UP' if status.quorum_up else 'DOWN'}"
        yield f"   Sorry server = {status.sorry_server or '(none)'}{' (in use)' if status.sorry else ''}"
    seen = {(real.address, real.port): real for real in status.real_servers} if status else {}
    for real in one.real_servers:
        yield from _real(real, seen.get((real.address, real.port)))


def _real(one: RealServer, status: RealStatus | None) -> Iterator[str]:
    yield f"   RIP = [{one.address}]:{one.port}, weight = {one.weight}"
    if status is None:
        return
    yield f"     Alive = {words.affirmation(status.healthy)}"
    yield f"     Effective weight = {status.effective_weight}"
    yield f"     Checkers = {len(one.checks)}"
    if status.reason:
        yield f"     Last failure = {status.reason}"
